"""What is to be predicted: one column, its unit, its kind, its loss, its metric, its head."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

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
from stratus.tasks.metrics import METRICS, Kind
from stratus.tasks.physics import Physics, read_physics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Per = Literal["atom", "cell", "formula", "crystal"]
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
        "per": ("value of per", get_args(Per)),
        "loss": ("loss", get_args(Loss)),
        "metric": ("metric", tuple(METRICS)),
    }
)
_NOT_IN_A_NAME: Final = "./\\"  # names stand in tensor names and file names


class Task(BaseModel):
    """One property to learn.

    A label of a regression is a number in ``unit``. A label of a binary task is 0 or 1, one of a
    multiclass task the place of its class in ``classes``, counted from 0.

    ``per`` says what a label belongs to. ``cell`` and ``formula`` are for extensive properties,
    those that double when the cell does: the head gives a value per atom, which is multiplied by
    the atoms of the primitive cell, or of the formula unit. Values per ``atom`` and values of the
    ``crystal`` as such are taken as they are. Where labels are of another cell than the primitive
    one, ``atoms`` names the column that says how many atoms each is of; predictions are of the
    primitive cell.

    With ``physics`` a label is a thermodynamic quantity at a temperature, and a law stands between
    the network and the label.

    Make it with :func:`make_task` or :func:`parse_target`, whose errors are sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="What the head and the results are called.")
    column: str = Field(min_length=1, description="Column of the table that holds the labels.")
    unit: str = Field("", description="Unit of the labels; empty if they have none.")
    kind: Kind = Field("regression", description="regression, binary or multiclass.")
    per: Per = Field("crystal", description="atom, cell, formula (extensive) or crystal.")
    atoms: str | None = Field(
        None, min_length=1, description="Column with the atoms that a label per cell is of."
    )
    classes: tuple[str, ...] = Field((), description="Names of the classes, in order.")
    loss: Loss = Field("l1", description="What training makes small.")
    metric: str = Field("mae", description="What the task is judged by.")
    layers: int = Field(1, ge=0, description="Hidden layers of the head.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share dropped before the head.")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="Its share in the loss.")
    minimum: float | None = Field(
        None, allow_inf_nan=False, description="Nothing below it is predicted; a band gap has 0."
    )
    functional: str = Field("", description="Density functional of the labels, such as PBE.")
    physics: Physics | None = Field(None, description="The law that it is predicted by, if any.")

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
        if self.atoms is not None and self.per != "cell":
            raise ValueError(f"{self.name} is per {self.per}, so no column has the atoms of a cell")
        if self.kind != "regression" and self.minimum is not None:
            raise ValueError(f"{who}, so it has no minimum")
        if self.kind == "regression" and self.classes:
            raise ValueError(f"{who}, so it has no classes; say kind: multiclass")
        if self.kind == "binary" and len(self.classes) not in {0, 2}:
            raise ValueError(f"{who}: name no classes, or two, the one of label 0 first")
        if self.kind == "multiclass" and len(self.classes) < 2:
            raise ValueError(f"{who}: name its classes, two at least")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"{who}, and one of its classes is named twice")
        if self.physics is not None:
            self._check_physics(self.physics)
        return self

    def _check_physics(self, physics: Physics) -> None:
        who = f"{self.name} is predicted by the law {physics.law}"
        if self.kind != "regression":
            raise ValueError(f"{who}, so it is a regression, not {self.kind}")
        if self.per == "crystal":
            raise ValueError(f"{who}; say whether it is per atom, per formula or per cell")
        if self.loss == "gaussian":
            raise ValueError(f"{who}, which has no spread of its own; its loss is l1, mse or huber")
        if self.minimum is not None:
            raise ValueError(f"{who}, which knows its own bounds; give no minimum")
        if physics.quantity in {"cv", "s"} and not physics.temperature_k:
            raise ValueError(f"{self.name} is 0 for every crystal, so there is nothing to learn")
        physics.factor(self.unit)

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
    given.setdefault("name", _as_name(str(given["column"])))
    kind = given.get("kind")
    if isinstance(kind, str) and kind in LOSSES:
        given = {"loss": LOSSES[kind][0], "metric": DEFAULT_METRICS[kind], **given}
    try:
        return Task.model_validate(given)
    except ValidationError as error:
        raise _as_sentence(error, f"target {given['column']}") from None


def parse_target(text: str, columns: Iterable[str] | None = None, **settings: Any) -> Task:
    """Read ``COL[:unit]``, the way a target is written on the command line.

    The last colon begins the unit, so a column with a colon in its name is written with one more
    at its end.

    Args:
        text: such as ``band_gap:eV``.
        columns: those of the table; if given, the column must be among them.
        settings: other fields of :class:`Task`, such as ``per="cell"``.

    Raises:
        stratus.errors.InputError: there is no column in the text, the table has no such column
            (with the close ones), or a setting cannot be.
    """
    column, colon, unit = text.rpartition(":")
    if not colon:
        column, unit = text, ""
    column, unit = column.strip(), unit.strip()
    if not column:
        raise InputError(f"the target {text!r} names no column; write COL or COL:unit")
    if columns is not None:
        pick(dict.fromkeys(columns), column, "column")
    return make_task({"column": column, "unit": unit, **settings})


def parse_physics_target(
    text: str, law: str, columns: Iterable[str] | None = None, **settings: Any
) -> Task | None:
    """Read ``QUANTITY@TEMPERATURE:unit``, such as ``cv@300K:J/mol/K``, as a target of a law.

    Args:
        text: the quantity (``cv``, ``u``, ``s`` or ``f``), the temperature in K, and the unit.
        law: by which it is predicted.
        columns: those of the table. The labels are in the column ``cv@300K`` if there is one, else
            in ``cv`` if there is that.
        settings: other fields of :class:`Task`; ``per`` is ``atom`` if not said.

    Returns:
        None where the target is called otherwise, so that it is no target of a law.

    Raises:
        stratus.errors.InputError: there is no such law, quantity or unit, or a setting cannot be.
    """
    column, colon, unit = text.rpartition(":")
    if not colon:
        column, unit = text, ""
    physics = read_physics(column, law)
    if physics is None:
        return None
    column = column.strip()
    there = None if columns is None else set(columns)
    if there is not None and column not in there and physics.quantity in there:
        column = physics.quantity
    name = _as_name(physics.column)
    return make_task(
        {"per": "atom", **settings}
        | {"name": name, "column": column, "unit": unit.strip(), "physics": physics}
    )


def check_names(tasks: Iterable[Task]) -> None:
    """Refuse tasks that could not be told apart.

    Raises:
        stratus.errors.InputError: there is no task, or two have one name; the message gives it.
    """
    seen: set[str] = set()
    for task in tasks:
        if task.name in seen:
            raise InputError(f"two targets are called {task.name}; name each target once")
        seen.add(task.name)
    if not seen:
        raise InputError("there is no target; give one at least, such as band_gap:eV")


def _as_name(column: str) -> str:
    return "".join("_" if letter in _NOT_IN_A_NAME else letter for letter in column.strip())


def _as_sentence(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        try:
            pick(Task.model_fields, field, "setting of a target")
        except InputError as unknown:
            return unknown
    reason = first["msg"].removeprefix("Value error, ")
    if not field:
        return InputError(reason)
    if field in _CHOICES and first["type"] == "value_error":
        return InputError(f"{where}: {reason}")
    return InputError(f"{where}: {field} cannot be {first['input']!r}: {reason}")
