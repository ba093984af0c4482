"""What ``stratus thermo`` draws while it works, prints at its end and puts into its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import typer

from stratus.cli.console import Console
from stratus.cli.crystal_bar import CrystalBar, print_end
from stratus.cli.wide_table import print_wide
from stratus.errors import InputError
from stratus.inference.thermo_curves import UNITS
from stratus.models.functionals import functional_of
from stratus.names import pick
from stratus.physics.amounts import PER
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES
from stratus.plots.figure import COLOURS, save_figure
from stratus.plots.interval_bar import Predicted, rounded
from stratus.plots.thermodynamics import Band, Curves, thermodynamics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal
    from stratus.inference.jobs.thermo import ThermoSummary
    from stratus.inference.thermo_curves import ThermoCurves
    from stratus.inference.windows import ThermoWindow
    from stratus.models.model import Model

    Floats = NDArray[np.float64]

_FIRST: Final = 10
_SHOWN_AT_K: Final = 300.0
_NAME: Final = 32


class _Crystal(NamedTuple):
    """One of the first crystals: its name, its theta and its curves, ``[t]`` each."""

    name: str
    theta_k: float
    temperature_k: Floats
    bands: Mapping[str, Band]
    stds: Mapping[str, Floats]
    atoms: int


class Report(CrystalBar):
    """Shows how far a job is, and its first crystals.

    Args:
        per: what a mole is of.
        interval: share of crystals that the intervals are to hold.
        inputs: those of the job.
        model: what predicts.
        digits: significant digits; as many as the interval allows if None.
        first: how many crystals are shown.
        progress: whether to draw a bar, if stderr is a terminal.
        quiet: whether to show nothing.

    Raises:
        stratus.errors.InputError: there is no such amount.
    """

    def __init__(
        self,
        per: str,
        interval: float,
        inputs: Sequence[str],
        model: Model,
        *,
        digits: int | None = None,
        first: int = _FIRST,
        progress: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__(inputs, progress=progress, quiet=quiet)
        self._mole = pick(PER, per, "value of per")
        self._per = per
        self._interval = interval
        self._model = model
        self._digits = digits
        self._most = first
        self._first: list[_Crystal] = []
        self._notes: list[str] = []

    def window(self, window: ThermoWindow) -> None:
        """Take in some curves."""
        self.advance(len(window.rows))
        for number, (row, place) in enumerate(zip(window.rows, window.where.tolist(), strict=True)):
            if len(self._first) == self._most:
                return
            self._notes += [f"{row.id}: {n}" for n in (*row.notes, *window.notes.get(number, ()))]
            if row.reject is None and np.isfinite(window.curves.cv.value[place]).any():
                atoms = _atoms(window.crystals[place], self._per)
                self._first.append(_crystal(row.id, window.curves, place, atoms))

    def finish(self, summary: ThermoSummary) -> None:
        """Print the first crystals near 300 K, if stdout is a terminal, units and counts."""
        if self._first and (not summary.output or (Console().is_terminal and not self.quiet)):
            self._print_table(summary)
        if self.quiet:
            return
        units = "; ".join(f"{name} in {UNITS[name]}" for name in QUANTITIES)
        typer.echo(f"units          {units}; {self._mole}")
        where = f"{summary.output}: {summary.lines:,} lines, " if summary.output else ""
        typer.echo(
            f"crystals       {summary.crystals:>12,}   {where}{summary.temperatures:,} temperatures"
        )
        print_end(summary)

    def draw(self, path: Path) -> None:
        """Draw the first seven crystals.

        Raises:
            stratus.errors.InputError: there is none, or the file cannot be written.
        """
        shown = self._first[: len(COLOURS)]
        if not shown:
            raise InputError(
                f"{path} was not drawn, because no crystal has curves (a formula has none per "
                "cell); the table is written"
            )
        figure = thermodynamics(
            [
                Curves(
                    f"{_short(one.name)} (θ = {one.theta_k:.0f} K)",
                    one.temperature_k,
                    one.bands,
                    3 * GAS_CONSTANT * one.atoms,
                )
                for one in shown
            ],
            units={str(name): unit for name, unit in UNITS.items()},
            per=self._mole,
            interval=self._interval,
        )
        save_figure(figure, path)
        if not self.quiet:
            typer.echo(f"picture        {len(shown):>12,}   {path}")

    def _print_table(self, summary: ThermoSummary) -> None:
        at = self._first[0].temperature_k
        nearest = int(np.abs(at - _SHOWN_AT_K).argmin())
        header = ["id", self._heading("θ", "theta_k", "K")]
        header += [self._heading(name, name, UNITS[name]) for name in QUANTITIES]
        rows = []
        for one in self._first:
            cells = [self._cell(name, one, nearest) for name in QUANTITIES]
            rows.append([one.name, f"{one.theta_k:.0f}", *cells])
        print_wide(header, rows)
        typer.echo(f"At {at[nearest]:g} K, {self._mole}; below each value its interval.")
        good = summary.crystals - sum(summary.rejects.values())
        if good > len(self._first):
            more = "" if summary.output else "; -o OUT writes all of them"
            typer.echo(f"These are the first {len(self._first)} of {good:,} crystals{more}.")
        for note in self._notes:
            Console(highlight=False).print(note, markup=False)

    def _heading(self, shown: str, name: str, unit: str) -> str:
        functional = functional_of(self._model, name)
        return "\n".join((shown, unit, *filter(None, (functional,))))

    def _cell(self, name: str, one: _Crystal, place: int) -> str:
        band = one.bands[name]
        numbers = (
            float("nan") if part is None else float(np.asarray(part)[place])
            for part in (band.value, one.stds[name], band.lo, band.hi)
        )
        value, _, ends = rounded(Predicted(name, "", *numbers), self._digits)
        return f"{value}\n{ends}"


def _crystal(name: str, curves: ThermoCurves, place: int, atoms: int) -> _Crystal:
    """Return the curves of one crystal apart from those of its window, which can go."""
    bands: dict[str, Band] = {}
    stds: dict[str, Floats] = {}
    for quantity, curve in curves.curves.items():
        lo, hi = (None if end is None else end[place].copy() for end in (curve.lo, curve.hi))
        bands[quantity] = Band(curve.value[place].copy(), lo, hi)
        stds[quantity] = curve.std[place].copy()
    theta = float(curves.theta_k[place])
    return _Crystal(name, theta, curves.temperature_k, bands, stds, atoms)


def _atoms(crystal: Crystal, per: str) -> int:
    return {"formula": crystal.formula_atoms, "cell": crystal.n_atoms}.get(per, 1)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
