"""Hold the numbers of one checkout of stratus against those of another, on one machine.

    python scripts/compare_checkouts.py BEFORE AFTER [--only NAME ...] [--keep FOLDER]

BEFORE and AFTER are checkouts (folders with ``src/stratus``) or folders of outputs that an earlier
call kept. Each checkout runs in processes of its own, on one thread, with its sources first on the
path. What is compared are files of the command line and arrays of the Python interface: predictions
of the bundled model, losses and weights of short pre-trainings, predictions, metrics and weights of
short fine-tunings. Crystals and labels are made by ``comparison_inputs.py``.

A line a check: ``same bits``, or the largest relative difference and where it is. The exit code is
1 where a check differs by more than it may: nothing, or 1e-6 where batches may be composed anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from comparison_inputs import write_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

COMPOSED_ANEW = 1e-6
"""Largest relative difference where other crystals may share a batch."""

TIMES = ("second", "rate", "per_s", "time", "duration", "throughput", "memory", "hours", "speed")
"""Parts of names of measured times and the like, which never are the same twice."""

MESSAGES = ("detail", "notes")
"""Columns of sentences for people, which are shown where they differ, and may."""

QUIET = ("--quiet",)
EXAMPLES = Path("src", "stratus", "crystals", "examples")


@dataclass(frozen=True)
class Checkout:
    """A checkout that runs on inputs and writes into a folder of outputs."""

    root: Path
    inputs: Path
    out: Path

    def stratus(self, *arguments: object) -> None:
        """Run a command of ``stratus``; its output is shown where it fails."""
        self._run("-m", "stratus", *arguments)

    def script(self, name: str, *arguments: object) -> None:
        """Run a script of this folder with the sources of the checkout."""
        self._run(Path(__file__).with_name(name), *arguments)

    def options(self, verb: str, settings: Mapping[str, str]) -> list[str]:
        """Return rarer options the way this checkout takes them.

        Args:
            verb: the command.
            settings: ``NAME=VALUE`` for ``--set``, with what was a flag before there was ``--set``
                (else it stands in a file for ``--config``).
        """
        words = self._run("-m", "stratus", verb, "--help").stdout.split()
        if "--set" in words:
            return [word for setting in settings for word in ("--set", setting)]
        found = [word for flag in settings.values() for word in flag.split()]
        filed = [setting.split("=") for setting, flag in settings.items() if not flag]
        if filed:
            path = self.out / "options.yaml"
            path.write_text("".join(f"{name}: {value}\n" for name, value in filed), "utf-8")
            found += ["--config", str(path)]
        return found

    def _run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        paths = {"PYTHONPATH": str(self.root / "src"), "COLUMNS": "200"}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(
            command, env={**os.environ, **paths, **threads}, cwd=self.out, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{self.root}: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done


def _setting(name: str, value: object) -> str:
    """Return an option as ``--set`` takes it, by the name that it had as a flag."""
    if name == "kind":
        column, _, kind = str(value).partition("=")
        return f"tasks.{column}.kind={kind}"
    if name == "per_cell":
        return f"tasks.{value}.per=cell"
    return f"{'law' if name == 'physics' else name}={value}"


def predict(checkout: Checkout) -> None:
    """Predict by the command line from files, SCOPE strings and formulas, and the curves."""
    common = ("--workers", "0", *QUIET)
    for name in ("cifs", "strings.parquet", "formulas.csv"):
        out = f"{Path(name).stem}.parquet"
        checkout.stratus("predict", checkout.inputs / name, "-o", out, "--digits", 17, *common)
    checkout.stratus("predict", checkout.inputs / "cifs", "-o", "cifs.csv", *common)
    checkout.stratus(
        "thermo", checkout.inputs / "cifs", "-o", "curves.parquet", "--step", 250, "--digits", 17,
        *common,
    )  # fmt: skip


def python(checkout: Checkout) -> None:
    """Predict, embed and give curves in Python."""
    checkout.script("python_outputs.py", checkout.inputs, "python.npz")


def pretrain(encoder: str) -> Callable[[Checkout], None]:
    """Pre-train by masked tokens for a few epochs."""

    def run(checkout: Checkout) -> None:
        checkout.stratus(
            "pretrain", checkout.inputs / "strings.parquet", "-o", "run", "--encoder", encoder,
            "--preset", "nano", "--epochs", 3, "--batch-size", 32, "--seed", 5, *QUIET,
            *checkout.options("pretrain", {"log_every=1": ""}),
        )  # fmt: skip

    return run


def finetune(
    targets: Sequence[str], settings: Mapping[str, str], *common: object
) -> Callable[[Checkout], None]:
    """Fine-tune for a few epochs on some targets."""

    def run(checkout: Checkout) -> None:
        wanted = [word for target in targets for word in ("--target", target)]
        checkout.stratus(
            "finetune", checkout.inputs / "labels.csv", "-o", "bundle", *wanted, "--epochs", 3,
            "--batch-size", 16, "--seed", 7, "--folds", 2, *common,
            *checkout.options("finetune", settings), *QUIET,
        )  # fmt: skip

    return run


THREE = ("gap:eV", "heat:eV", "metal")
OF_THREE = {
    "tasks.metal.kind=binary": "--kind metal=binary",
    "tasks.heat.per=cell": "--per-cell heat",
}
LAW = ("cv@300K:J/mol/K", "gap:eV")
DEBYE, MIXTURE = {"law=debye": "--physics debye"}, {"law=mixture": "--physics mixture"}
BUNDLED = ("--model", "bundled")
FRESH = ("--model", "none", "--preset", "nano", "--encoder")

RUNS: dict[str, Callable[[Checkout], None]] = {
    "predict": predict,
    "python": python,
    "pretrain-cloud": pretrain("cloud"),
    "pretrain-orbit-set": pretrain("orbit-set"),
    "finetune-bundled": finetune(THREE, {**OF_THREE, "members=2": "--members 2"}, *BUNDLED),
    "finetune-bundled-law": finetune(LAW, MIXTURE, *BUNDLED),
    "finetune-orbit-set": finetune(
        THREE, {**OF_THREE, "hide=0.3": "--hide 0.3"}, *FRESH, "orbit-set"
    ),
    "finetune-orbit-set-law": finetune(LAW, DEBYE, *FRESH, "orbit-set"),
    "finetune-cloud": finetune(THREE, OF_THREE, *FRESH, "cloud"),
    "finetune-roost": finetune(THREE, OF_THREE, *FRESH, "roost"),
}


@dataclass
class Difference:
    """How far numbers are apart, and where most; words that differ."""

    largest: float = 0.0
    where: str = ""
    numbers: int = 0
    words: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def numbers_of(self, name: str, before: Any, after: Any) -> None:
        """Compare two arrays."""
        one, other = np.asarray(before), np.asarray(after)
        if one.shape != other.shape:
            self.words.append(f"{name}: shape {one.shape}, now {other.shape}")
            return
        self.numbers += one.size
        if one.dtype == other.dtype and one.tobytes() == other.tobytes():
            return
        one, other = one.astype(np.float64), other.astype(np.float64)
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        scale = np.maximum(np.abs(one), np.abs(other))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.where(same, 0.0, np.abs(one - other) / scale)
        apart = np.where(np.isfinite(apart), apart, math.inf)
        worst = float(apart.max(initial=0.0))
        if worst > self.largest:
            self.largest, self.where = worst, name


def compare_tables(found: Difference, name: str, before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Compare the columns of one table with those of another, row by row."""
    if len(before) != len(after):
        found.words.append(f"{name}: {len(before)} rows, now {len(after)}")
        return
    for column in before:
        if _of_time(str(column)):
            continue
        if column not in after:
            found.words.append(f"{name}: no column {column!r} now")
        elif pd.api.types.is_numeric_dtype(before[column]):
            found.numbers_of(f"{name}, {column}", before[column], after[column])
        else:
            one, other = before[column].fillna(""), after[column].fillna("")
            differ = (one.astype(str) != other.astype(str)).to_numpy()
            if differ.any():
                k = int(differ.argmax())
                words = found.remarks if column in MESSAGES else found.words
                words.append(
                    f"{name}, {column}: {differ.sum()} of {len(one)} differ, first "
                    f"{one[k]!r}, now {other[k]!r}"
                )


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the plain values of nested ones, with their paths."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, f"{path}/{name}")
    elif isinstance(value, list):
        for k, one in enumerate(value):
            yield from leaves(one, f"{path}/{k}")
    else:
        yield path, value


def compare_metrics(found: Difference, name: str, before: Any, after: Any) -> None:
    """Compare the numbers of two documents that stand at the same place."""
    now = dict(leaves(after))
    for path, value in leaves(before):
        if not isinstance(value, int | float) or _of_time(path) or path.startswith("/options"):
            continue
        if isinstance(now.get(path), int | float):
            found.numbers_of(f"{name}{path}", float(value), float(now[path]))
        else:
            found.words.append(f"{name}: no number at {path} now")


def weights(path: Path) -> list[tuple[tuple[int, ...], str]]:
    """Return shapes and checksums of all tensors of a file, in an order that no name decides."""
    from safetensors.numpy import load_file

    return sorted(
        (array.shape, hashlib.sha256(array.tobytes()).hexdigest())
        for array in load_file(path).values()
    )


def compare(before: Path, after: Path) -> dict[str, Difference]:
    """Compare the outputs of a run, file by file; by what they are."""
    found: dict[str, Difference] = {}
    for path in sorted(path for path in before.rglob("*") if path.is_file()):
        name = str(path.relative_to(before))
        other = after / name
        if not _compared(path):
            continue
        one = found.setdefault(name, Difference())
        if not other.exists():
            one.words.append(f"no file {name} now")
        elif path.suffix == ".npz":
            with np.load(path) as old, np.load(other) as new:
                for key in old.files:
                    if key in new.files:
                        one.numbers_of(key, old[key], new[key])
                    else:
                        one.words.append(f"no array {key} now")
        elif path.suffix == ".parquet":
            compare_tables(one, name, pd.read_parquet(path), pd.read_parquet(other))
        elif path.suffix == ".csv":
            compare_tables(one, name, _read_csv(path), _read_csv(other))
        elif path.suffix == ".json":
            compare_metrics(one, name, *(json.loads(p.read_text("utf-8")) for p in (path, other)))
        else:
            old_weights, new_weights = weights(path), weights(other)
            one.numbers += len(old_weights)
            if old_weights != new_weights:
                changed = len(set(old_weights) - set(new_weights))
                one.words.append(f"{changed} of {len(old_weights)} tensors are others now")
    return found


def _read_csv(path: Path) -> pd.DataFrame:
    """Read every cell as Python does, so that no bit of a number is lost."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in table:
        try:
            table[column] = [float(cell or "nan") for cell in table[column]]
        except ValueError:
            continue  # texts
    return table


def _compared(path: Path) -> bool:
    if path.suffix == ".npz" or path.name in {"weights.safetensors", "metrics.json"}:
        return True
    if path.name == "throughput.csv":
        return False
    return path.suffix in {".csv", ".parquet"} and "tokens" not in path.parts


def _of_time(name: str) -> bool:
    return any(part in name for part in TIMES)


def run_all(checkout: Path, inputs: Path, out: Path, names: list[str]) -> None:
    """Run what was asked for, each in a folder of its own; what is there already is kept."""
    for name in names:
        if (out / name).is_dir():
            continue
        draft = out / f"{name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        begin = time.perf_counter()
        RUNS[name](Checkout(checkout, inputs, draft))
        draft.rename(out / name)
        print(f"ran {name} in {checkout}: {time.perf_counter() - begin:.0f} s", flush=True)


def make_inputs(inputs: Path, checkout: Path) -> None:
    """Make the inputs; strings are those that the checkout writes of the crystals."""
    draft = inputs.with_name("inputs.draft")
    shutil.rmtree(draft, ignore_errors=True)
    write_inputs(draft, checkout / EXAMPLES)
    Checkout(checkout, draft, draft).stratus(
        "encode", draft / "cifs", "-o", "strings.parquet", "--workers", 0, *QUIET
    )
    draft.rename(inputs)


def is_checkout(folder: Path) -> bool:
    """Return whether a folder has the sources of stratus."""
    return (folder / "src" / "stratus").is_dir()


def report(before: Path, after: Path, names: list[str]) -> int:
    """Print a line for each file of each run; return how many differ by more than they may."""
    bad = 0
    for name in names:
        for file, found in compare(before / name, after / name).items():
            if found.words:
                verdict = f"DIFFERENT: {found.words[0]}"
                verdict += f" (and {len(found.words) - 1} more)" * (len(found.words) > 1)
            elif found.largest == 0:
                verdict = "same bits"
            else:
                verdict = f"max relative difference {found.largest:.1e}, at {found.where}"
            bad += bool(found.words) or found.largest > COMPOSED_ANEW
            print(f"{name:24}{file:28}{found.numbers:>8}  {verdict}")
            for remark in found.remarks:
                print(f"{'':24}remark: {remark}")
    print("all as before" if not bad else f"{bad} differ")
    return bad


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), metavar="NAME")
    parser.add_argument("--keep", type=Path, help="folder for the outputs of both")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        keep = (arguments.keep or Path(temporary)).resolve()
        sides: dict[str, Path] = {}
        for side in ("before", "after"):
            given = getattr(arguments, side).resolve()
            sides[side] = keep / side if is_checkout(given) else given
        inputs = sides["before"] / "inputs"
        if is_checkout(arguments.before) and not inputs.is_dir():
            inputs.parent.mkdir(parents=True, exist_ok=True)
            make_inputs(inputs, arguments.before.resolve())
        for side, out in sides.items():
            given = getattr(arguments, side).resolve()
            if is_checkout(given):
                run_all(given, inputs, out, arguments.only)
        return 1 if report(sides["before"], sides["after"], arguments.only) else 0


if __name__ == "__main__":
    sys.exit(main())
