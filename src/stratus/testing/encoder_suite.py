"""The conformance suite of encoders."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.corpora.documents import validated
from stratus.encoders.table import architecture as find_architecture
from stratus.errors import InputError, StratusError
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import Card
from stratus.names import pick
from stratus.testing.claims import Claim, usual_claims
from stratus.testing.measurement import Measurement
from stratus.testing.probe import Probe
from stratus.testing.specimens import (
    alone,
    far_apart,
    in_another_cell,
    of_other_elements,
    on_a_path,
    polymorphs,
    reflected,
    reordered,
    rotated,
    specimens,
    strained,
    supercell,
    translated,
)
from stratus.testing.steps import largest_jump
from stratus.views.keys import CELLS, POSITIONS
from stratus.views.table import view_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.crystals.entry import Entry
    from stratus.encoders.architecture import Architecture
    from stratus.testing.probe import Vectors
    from stratus.testing.specimens import Rewriting
    from stratus.views.keys import Batch
    from stratus.views.view import View

    Rewrite = Callable[[Entry, np.random.Generator], Rewriting]
    Doubles = NDArray[np.float64]

_SAME: Final = 1e-4  # positions of a view may be float32, which is about 1e-6 Å
_SAME_BATCH: Final = 1e-8  # the same numbers go in, and all is float64
_DIFFERENT: Final = 1e-3
_OF_GRADIENTS: Final = 1e-6
_OF_JUMPS: Final = 1e-3
_NO_JUMP: Final = 1e-4
_STEP: Final = 1e-4  # of central differences, in Å
_NUMBERS_TRIED: Final = 24
_STRAIN: Final = 0.01
_SMALLEST: Final = 1e-30
"""A number that is not 0, so that an encoder that gives one vector for all can be measured."""


class EncoderSuite:
    """Measures what an encoder claims, and what it does not.

    The encoder has fresh weights. Errors of vectors are in units of how far the vectors of
    different crystals are apart (the root of the mean square distance from their mean), so a
    tolerance means the same for encoders of any size.

    Args:
        encoder: an architecture, or its name in the table. To save and load, it must be in the
            table: :func:`stratus.encoders.table.register`.
        preset: which of its sizes.
        values: of its config, where they are other than those of the preset.
        view: how it sees a crystal; made from its config if None.
        claims: what it claims; :func:`stratus.testing.usual_claims` of its facet if None.
        strings: how SCOPE strings are written, for an encoder that reads them.
        far_a: how far atoms are apart that are no neighbours, in Å.
        name: what it is called in tables; the name of the architecture if None.
        seed: of weights, crystals and the ways in which they are rewritten.

    Raises:
        stratus.errors.InputError: no such architecture or view, or a value that cannot be.
    """

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        encoder: Architecture | str,
        *,
        preset: str = "nano",
        values: Mapping[str, object] | None = None,
        view: View | None = None,
        claims: Iterable[Claim] | None = None,
        strings: str = "orbit",
        far_a: float = 40.0,
        name: str | None = None,
        seed: int = 0,
    ) -> None:
        kind = find_architecture(encoder) if isinstance(encoder, str) else encoder
        of_view = view_class(kind.view)
        of_strings = of_view.encoder_values(strings).items()
        values = {
            **pick(kind.presets, preset, f"preset of {kind.name}"),
            **{key: value for key, value in of_strings if key in kind.config.model_fields},
            **(values or {}),
        }
        config = validated(kind.config, values, f"the config of {kind.name}")
        view = of_view.of_encoder(config, strings) if view is None else view
        self.name = kind.name if name is None else name
        self.claims = usual_claims(view.facet) if claims is None else frozenset(claims)
        self.probe = Probe(kind, config, view, seed)
        self.far_a, self.seed = far_a, seed
        self.specimens = specimens(seed)
        self._known = self.probe.vectors(self.specimens)
        self._scale = max(_spread([one.crystal[None] for one in self._known]), _SMALLEST)
        self._parts_scale = max(_spread([one.parts for one in self._known]), _SMALLEST)
        self._vectors_scale = max(_spread([one.vectors for one in self._known]), _SMALLEST)

    def measurements(self) -> list[Measurement]:
        """Measure everything, claimed or not, in the order of :class:`Claim`."""
        return [self.measure(claim) for claim in Claim]

    def measure(self, claim: Claim) -> Measurement:
        """Measure one claim."""
        measures: dict[Claim, Callable[[], Measurement]] = {
            Claim.BATCH: self.batch,
            Claim.ORDER: self.order,
            Claim.TRANSLATION: self.translation,
            Claim.ROTATION: self.rotation,
            Claim.REFLECTION: self.reflection,
            Claim.CELL: self.cell,
            Claim.SUPERCELL: self.supercell,
            Claim.SMOOTH: self.smooth,
            Claim.SMOOTH_GRADIENTS: self.smooth_gradients,
            Claim.ISOLATED: self.isolated,
            Claim.SEPARATION: self.separation,
            Claim.GRADIENTS: self.gradients,
            Claim.PRECISION: self.precision,
            Claim.BUNDLE: self.bundle,
            Claim.DETERMINISM: self.determinism,
            Claim.PARAMETERS: self.parameters,
            Claim.COMPOSITIONS: self.compositions,
            Claim.POLYMORPHS: self.polymorphs,
        }
        return measures[Claim(claim)]()

    def check(self) -> list[Measurement]:
        """Measure everything, and refuse an encoder that breaks a claim.

        Raises:
            stratus.errors.StratusError: it does; the message says which, and by how much.
        """
        found = self.measurements()
        if broken := [str(one) for one in found if one.broken]:
            raise StratusError("claims that do not hold: " + "; ".join(broken))
        return found

    def batch(self) -> Measurement:
        """A crystal in a batch, in any order and beside an isolated atom, is the crystal alone."""
        entries = [*self.specimens, alone(self.far_a)]
        single = self.probe.each(entries)
        together = self.probe.vectors(entries)
        backwards = self.probe.vectors(entries[::-1])[::-1]
        error = max(self._error(single, together), self._error(single, backwards))
        return self._measured(Claim.BATCH, error, "largest change in a batch", _SAME_BATCH)

    def order(self) -> Measurement:
        """The order of the atoms makes no difference; parts are reordered with them."""
        return self._rewritten(Claim.ORDER, reordered)

    def translation(self) -> Measurement:
        """Atoms moved alike, over the edges of the cell too, make no difference."""
        return self._rewritten(Claim.TRANSLATION, translated)

    def rotation(self) -> Measurement:
        """A turned crystal is the same, and ``vectors`` turn with it."""
        return self._rewritten(Claim.ROTATION, rotated)

    def reflection(self) -> Measurement:
        """The mirror image of a crystal is the same, and ``vectors`` are mirrored."""
        return self._rewritten(Claim.REFLECTION, reflected)

    def cell(self) -> Measurement:
        """Other lattice vectors of the same lattice make no difference."""
        return self._rewritten(Claim.CELL, in_another_cell)

    def supercell(self) -> Measurement:
        """Four times the crystal in one cell is the same, and each copy of an atom is that atom."""
        return self._rewritten(Claim.SUPERCELL, supercell)

    def smooth(self) -> Measurement:
        """No vector jumps as an atom moves from a place of full symmetry and neighbours change."""

        def values(ways: Sequence[float]) -> Doubles:
            found = self.probe.vectors([on_a_path(way) for way in ways])
            return np.stack([one.crystal for one in found])

        jump = largest_jump(values, _NO_JUMP * self._scale) / self._scale
        return self._measured(Claim.SMOOTH, jump, "largest jump on a path", _OF_JUMPS)

    def smooth_gradients(self) -> Measurement:
        """Gradients by positions do not jump either; in units of the largest on the way."""
        claim = Claim.SMOOTH_GRADIENTS
        if POSITIONS not in self.probe.batch(self.specimens[:1]):
            return self._without_positions(claim, _OF_JUMPS)

        def values(ways: Sequence[float]) -> Doubles:
            batch = self.probe.batch([on_a_path(way) for way in ways])
            positions = batch[POSITIONS].requires_grad_()
            (slopes,) = torch.autograd.grad(self._number(batch), positions)
            return slopes.reshape(len(ways), -1).numpy()

        largest = max(float(np.linalg.norm(values([0.3, 0.5, 0.7]), axis=1).max()), _SMALLEST)
        jump = largest_jump(values, _NO_JUMP * largest) / largest
        return self._measured(claim, jump, "largest jump of a gradient on a path", _OF_JUMPS)

    def isolated(self) -> Measurement:
        """An atom without neighbours has a finite vector, whatever the vacuum around it."""
        found = self.probe.each([alone(self.far_a), alone(1.7 * self.far_a)])
        error = self._error(found[:1], found[1:])
        return self._measured(Claim.ISOLATED, error, "change with more vacuum")

    def separation(self) -> Measurement:
        """What is far makes no difference: how far it is, and to an atom, which element it is."""
        box = 4 * self.far_a
        near, far, other = self.probe.each(
            [
                far_apart(self.far_a, box, "K"),
                far_apart(1.4 * self.far_a, box, "K"),
                far_apart(self.far_a, box, "Br"),
            ]
        )
        error = self._error([near], [far])
        if self.probe.of_atoms and near.parts is not None and other.parts is not None:
            error = max(error, self._parts_error(near.parts[:2], other.parts[:2]))
        return self._measured(Claim.SEPARATION, error, "change with what is far away")

    def gradients(self) -> Measurement:
        """Gradients by positions and cells are those of central differences, in float64."""
        batch = self.probe.batch(self.specimens)
        keys = [key for key in (POSITIONS, CELLS) if key in batch]
        if POSITIONS not in keys:
            return self._without_positions(Claim.GRADIENTS, _OF_GRADIENTS)
        leaves: Batch = {key: batch[key].clone().requires_grad_() for key in keys}
        slopes = torch.autograd.grad(self._number({**batch, **leaves}), list(leaves.values()))
        rng = np.random.default_rng(self.seed)
        worst = 0.0
        for key, slope in zip(keys, slopes, strict=True):
            chosen = rng.choice(slope.numel(), min(_NUMBERS_TRIED, slope.numel()), replace=False)
            scale = max(float(slope.abs().max()), _SMALLEST)
            for at in chosen.tolist():
                difference = self._difference(batch, key, at)
                worst = max(worst, _finite(abs(difference - float(slope.flatten()[at])) / scale))
        what = "error of a gradient as a share of the largest one"
        return self._measured(Claim.GRADIENTS, worst, what, _OF_GRADIENTS)

    def precision(self) -> Measurement:
        """Single precision gives what double precision gives."""
        single = self.probe.vectors(self.specimens, torch.float32)
        return self._measured(
            Claim.PRECISION, self._error(self._known, single), "change in float32"
        )

    def bundle(self) -> Measurement:
        """A bundle gives the same bits after it was saved and loaded, through the view it kept."""
        probe = self.probe
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            try:
                save_bundle(
                    path,
                    members=[probe.net()],
                    architecture=probe.architecture.name,
                    view=probe.view,
                    card=_card(self.name),
                )
                model = load_bundle(path)
            except InputError as error:
                return self._measured(Claim.BUNDLE, np.inf, f"it is not saved: {error}", 0)
        loaded = Probe(probe.architecture, probe.config, model.view, self.seed)
        loaded.encoder = model.members[0].encoder
        before, after = (one.vectors(self.specimens, torch.float32) for one in (probe, loaded))
        return self._measured(Claim.BUNDLE, _changed(before, after), "numbers that changed", 0)

    def determinism(self) -> Measurement:
        """The same seed gives the same bits, twice, and torch's own generator is left alone."""
        probe = self.probe
        state = torch.get_rng_state()
        again = Probe(probe.architecture, probe.config, probe.view, self.seed)
        runs = [one.vectors(self.specimens, torch.float32) for one in (probe, probe, again)]
        moved = int(not torch.equal(state, torch.get_rng_state()))
        changed = _changed(runs[0], runs[1]) + _changed(runs[0], runs[2]) + moved
        return self._measured(Claim.DETERMINISM, changed, "numbers that changed", 0)

    def parameters(self) -> Measurement:
        """Every tensor of weights gets a gradient, and all are finite."""
        weights = self.probe.parameters()
        number = self._number(self.probe.batch(self.specimens))
        slopes = torch.autograd.grad(number, list(weights.values()), allow_unused=True)
        idle = [
            name
            for name, slope in zip(weights, slopes, strict=True)
            if slope is None or not slope.isfinite().all() or not slope.any()
        ]
        detail = "tensors of weights without a gradient" + (f": {', '.join(idle)}" if idle else "")
        return self._measured(Claim.PARAMETERS, len(idle), detail, 0)

    def compositions(self) -> Measurement:
        """Crystals that differ in one element alone have different vectors."""
        rows = np.stack([one.crystal for one in self.probe.each(of_other_elements())])
        apart = np.linalg.norm(rows[:, None] - rows, axis=2)[np.triu_indices(len(rows), 1)]
        least = float(apart.min()) / self._scale
        return self._measured(
            Claim.COMPOSITIONS, least, "distance of the two most alike", _DIFFERENT, at_least=True
        )

    def polymorphs(self) -> Measurement:
        """Two structures of one composition have different vectors."""
        one, other = self.probe.each(polymorphs())
        apart = float(np.linalg.norm(one.crystal - other.crystal)) / self._scale
        return self._measured(
            Claim.POLYMORPHS, apart, "distance of two structures", _DIFFERENT, at_least=True
        )

    def _measured(
        self,
        claim: Claim,
        value: float,
        detail: str,
        tolerance: float = _SAME,
        *,
        at_least: bool = False,
    ) -> Measurement:
        claimed = claim in self.claims
        return Measurement(self.name, claim, claimed, float(value), tolerance, at_least, detail)

    def _without_positions(self, claim: Claim, tolerance: float) -> Measurement:
        """Measure instead how vectors change when a crystal grows, its symmetry kept."""
        grown = self.probe.vectors([strained(entry, _STRAIN) for entry in self.specimens])
        error = self._error(self._known, grown, parts=False)
        detail = f"no positions in a batch; change when a crystal grows by {_STRAIN:.0%}"
        return self._measured(claim, error, detail, tolerance)

    def _rewritten(self, claim: Claim, rewrite: Rewrite) -> Measurement:
        rng = np.random.default_rng(self.seed)
        ways = [rewrite(entry, rng) for entry in self.specimens]
        found = self.probe.vectors([way.entry for way in ways])
        if not self.probe.of_atoms:
            error = self._error(self._known, found, parts=False)
            return self._measured(claim, error, "largest change of a vector")
        expected = [
            replace(
                one,
                parts=None if one.parts is None else one.parts[way.source],
                vectors=None if one.vectors is None else _turned(one.vectors[way.source], way.turn),
            )
            for one, way in zip(self._known, ways, strict=True)
        ]
        return self._measured(claim, self._error(expected, found), "largest change of a vector")

    def _error(
        self, before: Sequence[Vectors], after: Sequence[Vectors], *, parts: bool = True
    ) -> float:
        """Return the largest change of a vector, in units of how far others are apart."""
        worst = 0.0
        for one, other in zip(before, after, strict=True):
            change = float(np.linalg.norm(one.crystal - other.crystal)) / self._scale
            worst = max(worst, _finite(change))
            if parts and one.parts is not None and other.parts is not None:
                worst = max(worst, self._parts_error(one.parts, other.parts))
            if parts and one.vectors is not None and other.vectors is not None:
                change = float(np.abs(one.vectors - other.vectors).max(initial=0))
                worst = max(worst, _finite(change / self._vectors_scale))
        return worst

    def _parts_error(self, before: Doubles, after: Doubles) -> float:
        if before.shape != after.shape:
            return np.inf
        longest = np.linalg.norm(before - after, axis=1).max(initial=0)
        return _finite(float(longest) / self._parts_scale)

    def _number(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return a number of a batch that all its vectors go into, the same for any order."""
        encoding = self.probe.encoding(batch)
        generator = torch.Generator().manual_seed(self.seed)
        rows = [encoding.crystal]
        if encoding.parts is not None and encoding.owner is not None:
            rows.append(encoding.parts[encoding.owner >= 0])
        numbers = [
            (row @ torch.randn(row.shape[-1], dtype=row.dtype, generator=generator)).sum()
            for row in rows
        ]
        return torch.stack(numbers).sum()

    def _difference(self, batch: Batch, key: str, at: int) -> float:
        """Return a central difference of fourth order by one number of a tensor of a batch."""
        values = []
        for times in (-2, -1, 1, 2):
            moved = batch[key].clone()
            moved.view(-1)[at] += times * _STEP
            with torch.no_grad():
                values.append(float(self._number({**batch, key: moved})))
        far_below, below, above, far_above = values
        return (far_below - 8 * below + 8 * above - far_above) / (12 * _STEP)


def _turned(vectors: Doubles, turn: Doubles) -> Doubles:
    """Return vectors ``[n, 3, c]`` of a crystal that was turned; ``turn`` as of a rewriting."""
    return np.asarray(np.einsum("nxc,xy->nyc", vectors, turn))


def _spread(blocks: Sequence[Doubles | None]) -> float:
    """Return the root of the mean square distance of rows from their mean; 0 where none are."""
    found = [block.reshape(len(block), -1) for block in blocks if block is not None]
    if not found:
        return 0.0
    rows = np.concatenate(found)
    return float(np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean()))


def _finite(value: float) -> float:
    return value if np.isfinite(value) else np.inf


def _changed(before: Sequence[Vectors], after: Sequence[Vectors]) -> int:
    """Return how many numbers are not the same bits."""
    changed = 0
    for one, other in zip(before, after, strict=True):
        changed += int((one.crystal != other.crystal).sum())
        if one.parts is not None and other.parts is not None:
            changed += int((one.parts != other.parts).sum())
    return changed


def _card(name: str) -> Card:
    return Card(
        name=name,
        summary="Fresh weights, saved to see whether they come back.",
        licence_code="none",
        licence_weights="none",
        intended_use="None.",
        limits="None.",
        citation="None.",
    )
