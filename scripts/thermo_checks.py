"""Hold curves of a model against experiments, and against the laws of thermodynamics.

    python scripts/thermo_checks.py experiments TABLES --model BUNDLE -o curves.png
    python scripts/thermo_checks.py consistency TABLES --model BUNDLE [--crystals 1000]

`experiments` draws C_v of five crystals beside measured heat capacities (`thermo_experiments.csv`).
These are C_p, at constant pressure, and lie above C_v by alpha^2 V T / kappa: near 0.6 % for Al2O3,
1.4 % for MgO and 5 % for NaCl at 300 K, more above. The model must not have learned from crystals
of these formulas: `thermo_study.py --leave-out` makes such a one. Of the structures that `dos` has,
those of the measured phase are drawn, and what its density of states comes to beside them.

`consistency` asks of each crystal whether C_v, U and S rise with temperature and F falls, whether
C_v stays below 3R per atom, and how far S is from the integral of C_v/T, U from that of C_v, and F
from U - T S, and fails where a bound is passed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import torch

from stratus.models.bundle import load_bundle
from stratus.physics.effective import debye_temperature
from stratus.physics.quantities import GAS_CONSTANT
from stratus.plots.figure import COLOURS, GREY, drawing

if TYPE_CHECKING:
    from stratus.models.model import Model

EXPERIMENTS: Final = Path(__file__).parent / "thermo_experiments.csv"
ATOMS: Final = {"Al2O3": 5, "MgO": 2, "Si": 1, "NaCl": 2, "GaN": 2}
"""Atoms of the formula unit that the measured values are of."""

HIGHEST_K: Final = 1500.0
BOUND: Final = 1e-4
NODES: Final = 12
PANELS_K: Final = np.array([0.0, *2.0 ** np.arange(0, 10.5, 0.5), HIGHEST_K])


def experiments(model: Model, tables: Path, path: Path) -> None:
    """Print and draw C_v of the model beside measured C_p, per mole of formula units."""
    measured = pd.read_csv(EXPERIMENTS)
    crystals = pd.read_parquet(tables / "dos.parquet")
    grid = np.arange(0.0, 1005.0, 10.0)
    kelvins = [int(c[3:-1]) for c in crystals if c.startswith("cv@")]
    print(
        "| crystal | T (K) | measured C_p | model C_v | difference | theta of C_p | of the model |"
    )
    print("|---|---|---|---|---|---|---|")
    with drawing(6.8, 4.4) as figure:
        axes = figure.subplots(2, 3).flat
        for axis, (formula, rows) in zip(
            axes, measured.groupby("formula", sort=False), strict=False
        ):
            atoms, group = ATOMS[formula], rows["space_group"].iloc[0]
            same = (crystals["formula"] == formula) & (crystals["space_group"] == group)
            crystal = crystals[same].iloc[0]
            level = 0.9 if model.calibration is not None else None
            curve = model.curves(
                crystal["scope"], grid, per="formula", interval=level, imposed=False
            )
            axis.axhline(3 * GAS_CONSTANT * atoms, color=GREY, lw=0.6, ls=":")
            if curve.cv.lo is not None and np.isfinite(curve.cv.lo).all():
                axis.fill_between(grid, curve.cv.lo[0], curve.cv.hi[0], color=COLOURS[0], alpha=0.2)
            axis.plot(grid, curve.cv.value[0], color=COLOURS[0], label="$C_v$, model")
            of_dos = [atoms * crystal[f"cv@{kelvin}K"] for kelvin in kelvins]
            axis.plot(
                kelvins, of_dos, "s", ms=3, mfc="none", color=GREY, label="$C_v$, DFT phonons"
            )
            axis.plot(rows["temperature_k"], rows["cp_j_per_mol_k"], "o", ms=3, color=COLOURS[1],
                      label="$C_p$, measured")  # fmt: skip
            axis.set_title(f"{formula}, {crystal['id']}")
            axis.set_xlim(0, 1000)
            axis.set_ylim(bottom=0)
            at = model.curves(crystal["scope"], rows["temperature_k"], per="formula")
            theta = debye_temperature(
                torch.tensor(rows["cp_j_per_mol_k"].to_numpy()),
                torch.tensor(rows["temperature_k"].to_numpy()),
                atoms,
            )
            ours = debye_temperature(
                torch.from_numpy(at.cv.value[0]),
                torch.tensor(rows["temperature_k"].to_numpy()),
                atoms,
            )
            for row, value, one, two in zip(
                rows.itertuples(), at.cv.value[0], theta.tolist(), ours.tolist(), strict=True
            ):
                print(
                    f"| {formula} | {row.temperature_k:g} | {row.cp_j_per_mol_k:.2f} | {value:.2f} "
                    f"| {100 * (value / row.cp_j_per_mol_k - 1):+.1f} % "
                    f"| {shown(one)} | {shown(two)} |"
                )
        axes = list(figure.axes)
        axes[0].legend()
        axes[5].axis("off")
        for axis in axes[:5]:
            axis.set_xlabel("temperature, K")
            axis.set_ylabel("J/(mol K)")
        figure.savefig(path, dpi=150)


def shown(theta_k: float) -> str:
    """Write a temperature; none where C_p is above 3R."""
    return f"{theta_k:.0f}" if np.isfinite(theta_k) else "above 3R"


def consistency(model: Model, scopes: list[str]) -> bool:
    """Print how far curves are from what thermodynamics asks; say whether all bounds hold."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    low, high = PANELS_K[:-1, None], PANELS_K[1:, None]
    nodes = (low + (high - low) * (points + 1) / 2).ravel()
    weights = ((high - low) * weights / 2).ravel()
    inside = model.curves(scopes, nodes)
    ends = model.curves(scopes, PANELS_K)
    of_panel = (len(scopes), len(PANELS_K) - 1, NODES)
    entropy = np.cumsum((inside.cv.value / nodes * weights).reshape(of_panel).sum(2), 1)
    heat = 1e-3 * np.cumsum((inside.cv.value * weights).reshape(of_panel).sum(2), 1)
    last = ends.s.value[:, -1:]
    rises = ends.u.value[:, 1:] - ends.u.value[:, :1]
    fine = model.curves(scopes, np.arange(0.0, HIGHEST_K + 1, 5.0))
    step = {name: np.diff(curve.value, axis=1) for name, curve in fine.curves.items()}
    falls = {name: float(-change.min()) for name, change in step.items() if name != "f"}
    falls["f"] = float(step["f"].max())
    found = {
        "C_v over 3R, most, - 1": float(fine.cv.value.max() / (3 * GAS_CONSTANT) - 1),
        "S against the integral of C_v/T, over S at 1,500 K": float(
            (np.abs(ends.s.value[:, 1:] - entropy) / last).max()
        ),
        "U - U(0) against the integral of C_v, over that at 1,500 K": float(
            (np.abs(rises - heat) / rises[:, -1:]).max()
        ),
        "F against U - T S, over U + T S": float(
            (
                np.abs(fine.f.value - fine.u.value + 1e-3 * fine.temperature_k * fine.s.value)
                / (fine.u.value + 1e-3 * fine.temperature_k * fine.s.value)
            ).max()
        ),
        **{
            f"largest step of {name} the wrong way (below 0: none)": fall
            for name, fall in falls.items()
        },
    }
    print(f"{len(scopes)} crystals, 0 to {HIGHEST_K:g} K, per mole of atoms\n")
    print("| what | largest | bound |\n|---|---|---|")
    for what, size in found.items():
        print(f"| {what} | {size:.2g} | {BOUND:g} |")
    return all(size <= BOUND for size in found.values())


def main() -> None:
    """Do one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["experiments", "consistency"])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--crystals", type=int, default=1000)
    parser.add_argument("--output", "-o", type=Path, default=Path("curves.png"))
    given = parser.parse_args()
    model = load_bundle(given.model)
    if given.what == "experiments":
        experiments(model, given.tables, given.output)
        return
    scopes = pd.read_parquet(given.tables / "dos.parquet")["scope"].head(given.crystals)
    sys.exit(0 if consistency(model, scopes.tolist()) else 1)


if __name__ == "__main__":
    main()
