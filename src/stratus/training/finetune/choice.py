"""What a run starts from where neither a model nor an encoder is named: what the crystals say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.corpora.tables.grouping import Group
from stratus.crystals.facets import USUAL_STRINGS
from stratus.encoders.table import (
    DEFAULT_ATOMS_ENCODER,
    DEFAULT_ENCODER,
    architecture,
    configure,
    default_preset,
)
from stratus.errors import InputError
from stratus.models.loading import load_model
from stratus.tasks.task import of_a_law
from stratus.training.finetune.start import checked_model, default_model

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.training.finetune.options import FinetuneOptions

FROM_SCRATCH: Final = "none"
"""The name of no model; a folder of that name is ``./none``."""

_OF_STRINGS: Final = (Group.CHEMICAL_SYSTEM, Group.PROTOTYPE, Group.SCOPE)
_WHY: Final = "the table has coordinates; --model bundled for the symmetry model"
_MIXED: Final = "some of the crystals have no coordinates"


class Choice(NamedTuple):
    """What a run starts from.

    Attributes:
        options: of the run, with the encoder that was chosen and what is usual for it.
        model: whose weights are taken; None for fresh ones.
        reason: why, where that does not follow from what was named.
    """

    options: FinetuneOptions
    model: Model | None
    reason: str


def choose(
    options: FinetuneOptions,
    model: str | None = None,
    *,
    atoms: tuple[bool, ...] = (),
    strings: str | None = None,
) -> Choice:
    """Choose what a run starts from, before its crystals are read.

    Args:
        options: of the run.
        model: the name of a model, ``none``, or None where nothing is said.
        atoms: of each file whether its crystals have coordinates.
        strings: how they are written, if that is said.

    Raises:
        stratus.errors.InputError: there is no such model, or the encoder that is chosen cannot be
            as the options say.
    """
    if model is not None and model != FROM_SCRATCH:
        loaded = load_model(model)
        return Choice(resolved(options, loaded, by_atoms=False), loaded, "")
    reason = ""
    if options.encoder is None and any(atoms):
        reason = why_strings(options, strings) or ("" if all(atoms) else _MIXED)
        if not reason:
            return Choice(resolved(options, None, by_atoms=True), None, _WHY)
    found = None
    if model is None:
        found, why_fresh = default_model(options, strings or USUAL_STRINGS)
        reason = "; ".join(filter(None, (reason, why_fresh)))
    return Choice(resolved(options, found, by_atoms=False), found, reason)


def resolved_for(table: Table, options: FinetuneOptions, model: object) -> FinetuneOptions:
    """Return options for a table that was read; see :func:`resolved`.

    Args:
        table: its crystals.
        options: of the run, with its tasks.
        model: what it starts from; None for fresh weights.

    Raises:
        stratus.errors.InputError: as of :func:`resolved`.
    """
    has_atoms = table.has_atoms
    if table.strings is not None:  # else there is nothing but atoms to learn from
        strings = None if table.strings == USUAL_STRINGS else table.strings
        has_atoms = has_atoms and not why_strings(options, strings)
    return resolved(options, model, by_atoms=has_atoms, rows=len(table))


def resolved(
    options: FinetuneOptions, model: object, *, by_atoms: bool, rows: int | None = None
) -> FinetuneOptions:
    """Return options with the encoder that fresh weights are of, and what is usual for training it.

    Options that are resolved come back as they are.

    Args:
        options: of the run.
        model: what it starts from; None for fresh weights.
        by_atoms: whether these are of the encoder of atoms, where none is named.
        rows: of the table; None where it is not read yet.

    Raises:
        stratus.errors.InputError: the encoder cannot be as the options say, or it is no model.
    """
    if model is not None:
        encoder = architecture(checked_model(model).architecture)
        return options.with_usual_training(encoder, rows)
    if options.encoder is None and by_atoms:
        preset = options.preset or default_preset(DEFAULT_ATOMS_ENCODER)
        try:
            configure(DEFAULT_ATOMS_ENCODER, preset, **options.model)
        except InputError as error:
            raise InputError(
                f"{error}; the encoder is {DEFAULT_ATOMS_ENCODER} since the crystals have "
                "coordinates and no other is named"
            ) from None
        options = options.model_copy(update={"encoder": DEFAULT_ATOMS_ENCODER, "preset": preset})
    return options.with_usual_training(architecture(options.encoder or DEFAULT_ENCODER), rows)


def why_strings(options: FinetuneOptions, strings: str | None = None) -> str:
    """Return why a run reads strings although there are coordinates; empty where nothing says so.

    Args:
        options: of the run, with its tasks.
        strings: how they are written, if that is said.
    """
    if strings is not None:
        return f"strings of the form {strings} are asked for"
    if options.law is not None or of_a_law(options.tasks):
        return "targets of a law are learned from strings"
    if options.hide:
        return "crystals are shown in part as strings alone"
    if options.keep_heads:
        return "heads are kept of a model"
    # a material is named by a column, which needs no string
    if options.group in _OF_STRINGS and options.material_column is None:
        return f"rows are kept together by {options.group}"
    return ""
