"""The public re-fit of the Chinchilla points is matched, where their table is given.

Besiroglu et al. 2024 (arXiv 2404.10102): 240 points read off a figure of Hoffmann et al. 2022. The
table is not part of the project; STRATUS_CHINCHILLA names a CSV with the columns ``parameters``,
``tokens`` and ``loss``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stratus.studies.scaling.fitted import FitOptions
from stratus.studies.scaling.report import fit_table

REFIT = {
    "A": (482.0, 124.5),
    "B": (2085.0, 1293.0),
    "E": (1.817, 0.026),
    "alpha": (0.348, 0.015),
    "beta": (0.366, 0.021),
    "a": (0.513, 0.020),
}
"""Constants and standard errors."""


@pytest.fixture(scope="module")
def table() -> Path:
    named = os.environ.get("STRATUS_CHINCHILLA")
    if not named or not Path(named).is_file():
        pytest.skip("set STRATUS_CHINCHILLA to the CSV of the 240 points of the re-fit")
    return Path(named)


def test_the_constants_of_the_re_fit_are_matched(table):
    found = fit_table(table, FitOptions(draws=0, held_out=0))
    for name, (value, error) in REFIT.items():
        assert getattr(found, name).value == pytest.approx(value, abs=error), name
