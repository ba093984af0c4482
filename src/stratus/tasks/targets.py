"""What is to be learned, from a file of options, from Python, or in words on the command line.

One grammar for the three. A target is a task, a mapping of its fields, or a text ``COL[:unit]``; a
mapping of names to fields changes targets that are declared already. What follows from well-known
names of columns, and from names such as ``cv@300K`` where there is a law, is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stratus.errors import InputError
from stratus.names import pick
from stratus.tasks.by import ByLaw
from stratus.tasks.law_targets import read_law
from stratus.tasks.quantities import with_defaults
from stratus.tasks.task import Task, make_task, name_of, of_a_law, split_target

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERY = "*"
"""Stands for every target where fields are changed by name."""


def merge_targets(*layers: object) -> list[dict[str, Any]]:
    """Return the fields of targets from several layers, of which later ones win.

    Args:
        layers: each None, a list of targets (tasks, mappings, texts), which are added, or go over
            those of the same name; or a mapping of names of targets, or ``*``, to fields.

    Raises:
        stratus.errors.InputError: a layer is nothing of the kind, or names a target that there is
            not; the message has the close ones.
    """
    found: dict[str, dict[str, Any]] = {}
    for layer in layers:
        if isinstance(layer, Mapping):
            _change(found, layer)
        elif isinstance(layer, Sequence) and not isinstance(layer, str):
            names: list[str] = []
            for each in layer:
                values = _fields(each)
                names.append(str(values["name"]))
                if names.count(names[-1]) > 1:
                    raise InputError(f"two targets are called {names[-1]}; name each target once")
                found[names[-1]] = _over(found.get(names[-1], {}), values)
        elif layer is not None:
            raise InputError(
                f"tasks are a list such as [{{column: gap, unit: eV}}], or a mapping of names to "
                f"settings, not {layer!r}"
            )
    return list(found.values())


def make_tasks(targets: Iterable[object], law: str | None = None) -> tuple[Task, ...]:
    """Make the tasks of targets.

    Args:
        targets: tasks, mappings of their fields, or texts.
        law: by which targets called as ``cv@300K`` are predicted; None: they are numbers like any.

    Raises:
        stratus.errors.InputError: a target cannot be, or there is a law and no target of it.
    """
    made = tuple(each if isinstance(each, Task) else _make(each, law) for each in targets)
    if law is not None and made and not of_a_law(made):
        raise InputError(
            f"the law {law} is for quantities at temperatures, and no target is one; write such as "
            "--target cv@300K:J/mol/K"
        )
    return made


def parse_target(
    text: str, columns: Iterable[str] | None = None, *, law: str | None = None, **settings: Any
) -> Task:
    """Return the task of ``COL[:unit]``, the way a target is written on the command line.

    The last colon begins the unit, so a column with a colon in its name is written with one more
    at its end.

    Args:
        text: such as ``band_gap:eV``, or with a law ``cv@300K:J/mol/K``.
        columns: those of the table; if given, the column must be among them, but for that of a
            quantity at a temperature, which may be called ``cv`` alone.
        law: by which quantities at temperatures are predicted; values ``per`` atom if not said.
        settings: other fields of :class:`Task`, such as ``per="cell"``.

    Raises:
        stratus.errors.InputError: there is no column in the text, the table has no such column
            (with the close ones), or a setting cannot be.
    """
    task = _make(_fields(text) | settings, law)
    if columns is not None:
        there = list(columns)
        [task] = in_columns([task], there)
        pick(dict.fromkeys(there), task.column, "column")
    return task


def in_columns(tasks: Sequence[Task], columns: Iterable[str] | None) -> tuple[Task, ...]:
    """Return tasks with the columns that a table has: ``cv`` for ``cv@300K``, where that is absent.

    Args:
        tasks: what is to be learned.
        columns: names of the columns; None where they are not known before reading.

    Raises:
        stratus.errors.InputError: two tasks would be read from one column of a quantity.
    """
    if columns is None:
        return tuple(tasks)
    there, found = set(columns), []
    for task in tasks:
        by = task.by
        absent = isinstance(by, ByLaw) and task.column == by.column and by.column not in there
        if isinstance(by, ByLaw) and absent and by.quantity in there:
            found.append(task.model_copy(update={"column": by.quantity}))
        else:
            found.append(task)
    first: dict[str, Task] = {}
    for task in of_a_law(found):
        other = first.setdefault(task.column, task)
        if other is not task:
            raise InputError(
                f"{other.name} and {task.name} would both be read from the column {task.column!r}; "
                "give each a column of its name"
            )
    return tuple(found)


def with_classes(tasks: Iterable[Task], classes: Mapping[str, tuple[str, ...]]) -> tuple[Task, ...]:
    """Return tasks of which those of classes name them, as the table does where they did not.

    Args:
        tasks: what is to be learned.
        classes: names of the classes in order, by column.
    """
    return tuple(
        task.model_copy(update={"classes": tuple(classes[task.column])})
        if task.kind != "regression" and not task.classes and task.column in classes
        else task
        for task in tasks
    )


def _make(target: object, law: str | None) -> Task:
    values = _fields(target)
    by = values.get("by", {})
    at = None if law is None else read_law(str(values["column"]), law)
    if at is not None and (not isinstance(by, Mapping) or not {"how", "of", "to"} & by.keys()):
        of_law = at.model_dump() | (dict(by) if isinstance(by, Mapping) else {})
        return make_task({"per": "atom"} | values | {"by": of_law})
    return make_task(with_defaults(values))


def _fields(target: object) -> dict[str, Any]:
    """Return the fields of a target, with its name and column."""
    if isinstance(target, Task):
        return target.model_dump()
    if isinstance(target, str):
        column, unit = split_target(target)
        named = {"name": name_of(column), "column": column}
        return named | {"unit": unit} if unit else named
    if not isinstance(target, Mapping) or not all(isinstance(key, str) for key in target):
        raise InputError(f"a target is a mapping such as {{column: gap, unit: eV}}, not {target!r}")
    if "column" not in target:
        raise InputError("a target has no column; say which column of the table it is")
    return {"name": name_of(str(target["column"])), **target}


def _change(found: dict[str, dict[str, Any]], changes: Mapping[Any, Any]) -> None:
    for name, settings in changes.items():
        if not isinstance(settings, Mapping):
            raise InputError(f"tasks.{name} is {settings!r}; write such as tasks.{name}.loss=huber")
        if name != EVERY:
            pick(found, str(name), "target")
        for chosen in list(found) if name == EVERY else [str(name)]:
            found[chosen] = _over(found[chosen], settings)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields, of which those above win; those of ``by`` one by one."""
    by = [each.get("by") for each in (below, above)]
    merged = {**below, **above}
    if all(isinstance(each, Mapping) for each in by):
        merged["by"] = {**by[0], **by[1]}  # type: ignore[dict-item]
    return merged
