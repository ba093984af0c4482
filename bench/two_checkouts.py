"""Prediction and fine-tuning of two checkouts of stratus, side by side, by processor time.

    python bench/two_checkouts.py [BEFORE] [AFTER] [--turns 5] [--crystals 1500] [--epochs 30]

BEFORE and AFTER are checkouts or revisions of this repository (of which a worktree is made); this
checkout where none is said, which then shows the noise. What is timed are whole commands, each in a
process of its own on one thread: ``stratus predict`` of CIF files and of SCOPE strings, and
``stratus finetune`` from the bundled model and of a fresh one, on crystals that are made up. Both
run by turns, so that a busy moment falls on each. The last line is the processor time before over
that after, of the command where it is least: 1 or more, but for noise, where nothing got slower.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def processor_seconds(checkout: Path, arguments: list[str]) -> float:
    """Run a command of stratus; return the processor time of its process and of its workers."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "stratus", *arguments, "--quiet"],
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{checkout}: stratus {' '.join(arguments)}\n{done.stderr}")
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def commands(inputs: Path, epochs: int) -> dict[str, list[str]]:
    """Return what is timed, by name; the last argument is the folder or file of the output."""
    one = ["--workers", "0"]
    learn = ["finetune", str(inputs / "labels.csv"), "--target", "gap:eV", "--target", "heat:eV"]
    learn += ["--folds", "2", "--epochs", str(epochs), "--seed", "1"]
    fresh = ["--model", "none", "--encoder"]
    return {
        "predict, CIF files": ["predict", str(inputs / "cifs"), *one, "-o", "cifs.csv"],
        "predict, strings": ["predict", str(inputs / "strings.csv"), *one, "-o", "strings.csv"],
        "finetune, bundled": [*learn, "-o", "bundled"],
        "finetune, cloud": [*learn, *fresh, "cloud", "-o", "cloud"],
        "finetune, roost": [*learn, *fresh, "roost", "-o", "roost"],
    }


def checkout_of(text: str, folder: Path) -> Path:
    """Return a checkout: the folder of that name, or a new worktree of that revision."""
    if Path(text, "src", "stratus").is_dir():
        return Path(text).resolve()
    git("worktree", "add", "--detach", str(folder), text)
    return folder


def git(*words: str) -> None:
    """Run git on this repository."""
    command = [shutil.which("git") or "git", "-C", str(ROOT), *words]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Time the commands of both checkouts, by turns."""
    sys.path.append(str(ROOT / "scripts"))
    from comparison_inputs import write_inputs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", nargs="?", default=str(ROOT))
    parser.add_argument("after", nargs="?", default=str(ROOT))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--crystals", type=int, default=1500)
    parser.add_argument("--labelled", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--only", nargs="+", help="names of commands, or their beginnings")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worktrees = folder / "before", folder / "after"
        sides = [
            checkout_of(text, made)
            for text, made in zip((options.before, options.after), worktrees, strict=True)
        ]
        try:
            inputs = folder / "inputs"
            examples = sides[0] / "src" / "stratus" / "crystals" / "examples"
            write_inputs(inputs, examples, options.crystals, options.labelled)
            encode = ["encode", str(inputs / "cifs"), "-o", str(inputs / "strings.csv")]
            processor_seconds(sides[0], encode)
            compare(sides, commands(inputs, options.epochs), folder, options)
        finally:
            for made in worktrees:
                if made.is_dir():
                    git("worktree", "remove", "--force", str(made))


def compare(
    sides: list[Path], timed: dict[str, list[str]], folder: Path, options: argparse.Namespace
) -> None:
    """Print the processor times of each command, and how many times less the second takes."""
    print(f"{options.crystals} crystals, {options.labelled} with labels, {options.turns} turns")
    print(f"{'processor time':24}{'before':>10}{'after':>10}{'before / after':>18}")
    ratios = []
    for name, words in timed.items():
        if not name.startswith(tuple(options.only or ("",))):
            continue
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(options.turns):
            for side in (0, 1) if turn % 2 == 0 else (1, 0):
                out = str(folder / f"{turn}-{side}-{words[-1]}")
                times[side].append(processor_seconds(sides[side], [*words[:-1], out]))
        each = [one / other for one, other in zip(*times, strict=True)]
        before, after, ratio = map(statistics.median, (*times, each))
        half = (max(each) - min(each)) / 2
        print(f"{name:24}{before:>8.2f} s{after:>8.2f} s{ratio:>12.3f} ± {half:.3f}", flush=True)
        ratios.append(ratio)
    print(f"ratio: {min(ratios):.2f}")


if __name__ == "__main__":
    main()
