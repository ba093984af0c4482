"""Several sets of rows, learned at once, each with its share of an epoch.

An epoch of a mixture draws a fixed number of rows from each set, whatever size the set has. Draws
of a set go on from epoch to epoch: each of its rows is drawn once before any is drawn again, in an
order that a hash of seed, set and pass decides. So what an epoch holds depends on seed and epoch
alone, whatever was done before, and :class:`stratus.training.loader.Loader` shares it among
processes like the rows of any source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.errors import InputError
from stratus.objectives.hash_rng import Purpose, hashed, key, permutation
from stratus.objectives.objective import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.objectives.objective import Epochs, Rows, Step


class MixtureOptions(BaseModel):
    """How much of an epoch each set of rows has; neither set: each row is drawn once."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shares: tuple[float, ...] | None = Field(
        None, description="Of several tables, the share of an epoch that each has, in order."
    )
    temperature: float | None = Field(
        None,
        gt=0,
        description="Or shares that go with rows to the power of 1 / temperature.",
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.shares is None:
            return self
        if self.temperature is not None:
            raise ValueError("shares and temperature cannot both be set; leave one out")
        if not self.shares or min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(
                f"shares of {', '.join(f'{share:g}' for share in self.shares)} cannot be used; "
                "give numbers above 0 that add up to 1"
            )
        return self

    @property
    def is_set(self) -> bool:
        """Whether there is anything but rows, each once."""
        return self.shares is not None or self.temperature is not None

    def of(self, sizes: Sequence[int]) -> list[float]:
        """Return the share of each of some sets.

        Args:
            sizes: their rows.

        Raises:
            stratus.errors.InputError: there is not one share for each set, or there is one set.
        """
        if len(sizes) < 2:
            raise InputError("a mixture needs several tables; give them, or leave mixture out")
        if self.shares is None:
            return shares_by_temperature(sizes, self.temperature or 1.0)
        if len(self.shares) != len(sizes):
            raise InputError(
                f"the mixture has {len(self.shares)} shares for {len(sizes)} tables; give one each"
            )
        return list(self.shares)


def shares_by_temperature(sizes: Sequence[int], temperature: float) -> list[float]:
    """Return shares that go with sizes to the power 1 / temperature.

    At 1 they are those of the rows; the higher, the more equal they are; near 0 the largest set has
    all. Source: Shoghi et al. 2023 (arXiv:2310.16802), section 3, who take 2.
    """
    powers = np.log(np.maximum(sizes, 1)) / temperature
    weights = np.exp(powers - powers.max())
    return [float(share) for share in weights / weights.sum()]


class RepeatedRows(Source, Protocol):
    """A source that shows each row of a step as an epoch of its own has it."""

    def step(self, rows: Rows, epoch: Epochs) -> Step:
        """Return some rows, each as its epoch shows it."""

    def counts(self, rows: Rows, epoch: Epochs) -> dict[str, int]:
        """Return the ``counts`` of :meth:`step`."""


class Drawn(NamedTuple):
    """What an epoch holds.

    Attributes:
        rows: of the source, ``[n]``.
        passes: how often each was drawn before, ``[n]``.
    """

    rows: Rows
    passes: Rows


class Mixture:
    """A source whose epochs draw from several sets of rows of another source.

    The sets lie one after another in one source, so that a batch may hold rows of several. A row is
    shown as the epoch shows it that is the number of times it was drawn before, so one that is
    drawn twice in an epoch is, for example, masked in two ways.

    Args:
        source: all rows.
        sizes: how many rows each set has, in the order of the source.
        shares: of an epoch, of each set; they add up to 1.
        seed: decides the order of the rows of a set.
        rows: drawn in an epoch; by default as many as the source has.

    Raises:
        stratus.errors.InputError: the sizes are not those of the source, or a share is no row.
    """

    def __init__(
        self,
        source: RepeatedRows,
        sizes: Sequence[int],
        shares: Sequence[float],
        seed: int = 0,
        rows: int | None = None,
    ) -> None:
        if sum(sizes) != len(source) or len(sizes) != len(shares):
            raise InputError(
                f"sets of {', '.join(map(str, sizes))} rows with {len(shares)} shares are no "
                f"mixture of a source of {len(source)} rows"
            )
        self._source = source
        self._sizes = tuple(sizes)
        self._seed = seed
        self.draws = _apportioned(shares, len(source) if rows is None else rows)
        for size, share, count in zip(sizes, shares, self.draws, strict=True):
            if not (size and count):
                raise InputError(
                    f"a share of {share:g} of {sum(self.draws)} rows comes to {count} of a set of "
                    f"{size} rows; give it a larger share, or leave the set out"
                )
        self._last = -1, Drawn(np.empty(0, np.int64), np.empty(0, np.int64))

    def __len__(self) -> int:
        """Return the rows of an epoch."""
        return sum(self.draws)

    def drawn(self, epoch: int) -> Drawn:
        """Return what an epoch holds, set after set."""
        last, drawn = self._last
        if last != epoch:
            starts = np.cumsum([0, *self._sizes])
            each = [self._of_set(k, epoch) for k in range(len(self._sizes))]
            drawn = Drawn(
                np.concatenate([starts[k] + one.rows for k, one in enumerate(each)]),
                np.concatenate([one.passes for one in each]),
            )
            self._last = epoch, drawn
        return drawn

    @property
    def padded(self) -> bool:
        """Whether crystals of a step are padded to the largest of them."""
        return self._source.padded

    def sizes(self, epoch: int) -> Rows:
        """Return the parts of each row for the encoder, ``[n]``."""
        rows, passes = self.drawn(epoch)
        sizes = np.empty(len(rows), dtype=np.int64)
        for number in np.unique(passes).tolist():
            here = passes == number
            sizes[here] = self._source.sizes(number)[rows[here]]
        return sizes

    def step(self, rows: Rows, epoch: int) -> Step:
        """Return some of what an epoch holds."""
        return self._source.step(*self._at(rows, epoch))

    def counts(self, rows: Rows, epoch: int) -> dict[str, int]:
        """Return the ``counts`` of :meth:`step`."""
        return self._source.counts(*self._at(rows, epoch))

    def blank(self, row: int, epoch: int) -> Step:
        """Return a row without targets."""
        rows, passes = self.drawn(epoch)
        return self._source.blank(int(rows[row]), int(passes[row]))

    def _at(self, places: Rows, epoch: int) -> tuple[Rows, Epochs]:
        rows, passes = self.drawn(epoch)
        return rows[places], passes[places]

    def _of_set(self, k: int, epoch: int) -> Drawn:
        """Return the draws of an epoch from one set, whose rows are counted from 0."""
        size, count = self._sizes[k], self.draws[k]
        passes, places = np.divmod(epoch * count + np.arange(count), size)
        rows = np.empty(count, dtype=np.int64)
        for number in np.unique(passes).tolist():
            here = passes == number
            words = hashed(key(Purpose.MIXTURE, self._seed, number), np.array([k]))
            rows[here] = permutation(words, size)[places[here]]
        return Drawn(rows, passes)


def _apportioned(shares: Sequence[float], total: int) -> tuple[int, ...]:
    """Divide a number by shares: each gets its part rounded down or up, by largest remainders."""
    parts = np.array(shares, dtype=np.float64) * total
    counts = np.floor(parts).astype(np.int64)
    missing = total - int(counts.sum())
    counts[np.argsort(counts - parts, kind="stable")[:missing]] += 1
    return tuple(counts.tolist())
