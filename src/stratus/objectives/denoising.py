"""Displaced atoms are moved back: how far, and the loss of the guesses.

Source: Zaidi et al. 2023, arXiv:2206.00133 (denoising of structures near their equilibrium). Each
atom is displaced by Gaussian noise; learned is the displacement back, over the spread of the noise.
A shift of all atoms of a crystal changes nothing, so the mean displacement of a crystal is taken
out of the noise. What remains of n atoms has 3 (n - 1) degrees of freedom, over whose number the
loss is the mean: guessing no displacement at all has a loss of 1.

A displacement depends on seed, epoch, row in the corpus and place in the crystal alone, so it is
the same for every batch, view, number of processes and resume, and another in each epoch. The view
sees the displaced crystal: neighbours are those of the displaced atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.packed.frame_columns import FRAC, LATTICE, NUMBERS, atoms_of
from stratus.crystals.facets import AtomArrays, Crystal
from stratus.errors import InputError
from stratus.heads.denoising import DENOISING
from stratus.objectives.hash_rng import Purpose, hashed, key, normal
from stratus.objectives.objective import Step, Summed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from torch import Tensor, nn

    from stratus.corpora.packed.corpus import PackedCorpus
    from stratus.objectives.objective import Rows
    from stratus.views.view import View

    Doubles = npt.NDArray[np.float64]

_COLUMNS: Final = (NUMBERS.name, FRAC.name, LATTICE.name)
_STRETCH: Final = 4096


class DenoisingOptions(BaseModel):
    """How far atoms are displaced."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    noise_a: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Spread of the displacements along each axis, in Å.",
    )


class Denoising:
    """The objective of displaced atoms; its net gives displacements ``[N, 3]``.

    Scores are ``loss``, the mean square over degrees of freedom in units of the noise, and
    ``explained``, the share of the square displacements that is not left.
    """

    name: ClassVar[str] = DENOISING
    unit: ClassVar[str] = "atoms"

    def losses(self, net: nn.Module, step: Step) -> dict[str, Summed]:
        """Return the squared errors, summed over the atoms."""
        error = net(step.inputs)[DENOISING].float() - step.targets[DENOISING]
        if DENOISING in step.present:
            error = error * step.present[DENOISING]
        return {DENOISING: Summed(error.square().sum(), step.counts[DENOISING])}

    def total(self, losses: Mapping[str, Summed], processes: int) -> Tensor:
        """Return the share of the mean over the whole batch, times the number of processes."""
        loss = losses[DENOISING]
        return loss.sum * (processes / max(1, loss.count))

    def sums(self, net: nn.Module, step: Step) -> Tensor:
        """Return squared errors, squared displacements and degrees of freedom; float64 ``[3]``.

        They are those of this process, as they are added up over processes too.
        """
        target = step.targets[DENOISING].double()
        error = net(step.inputs)[DENOISING].detach().double() - target
        freedom = torch.tensor(3 * (len(target) - len(step.sizes)), device=target.device)
        sums = torch.stack([error.square().sum(), target.square().sum(), freedom.double()])
        return sums if len(step.sizes) else torch.zeros_like(sums)

    def scores(self, sums: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return the means over all degrees of freedom."""
        error, displaced, freedom = sums.tolist()
        explained = 1 - error / displaced if displaced else 0.0
        return {"loss": error / max(1, freedom), "explained": explained}


class DisplacedRows:
    """The source of displaced atoms: a split of packed frames, displaced anew in each epoch.

    Args:
        corpus: the split.
        view: how the encoder sees atoms.
        options: how far they are displaced.
        seed: another one gives other displacements.

    Raises:
        stratus.errors.InputError: the view refuses a crystal; the message names it. Or no crystal
            has two atoms.
    """

    def __init__(
        self, corpus: PackedCorpus, view: View, options: DenoisingOptions, seed: int = 0
    ) -> None:
        self._corpus = corpus
        self.view = view
        self._noise_a = options.noise_a
        self._seed = seed
        self._freedom = 3 * (corpus.sizes(NUMBERS.name).astype(np.int64) - 1)
        if len(corpus) and not self._freedom.any():
            raise InputError(
                "no crystal has two atoms, so none can be displaced against another; give others"
            )
        self._sizes = self._whole_sizes()

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self._corpus)

    @property
    def padded(self) -> bool:
        """Whether crystals of a step are padded to the largest of them."""
        return self.view.padded

    def sizes(self, epoch: int) -> Rows:  # noqa: ARG002 - of the crystals as they are
        """Return the size of each crystal before it is displaced, int64 ``[n]``."""
        return self._sizes

    def step(self, rows: Rows, epoch: int) -> Step:
        """Return some crystals displaced as an epoch has them."""
        samples, back = [], []
        for atoms, row in zip(self._atoms(rows), rows, strict=True):
            moved = self.displacements(int(row), len(atoms.numbers), epoch)
            frac = atoms.frac + moved * self._noise_a @ np.linalg.inv(atoms.lattice)
            samples.append(self._sample(AtomArrays(atoms.lattice, atoms.numbers, frac), int(row)))
            back.append(-moved)
        return Step(
            inputs=self.view.collate(samples),
            targets={DENOISING: torch.from_numpy(np.concatenate(back).astype(np.float32))},
            present={},
            sizes=torch.from_numpy(self._sizes[rows]),
            amount=sum(map(len, back)),
            crystals=len(rows),
            counts=self.counts(rows, epoch),
        )

    def counts(self, rows: Rows, epoch: int) -> dict[str, int]:  # noqa: ARG002 - atoms stay
        """Return the degrees of freedom of some crystals."""
        return {DENOISING: int(self._freedom[rows].sum())}

    def blank(self, row: int, epoch: int) -> Step:
        """Return a crystal of which nothing is to be learned."""
        step = self.step(np.array([row]), epoch)
        nothing = {DENOISING: torch.zeros_like(step.targets[DENOISING])}
        return step._replace(
            present=nothing, sizes=step.sizes[:0], amount=0, crystals=0, counts={DENOISING: 0}
        )

    def displacements(self, row: int, atoms: int, epoch: int) -> Doubles:
        """Return how a crystal is displaced, over the spread of the noise, ``[n, 3]``.

        Args:
            row: in the corpus.
            atoms: how many it has.
            epoch: from 0.
        """
        of_row = hashed(key(Purpose.DISPLACEMENTS, self._seed, epoch), np.array([row]))
        noise = normal(hashed(of_row, np.arange(3 * atoms))).reshape(atoms, 3)
        return np.asarray(noise - noise.mean(axis=0))

    def _atoms(self, rows: Rows) -> list[AtomArrays]:
        return [atoms_of(sample) for sample in self._corpus.samples(rows, _COLUMNS)]

    def _sample(self, atoms: AtomArrays, row: int) -> object:
        try:
            return self.view.sample(Crystal({}, atoms=atoms))
        except InputError as error:
            raise InputError(f"{self._corpus.id(row)}: {error}") from None

    def _whole_sizes(self) -> Rows:
        sizes = np.empty(len(self), dtype=np.int64)
        for start in range(0, len(self), _STRETCH):
            rows = np.arange(start, min(start + _STRETCH, len(self)))
            of_rows = zip(self._atoms(rows), rows, strict=True)
            sizes[rows] = self.view.sizes([self._sample(one, int(row)) for one, row in of_rows])
        return sizes
