"""The weights that come with the package, and the script that makes them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import stratus
from stratus.models import loading
from stratus.tasks.predicted import notes_on

GOLDEN = Path(__file__).with_name("bundled_predictions.csv")
"""What `stratus predict` wrote for the example crystals with the weights as they were committed."""

MOST_BYTES = 20 * 2**20
TARGETS = {
    "formation_energy_per_atom": "eV/atom",
    "band_gap": "eV",
    "energy_above_hull": "eV/atom",
    "volume_per_atom": "Å^3/atom",
    "log10_bulk_modulus": "log10(GPa)",
    "log10_shear_modulus": "log10(GPa)",
    "refractive_index": "",
    "highest_phonon_frequency": "1/cm",
    "cv@300K": "J/mol/K",
}
SMALL = """
pretrain: {encoder: orbit-set, preset: nano, epochs: 1, batch_size: 64,
  model: {hidden: 32, layers: 1, heads: 2, feed_forward: 64}}
supervised: {epochs: 1, batch_size: 64}
targets: {epochs: 1, batch_size: 64, members: 2, hide: 0.3, keep_heads: true}
bundled: {epochs: 1, batch_size: 64, members: 2, hide: 0.3, keep_heads: true, rehearse: 0.5,
  repeat: {cv@300K: 2}}
card: {name: tiny}
"""


WITH_FEW_TREES = """
import runpy, sys
from stratus.training import boosting
boosting.BOOSTED_TREES = (4,)
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script; how well simple models do is tested elsewhere, and their trees took minutes."""


@pytest.fixture(scope="module")
def model():
    return stratus.load("bundled")


def golden() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_weights_are_small_and_predict_what_the_documents_say(model):
    folder = Path(loading.__file__).parent / "bundled"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES
    assert {name: task.unit for name, task in model.tasks.items()} == TARGETS
    assert len(model.model.members) >= 2
    assert all(source.licence in {"CC-BY-4.0", "MIT"} for source in model.card.data)


def test_predictions_are_those_that_were_committed(model, example_cifs):
    rows = [row for row in golden() if row["status"] == "ok"]
    paths = [example_cifs / f"{row['id']}.cif" for row in rows]
    found = model.predict(paths, interval=0.9)
    for name in TARGETS:
        for suffix in ("", "_std", "_lo", "_hi"):
            expected = [float(row[name + suffix] or "nan") for row in rows]
            values = getattr(found[name], suffix[1:] or "value")
            np.testing.assert_allclose(values, expected, rtol=2e-3, atol=2e-3, err_msg=name)
    for place, row in enumerate(rows):
        assert " ".join(notes_on(found, place)) == row["notes"]


def test_salt_is_salt(model):
    """Loose bounds around measured values; a model that learned nothing is outside."""
    salt = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
    found = model.predict([salt])
    assert -2.4 < found["formation_energy_per_atom"][0] < -1.8  # -2.1 eV/atom
    assert 3.5 < found["band_gap"][0] < 6.5  # 5.0 eV in PBE
    assert 18 < found["volume_per_atom"][0] < 27  # 22.4 Å^3


def test_curves_of_corundum_are_those_of_corundum(model, example_cifs):
    """C_p is 12.9, 51.1, 79.0, 96.1 and 124.8 J/(mol K) in tables of calorimetry; C_v is less."""
    kelvins = [100, 200, 298.15, 400, 1000]
    curves = model.curves(example_cifs / "corundum.cif", kelvins, per="formula", interval=0.9)
    cv = curves.cv
    assert ((cv.lo < cv.value) & (cv.value < cv.hi)).all()
    assert cv.lo[0, 0] < 12.9 < cv.hi[0, 0]  # coarse densities know little of low temperatures
    np.testing.assert_allclose(cv.value[0, 1:], [51.1, 79.0, 96.1, 119.8], rtol=0.05)
    for curve in (curves.u, curves.s, curves.f):
        assert np.isfinite([curve.lo, curve.hi]).all()
    assert 850 < curves.theta_k[0] < 1050  # 947 K from C_p at 298 K


def test_less_known_is_wider(model):
    formula, group = "NaCl", 225
    whole = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
    from stratus.scope.partial import partial_scope

    texts = [whole, partial_scope(formula, group), partial_scope(formula)]
    found = model.predict(texts, interval=0.9)["formation_energy_per_atom"]
    widths = found.hi - found.lo
    assert np.isfinite(widths).all()
    assert widths[0] < widths[2]


@pytest.mark.slow
def test_the_script_that_makes_them_runs(repo_root, data_dir, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    folder = repo_root / "examples" / "bundled"
    sources = yaml.safe_load((folder / "sources.yaml").read_text("utf-8"))
    groups = ("whole", "partial", "strings", "kept_away")
    for name in {source["file"] for group in groups for source in sources[group]}:
        first = next(pq.ParquetFile(data_dir / name).iter_batches(200))
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_batches([first]), tmp_path / "data" / name)

    def run(script: str, *arguments: object) -> str:
        given = [*map(str, arguments), "--data", tmp_path / "data"]
        done = subprocess.run(
            [sys.executable, "-c", WITH_FEW_TREES, folder / script, *given],
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("train.py", tmp_path / "out", "--options", tmp_path / "small.yaml")
    made = stratus.load(tmp_path / "out" / "bundled")
    assert made.model.calibration is not None
    assert {name: task.unit for name, task in made.tasks.items()} == TARGETS
    run("domain.py", tmp_path / "out" / "bundled")
    known = stratus.load(tmp_path / "out" / "bundled")
    assert known.model.domain.targets.keys() == TARGETS.keys()
    assert known.model.domain.modes_end_per_cm == 1000
    assert len(known.model.seen) > 200
    said = run("evaluate.py", tmp_path / "out" / "bundled")
    assert "| band_gap | formula |" in said
    assert "| cv in J/mol/K | 300 |" in said
