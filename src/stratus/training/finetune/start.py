"""Where fine-tuning starts: from the model that is given, or, without one, from fresh weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from stratus.crystals.facets import USUAL_STRINGS, Facet, ReadFacet
from stratus.encoders.table import (
    DEFAULT_ENCODER,
    architecture,
    configure,
    default_preset,
    read_config,
)
from stratus.errors import InputError
from stratus.heads.law import HIGHEST_K, LOWEST_K, law_head, law_of
from stratus.heads.property import PropertyHead
from stratus.heads.table import make_heads
from stratus.models.loading import BUNDLED, load_model
from stratus.models.model import Model
from stratus.models.net import Net
from stratus.names import pick
from stratus.physics.laws import LAWS
from stratus.tasks.by import ByGradient
from stratus.tasks.task import of_a_law
from stratus.views.table import view_class
from stratus.views.view import require_strings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from stratus.heads.head import Head
    from stratus.models.card import Card
    from stratus.models.seen import SeenFormulas
    from stratus.tasks.domain import Domain
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.views.view import View

_MAY_DIFFER: Final = ("dropout",)
"""Values of a config that matter while a net learns and not to what it computes afterwards."""

_OF_A_HEAD: Final = ("kind", "unit", "per", "of", "shape", "references", "classes", "outputs")


@dataclass(frozen=True)
class Start:
    """An encoder before its first step.

    Attributes:
        architecture: name of the design.
        config: its sizes.
        view: how it sees a crystal.
        members: the nets of the model that is given, of which each new one takes one, in turn;
            none where weights are fresh.
        card: of the model that is given; None where there is none.
        kept: names of the heads that are taken over.
        domain: what the heads of that model learned from; None where nobody knows.
        seen: the formulas that its weights have seen; None where nobody knows.
    """

    architecture: str
    config: Any
    view: View
    members: tuple[Net, ...] = ()
    card: Card | None = None
    kept: frozenset[str] = frozenset()
    domain: Domain | None = None
    seen: SeenFormulas | None = None

    @property
    def keeps_law(self) -> bool:
        """Whether the head of a law is taken over."""
        return any(name in LAWS for name in self.kept)

    @property
    def name(self) -> str:
        """What it is called: the name of the model, or ``from scratch``."""
        return self.card.name if self.card else "from scratch"

    def make_encoder(self, generator: torch.Generator, member: int = 0) -> nn.Module:
        """Return an encoder of one's own: a copy of a given one, or fresh weights."""
        build = architecture(self.architecture).build
        if not self.members:
            return build(self.config, generator)
        given = self._giver(member).encoder
        if given.config == self.config:
            return deepcopy(given)
        encoder = build(self.config, torch.Generator())
        encoder.load_state_dict(given.state_dict())
        return encoder

    def normalisers(self, tasks: Sequence[Task]) -> dict[str, Normaliser]:
        """Return the normalisers that are taken over with the heads, by task."""
        found = {}
        for head in self._heads(0).values():
            for task in tasks:
                theirs = head.tasks.get(task.name)
                if theirs is not None and (theirs.unit, theirs.per) == (task.unit, task.per):
                    found[task.name] = head.normalisers[task.name]
        return found

    def make_net(
        self,
        tasks: Sequence[Task],
        normalisers: Mapping[str, Normaliser],
        seed: int,
        member: int = 0,
        group: str = "",
    ) -> Net:
        """Return an encoder with heads for the tasks; a seed decides what is fresh.

        Args:
            tasks: what it is to learn.
            normalisers: of the labels.
            seed: of fresh weights.
            member: which of the new nets it is, from 0; decides from which given one it starts.
            group: of the net.
        """
        generator = torch.Generator().manual_seed(seed)
        encoder = self.make_encoder(generator, member)
        heads = make_heads(tasks, normalisers, self.config.hidden, generator)
        for name, head in self._heads(member).items():
            if name in heads:
                heads[name].load_state_dict(head.state_dict())
        return Net(encoder, heads, group).train()

    def _giver(self, member: int) -> Net:
        return self.members[member % len(self.members)]

    def _heads(self, member: int) -> dict[str, Head]:
        """Return the heads that a new net takes over, by name."""
        if not self.kept:
            return {}
        given = self._giver(member).heads
        return {name: given[name] for name in sorted(self.kept)}


def default_model(
    options: FinetuneOptions, strings: str | None = USUAL_STRINGS
) -> tuple[Model | None, str]:
    """Return the model to start from where none is named: the bundled one, if it is as asked for.

    Args:
        options: of the run.
        strings: how the strings that are to be read are written.

    Returns:
        the model, or None with the reason in words.
    """
    try:
        model = load_model(BUNDLED)
    except InputError:
        return None, "no model comes with this installation"
    try:
        _check(options, model, strings)
    except InputError as error:
        return None, str(error).partition(";")[0]
    return model, ""


def make_start(
    options: FinetuneOptions,
    model: Model | None,
    tasks: Sequence[Task] = (),
    strings: str | None = USUAL_STRINGS,
) -> Start:
    """Return where to start.

    Args:
        options: say what is built without a model, and must agree with one.
        model: a loaded bundle, or None. Of its members those that learned from the same rows as
            the first are taken, so that they have the same normalisers.
        tasks: what is to be learned; heads are kept for these.
        strings: how the strings that it is to read are written; None where there are none.

    Raises:
        stratus.errors.InputError: the model or the encoder does not read such strings, the model is
            not what the options say, or a head that is to be kept is for something else; the
            message names what differs.
    """
    if model is None:
        if options.keep_heads:
            raise InputError("heads can be kept of a model only; give one, or leave keep_heads out")
        return _hideable(_from_scratch(options, strings), options)
    model = checked_model(model)
    _check(options, model, strings)
    start = Start(
        architecture=model.architecture,
        config=_config(options, model),
        view=model.view,
        members=tuple(each for each in model.members if each.group == model.members[0].group),
        card=model.card,
        kept=_kept(model, tasks) if options.keep_heads else frozenset(),
        domain=model.domain,
        seen=model.seen,
    )
    return _hideable(start, options)


def checked_model(model: object) -> Model:
    """Return a model, or that of a predictor.

    Raises:
        stratus.errors.InputError: it is neither.
    """
    model = getattr(model, "model", model)
    if not isinstance(model, Model):
        raise InputError(
            f"a {type(model).__name__} is no model; load one with stratus.load(folder), or give "
            "None to start from scratch"
        )
    return model


def _hideable(start: Start, options: FinetuneOptions) -> Start:
    """Refuse to show crystals in part to an encoder that does not see strings of that kind."""
    if options.hide and start.view.reads.strings != USUAL_STRINGS:
        raise InputError(
            f"crystals can be shown in part as strings of the kind {USUAL_STRINGS!r} alone, and "
            f"{start.architecture} reads {start.view.reads.in_words} here; leave hide out"
        )
    return start


def read_facet(
    options: FinetuneOptions, model: Model | None, strings: str | None = None
) -> ReadFacet:
    """Return what of crystals is to be read for a run, before anything is read.

    Args:
        options: of the run.
        model: what it starts from; None where it starts from fresh weights.
        strings: how strings are written, if that is asked for.
    """
    if model is not None:
        reads = model.view.reads
    else:
        facet = view_class(architecture(options.encoder or DEFAULT_ENCODER).view).facet
        reads = ReadFacet(facet, None if facet is Facet.ATOMS else USUAL_STRINGS)
    return reads if strings is None or reads.strings is None else reads._replace(strings=strings)


def _kept(model: Model, tasks: Sequence[Task]) -> frozenset[str]:
    """Return the names of a model's heads for the tasks that it has, and of that of its law.

    The head of a law serves tasks at any temperature.
    """
    who = f"the model {model.card.name!r}"
    kept: set[str] = set()
    of_law = of_a_law(tasks)
    theirs = law_head(model.heads)
    if theirs is not None and theirs.law.name == law_of(of_law):
        asked: dict[str, object] = {
            "layers": _layers(of_law[0]),
            "lowest_k": LOWEST_K,
            "highest_k": HIGHEST_K,
        }
        for name, value in asked.items():
            found = getattr(theirs.config, name)
            if value != found:
                raise InputError(
                    f"the head {theirs.law.name} of {who} has {name} {found!r}, but {value!r} is "
                    "asked for; learn the targets as the model has them, or leave keep_heads out"
                )
        kept.add(theirs.law.name)
    for task in tasks:
        head = model.heads.get(task.name)
        if task in of_law or not isinstance(head, PropertyHead):
            continue
        asked, there = _of_a_head(task), _of_a_head(head.task)
        for name, ours in asked.items():
            if ours != there[name]:
                raise InputError(
                    f"the head {task.name} of {who} has {name} {there[name]!r}, but {ours!r} is "
                    "asked for; learn the target as the model has it, or leave keep_heads out"
                )
        kept.add(task.name)
    if not kept:
        raise InputError(
            f"{who} has no head to keep for {', '.join(task.name for task in tasks)}; it has "
            f"{', '.join(model.tasks) or 'none'}"
        )
    return frozenset(kept)


def _of_a_head(task: Task) -> dict[str, object]:
    """Return what a head is made for and with, by name."""
    return {name: getattr(task, name) for name in _OF_A_HEAD} | {"layers": _layers(task)}


def _layers(task: Task) -> int | None:
    return None if isinstance(task.by, ByGradient) else task.by.layers


def _from_scratch(options: FinetuneOptions, strings: str | None) -> Start:
    kind = architecture(options.encoder or DEFAULT_ENCODER)
    of_view, written = view_class(kind.view), strings or USUAL_STRINGS
    fields = kind.config.model_fields
    sizes = {k: v for k, v in of_view.encoder_values(written).items() if k in fields}
    preset = options.preset or default_preset(kind.name)
    config: Any = configure(kind.name, preset, **sizes | options.model)
    return Start(kind.name, config, of_view.of_encoder(config, written))


def _config(options: FinetuneOptions, model: Model) -> Any:
    """Return the config of a model, with what the options may set otherwise."""
    config: Any = model.encoder.config
    asked = {name: value for name, value in options.model.items() if name in _MAY_DIFFER}
    return read_config(model.architecture, config.model_dump() | asked) if asked else config


def _check(options: FinetuneOptions, model: Model, strings: str | None) -> None:
    who = f"the model {model.card.name!r}"
    kind = architecture(model.architecture)
    require_strings(model.view, strings, who)
    if options.encoder is not None and options.encoder != kind.name:
        raise InputError(
            f"{who} is of the architecture {kind.name}, but encoder is {options.encoder}; leave "
            "encoder out, or take another model"
        )
    wanted: dict[str, object] = {}
    if options.preset is not None:
        wanted |= pick(kind.presets, options.preset, f"preset of {kind.name}")
    for name, value in (wanted | options.model).items():
        pick(kind.config.model_fields, name, f"value in the config of {kind.name}")
        found = getattr(model.encoder.config, name)
        if name not in _MAY_DIFFER and found != value:
            raise InputError(
                f"{who} has {name} {found}, but the options ask for {value}; leave preset and "
                "model out, or take another model"
            )
