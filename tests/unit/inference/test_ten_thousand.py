"""Ten thousand good and bad files: ten thousand rows, in order, each with the right fate."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.cif import CifWriter

from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.inference.inputs import PredictOptions
from stratus.inference.jobs.predict import predict_corpus

FILES, DIFFERENT = 10_000, 60


def damaged(text: str, how: int) -> str:
    """Return a file with one thing wrong."""
    return (
        "",
        text.replace("_cell_length_a", "_cell_length_q"),
        "\x00\x01 no crystal at all",
        text[: text.index("loop_")],
    )[how]


@pytest.mark.slow
def test_every_file_has_its_row(model, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(DIFFERENT):
        number = int(rng.integers(1, 231))
        made = random_crystal(number, random_orbits(number, rng, max_atoms=12), rng)
        texts.append(str(CifWriter(made.structure)))
    folder = tmp_path / "files"
    expected: list[tuple[str, bool]] = []
    for number in range(FILES):
        text, bad = texts[number % DIFFERENT], bool(rng.random() < 0.3)
        if bad:
            text = damaged(text, int(rng.integers(4)))
        name = f"{number // 1000}/f{number:05d}"
        path = folder / f"{name}.cif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        expected.append((name, bad))
    output = tmp_path / "out.csv"
    summary = predict_corpus([folder], output, model, options=PredictOptions(workers=2))
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert summary.rows == len(rows) == FILES
    assert [row["id"] for row in rows] == [name for name, _ in expected]
    assert [row["status"] == "reject" for row in rows] == [bad for _, bad in expected]
    first: dict[int, float] = {}
    for number, row in enumerate(rows):
        if row["status"] == "ok":
            value = float(row["gap"])
            assert value == pytest.approx(first.setdefault(number % DIFFERENT, value), rel=1e-4)
    assert sum(summary.rejects.values()) == sum(bad for _, bad in expected)
