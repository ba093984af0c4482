"""What is to be predicted: one column, its unit, its kind, its loss, its metric, its head."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, get_args

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from stratus.errors import InputError
from stratus.names import pick
from stratus.tasks.by import WAYS, By, ByGradient, ByHead, ByLaw
from stratus.tasks.metrics import METRICS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Of = Literal["crystal", "atom"]
Per = Literal["atom", "cell", "formula", "crystal"]
References = Literal["none", "mean", "elements"]
Loss = Literal["l1", "mse", "huber", "gaussian", "cross_entropy"]

LOSSES: Final[Mapping[str, tuple[Loss, ...]]] = MappingProxyType(
    {
        "regression": ("l1", "mse", "huber", "gaussian"),
        "binary": ("cross_entropy",),
        "multiclass": ("cross_entropy",),
    }
)
"""The losses of each kind, the default first."""

DEFAULT_METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {"regression": "mae", "binary": "roc_auc", "multiclass": "accuracy"}
)
"""The metric that a task of each kind is judged by, unless it says otherwise."""

_CHOICES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "kind": ("kind of task", get_args(Kind)),
        "of": ("value of of", get_args(Of)),
        "per": ("value of per", get_args(Per)),
        "references": ("kind of references", get_args(References)),
        "loss": ("loss", get_args(Loss)),
        "metric": ("metric", tuple(METRICS)),
    }
)
SHAPES: Final[tuple[tuple[int, ...], ...]] = ((), (3,), (3, 3))
"""A number, a vector, and a tensor of second rank."""

_NOT_IN_A_NAME: Final = "./\\"  # names stand in tensor names and file names


class Task(BaseModel):
    """One property to learn.

    A label of a regression is a number in ``unit``. A label of a binary task is 0 or 1, one of a
    multiclass task the place of its class in ``classes``, counted from 0.

    ``of`` says whether a crystal has one label or each of its atoms has one, and ``shape`` whether
    a label is a number, a vector or a tensor.

    ``per`` says what an extensive label, one that doubles when the cell does, is divided by:
    ``cell`` and ``formula`` mean that the head gives a value per atom, which is multiplied by the
    atoms of the primitive cell, or of the formula unit. Values per ``atom`` and values of the
    ``crystal`` as such are taken as they are. Where labels are of another cell than the primitive
    one, ``atoms`` names the column that says how many atoms each is of; predictions are of the
    primitive cell.

    ``by`` says what stands between the encoder and the label: a head, a law, or a gradient.

    Make it with :func:`make_task` or :func:`parse_target`, whose errors are sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="What the head and the results are called.")
    column: str = Field(min_length=1, description="Column of the table that holds the labels.")
    unit: str = Field("", description="Unit of the labels; empty if they have none.")
    kind: Kind = Field("regression", description="regression, binary or multiclass.")
    of: Of = Field("crystal", description="Whether a crystal has a label or each of its atoms.")
    per: Per = Field("crystal", description="atom, cell, formula (extensive) or crystal.")
    shape: tuple[int, ...] = Field((), description="Of a label: [], [3] or [3, 3].")
    atoms: str | None = Field(
        None, min_length=1, description="Column with the atoms that a label per cell is of."
    )
    classes: tuple[str, ...] = Field(
        (), description="Names of the classes, in order; none: those of the table."
    )
    loss: Loss = Field("l1", description="What training makes small.")
    metric: str = Field("mae", description="What the task is judged by.")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="Its share in the loss.")
    minimum: float | None = Field(
        None, allow_inf_nan=False, description="Nothing below it is predicted; a band gap has 0."
    )
    functional: str = Field("", description="Density functional of the labels, such as PBE.")
    references: References = Field(
        "mean", description="What is subtracted from labels that are learned: none, mean, elements."
    )
    datasets: tuple[str, ...] = Field(
        (), description="Names of the tables that have its labels; none named: all."
    )
    by: By = Field(default_factory=ByHead, description="A head, a law, or a gradient.")

    @field_validator(*_CHOICES, mode="before")
    @classmethod
    def _is_a_choice(cls, value: Any, info: ValidationInfo) -> Any:
        what, choices = _CHOICES[info.field_name or ""]
        if isinstance(value, str):
            pick(dict.fromkeys(choices), value, what)
        return value

    @field_validator("name")
    @classmethod
    def _can_be_a_name(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable() or set(name) & set(_NOT_IN_A_NAME):
            raise ValueError(
                "a name has no dot, slash, backslash or line break, and no blank at its ends"
            )
        return name

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        who = f"{self.name} is a {self.kind} task"
        if self.loss not in LOSSES[self.kind]:
            raise ValueError(f"{who}, whose loss is {' or '.join(LOSSES[self.kind])}")
        if self.kind not in METRICS[self.metric].kinds:
            fitting = [name for name, metric in METRICS.items() if self.kind in metric.kinds]
            raise ValueError(f"{who}, whose metric is {' or '.join(fitting)}, not {self.metric}")
        if self.kind != "regression" and (self.unit or self.is_extensive):
            raise ValueError(f"{who}, so it has no unit and is not per {self.per}")
        if self.kind != "regression" and self.minimum is not None:
            raise ValueError(f"{who}, so it has no minimum")
        if self.atoms is not None and self.per != "cell":
            raise ValueError(f"{self.name} is per {self.per}, so no column has the atoms of a cell")
        self._classes_fit(who)
        self.by.check(self)
        self._shape_fits(who)
        return self

    def _classes_fit(self, who: str) -> None:
        if self.kind == "regression" and self.classes:
            raise ValueError(f"{who}, so it has no classes; say kind: multiclass")
        if self.kind == "binary" and len(self.classes) not in {0, 2}:
            raise ValueError(f"{who}: name no classes, or two, the one of label 0 first")
        if self.kind == "multiclass" and len(self.classes) == 1:
            raise ValueError(f"{who}: name its classes, two at least, or leave them to the table")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"{who}, and one of its classes is named twice")

    def _shape_fits(self, who: str) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"{self.name} has the shape {list(self.shape)}, not [], [3] or [3, 3]")
        if self.kind != "regression" and (self.shape or self.references != "mean"):
            raise ValueError(f"{who}, so its labels have no shape and no references")
        if self.of == "atom" and self.is_extensive:
            raise ValueError(f"{self.name} is of each atom, so it is not per {self.per}")
        if self.shape and (self.minimum is not None or self.loss == "gaussian"):
            raise ValueError(f"{self.name} is no single number: no minimum, and no gaussian loss")
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError(f"{self.name} names one of its datasets twice")

    @property
    def is_extensive(self) -> bool:
        """Whether values grow with what they are of, so that the head gives those per atom."""
        return self.per in {"cell", "formula"}

    @property
    def outputs(self) -> int:
        """How many numbers the head gives for a crystal."""
        if self.kind == "multiclass":
            return len(self.classes)
        return 2 if self.loss == "gaussian" else 1

    def cut(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of a regression, none of which is below the minimum; NaN stays NaN."""
        return values if self.minimum is None else np.maximum(values, self.minimum)


def make_task(values: Mapping[str, Any]) -> Task:
    """Make a task from plain values.

    Args:
        values: fields of :class:`Task`. Without ``name`` the column gives it; without ``loss`` or
            ``metric`` it is the default of the kind.

    Raises:
        stratus.errors.InputError: an unknown name (with the close ones), or a value that cannot
            be; the message names the task and the value.
    """
    given = dict(values)
    if "column" not in given:
        raise InputError("a target has no column; say which column of the table it is")
    given.setdefault("name", name_of(str(given["column"])))
    kind = given.get("kind")
    if isinstance(kind, str) and kind in LOSSES:
        given = {"loss": LOSSES[kind][0], "metric": DEFAULT_METRICS[kind], **given}
    try:
        return Task.model_validate(given)
    except ValidationError as error:
        raise _as_sentence(error, f"target {given['column']}") from None


def split_target(text: str) -> tuple[str, str]:
    """Return column and unit of ``COL[:unit]``; the last colon begins the unit.

    Raises:
        stratus.errors.InputError: there is no column in the text.
    """
    column, colon, unit = text.rpartition(":")
    if not colon:
        column, unit = text, ""
    column, unit = column.strip(), unit.strip()
    if not column:
        raise InputError(f"the target {text!r} names no column; write COL or COL:unit")
    return column, unit


def check_together(tasks: Iterable[Task]) -> None:
    """Refuse tasks that cannot be learned in one run.

    Raises:
        stratus.errors.InputError: there is no task, two have one name, or one is the gradient of
            what is no energy of the run; the message gives the name.
    """
    named: dict[str, Task] = {}
    for task in tasks:
        if task.name in named:
            raise InputError(f"two targets are called {task.name}; name each target once")
        named[task.name] = task
    if not named:
        raise InputError("there is no target; give one at least, such as band_gap:eV")
    for task in named.values():
        if isinstance(task.by, ByGradient):
            try:
                task.by.check_energy(task, named.get(task.by.of))
            except ValueError as error:
                raise InputError(str(error)) from None


def of_a_law(tasks: Iterable[Task]) -> list[Task]:
    """Return those of some tasks that a law predicts."""
    return [task for task in tasks if isinstance(task.by, ByLaw)]


def name_of(column: str) -> str:
    """Return what the task of a column is called: nothing that no name can have is in it."""
    return "".join("_" if letter in _NOT_IN_A_NAME else letter for letter in column.strip())


def _as_sentence(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    field, model = (place[0] if place else ""), cast("type[BaseModel]", Task)
    if field == "by" and len(place) > 2:  # the place has the way between, which users do not write
        model, place = WAYS[place[1]], [field, *place[2:]]
    if first["type"] == "extra_forbidden":
        what = f"setting of {place[0]}" if len(place) > 1 else "setting of a target"
        try:
            pick(model.model_fields, place[-1], what)
        except InputError as unknown:
            return unknown
    reason = first["msg"].removeprefix("Value error, ")
    if not field:
        return InputError(reason)
    if first["type"] == "missing":
        return InputError(f"{where}: {'.'.join(place)} is missing; say it")
    if first["type"] == "value_error" and (field in _CHOICES or place == ["by"]):
        return InputError(f"{where}: {reason}")
    return InputError(f"{where}: {'.'.join(place)} cannot be {first['input']!r}: {reason}")
