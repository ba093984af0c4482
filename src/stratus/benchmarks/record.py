"""The result file: all that a referee needs of one run, in one JSON file with a schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stratus.benchmarks.discovery import DiscoveryScores
from stratus.benchmarks.published_rows import Published
from stratus.errors import InputError
from stratus.files.plain import read_plain, unzipped
from stratus.training.row_caps import Capped

FORMAT: Final = 1
RUN_FILE: Final = "run.json"
_LARGEST: Final = 1 << 30
"""Bytes; of the largest benchmark, with 257 thousand rows, it has a hundredth."""

Number = float | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Asked(_Part):
    """What was to be predicted, from which rows.

    Attributes:
        benchmark: ``matbench_v0.1``, ``matbench_discovery``, ``unconvbench_v1.0.1`` or ``table``.
        name: of the set of rows; that of the official task only where it is the official set.
        official: whether rows, labels, folds and inputs are the official ones.
        notes: where they are not, and how.
        target: the column of the labels.
        unit: of them.
        kind: regression or binary.
        per: ``cell`` where labels grow with the cell.
        metric: what methods are ranked by.
        lower_is_better: whether a smaller number of it is a better one.
    """

    benchmark: Literal["matbench_v0.1", "matbench_discovery", "unconvbench_v1.0.1", "table"]
    name: str
    official: bool
    notes: tuple[str, ...] = ()
    target: str
    unit: str
    kind: Literal["regression", "binary"]
    per: Literal["atom", "cell", "crystal"] = "crystal"
    metric: str
    lower_is_better: bool


class Data(_Part):
    """Where the rows came from.

    Attributes:
        files: sha256 of each file, by its name.
        rows: test rows in all folds.
        unread: ids of the rows that could not be used as input, with the reasons; every method
            predicts a constant learned from the training labels for them.
        splits: sha256 of which ids are in which part, by fold.
        shared: crystals that parts of a fold share, by fold.
    """

    files: dict[str, str]
    rows: int
    unread: dict[str, str]
    splits: dict[str, str]
    shared: dict[str, dict[str, int]] = Field(default_factory=dict)


class Rows(_Part):
    """The test rows; every list has one entry a row.

    Attributes:
        ids: official ids where there are such.
        folds: name of the fold in which the row is a test row.
        labels: true values; of a binary target 0 or 1.
        clusters: rows with one name are not independent: crystals of one composition.
        groups: by what errors are shown apart, such as the crystal system.
    """

    ids: tuple[str, ...]
    folds: tuple[str, ...]
    labels: tuple[float, ...]
    clusters: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _one_entry_a_row(self) -> Self:
        columns = [self.folds, self.labels, self.clusters, *self.groups.values()]
        if any(len(column) != len(self.ids) for column in columns):
            raise ValueError(f"there are {len(self.ids)} ids, but not as many entries elsewhere")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("an id stands twice among the test rows")
        return self


class Folded(_Part):
    """A metric over folds, as :class:`stratus.benchmarks.scores.OverFolds`."""

    mean: float
    max: float
    min: float
    std: float


class Method(_Part):
    """One method.

    Attributes:
        name: what it is called.
        role: the model, or a simple model beside it.
        values: predictions in the order of the rows; null where there is none.
        lo: lower ends of the intervals that it gives, if it gives any.
        hi: upper ends.
        level: share of labels that these are to hold.
        folds: by fold, by metric; null where it is not defined.
        over_folds: by metric, where it is defined in every fold.
        interval: bootstrap interval of the metric that methods are ranked by.
        discovery: by subset, how well stable crystals are found.
        capped: of a simple model, by fold, where it did not learn from all rows.
    """

    name: str
    role: Literal["model", "simple"]
    values: tuple[Number, ...]
    lo: tuple[Number, ...] | None = None
    hi: tuple[Number, ...] | None = None
    level: Number = None
    folds: dict[str, dict[str, Number]]
    over_folds: dict[str, Folded]
    interval: tuple[float, float] | None = None
    discovery: dict[str, DiscoveryScores] = Field(default_factory=dict)
    capped: dict[str, Capped] = Field(default_factory=dict)


class Beside(_Part):
    """One method beside a rival, by the metric that methods are ranked by.

    Attributes:
        method: the first.
        rival: the second.
        mean_difference: first minus second, mean over folds.
        won: folds where the first is better.
        lost: folds where the second is.
        folds: how many there are.
        p_folds: exact sign-flip test over the folds; at least 2 / 2**folds.
        row_difference: mean over rows of the loss of the first minus that of the second: absolute
            errors, or squared errors of probabilities.
        p_rows: sign-flip test of these, rows of one cluster flipped together.
        clusters: how many there are.
        flips: drawn for ``p_rows``.
    """

    method: str
    rival: str
    mean_difference: float
    won: int
    lost: int
    folds: int
    p_folds: float
    row_difference: float
    p_rows: float
    clusters: int
    flips: int


class BenchmarkRun(_Part):
    """One run.

    Attributes:
        format: of this file.
        asked: what was to be predicted.
        data: from what.
        rows: the test rows.
        methods: the model first, where there is one.
        rival: the method that others are compared with.
        beside: each other method beside the rival.
        config: every option of the run.
        model: what the model is: name, start, sizes.
        coverage: measured coverage of the model's intervals, by what is known of the crystals.
        curves: losses by epoch of each fold and member.
        published: numbers of others for the official task.
        versions: of the software.
        hardware: what it ran on.
        seconds: how long the parts took.
        started: when, UTC, as ISO 8601.
    """

    format: Literal[1] = FORMAT
    asked: Asked
    data: Data
    rows: Rows
    methods: tuple[Method, ...]
    rival: str
    beside: tuple[Beside, ...]
    config: dict[str, Any]
    model: dict[str, Any]
    coverage: dict[str, dict[str, Any]] = Field(default_factory=dict)
    curves: tuple[dict[str, Any], ...] = ()
    published: tuple[Published, ...] = ()
    versions: dict[str, str]
    hardware: dict[str, Any]
    seconds: dict[str, float]
    started: str

    @model_validator(mode="after")
    def _methods_fit_the_rows(self) -> Self:
        names = [method.name for method in self.methods]
        if len(set(names)) != len(names):
            raise ValueError("two methods have one name")
        if self.rival not in names:
            raise ValueError(f"the rival {self.rival!r} is none of the methods")
        for method in self.methods:
            for column in (method.values, method.lo, method.hi):
                if column is not None and len(column) != len(self.rows.ids):
                    raise ValueError(f"{method.name} has not one prediction a row")
        return self

    def method(self, name: str) -> Method:
        """Return a method by its name.

        Raises:
            stratus.errors.InputError: there is none.
        """
        for each in self.methods:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.methods)
        raise InputError(f"there is no method {name!r} in this run; there is {known}")

    def predictions(self, name: str) -> dict[str, Number]:
        """Return the predictions of a method by id."""
        return dict(zip(self.rows.ids, self.method(name).values, strict=True))


def run_text(run: BenchmarkRun) -> str:
    """Return the JSON text of a run."""
    return run.model_dump_json(exclude_none=False) + "\n"


def read_run(path: str | Path) -> BenchmarkRun:
    """Read a result file.

    Args:
        path: the file, or the folder of a run; the file may be gzipped.

    Raises:
        stratus.errors.InputError: it is not there, or no such file; says what is wrong first.
    """
    path = Path(path)
    file = path / RUN_FILE if path.is_dir() else path
    try:
        if not file.exists():
            raise InputError(
                f"there is no {file}; name a folder that `stratus benchmark` wrote, or its "
                f"{RUN_FILE}"
            )
        content = read_plain(file, _LARGEST)
        values = json.loads(unzipped(content, _LARGEST) if file.suffix == ".gz" else content)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, RecursionError) as error:
        raise InputError(f"{file} cannot be read ({error})") from None
    if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
        raise InputError(
            f"{file} has format {values['format']!r}; this version of stratus reads {FORMAT}"
        )
    try:
        return BenchmarkRun.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise InputError(f"{file} is no result file: {where}: {first['msg']}") from None
