"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several processes wait for each other
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# The first example of a test may load torch; how long it takes is no one's promise.
settings.register_profile("stratus", deadline=None)
settings.load_profile("stratus")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets, which the project does not carry: STRATUS_DATA says where."""
    named = os.environ.get("STRATUS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            f"real data not found at {folder}; set STRATUS_DATA to the folder that holds it"
        )
    return folder


@pytest.fixture(scope="session")
def example_cifs() -> Path:
    """The folder of the example crystals that come with the package."""
    return ROOT / "src" / "stratus" / "crystals" / "examples"
