"""A model of atoms is trained, saved, loaded and asked where nothing of strings can be imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

SCRIPT = """
import sys
from importlib.abc import MetaPathFinder


class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "stratus.scope" or name.startswith("stratus.scope."):
            raise ImportError(f"{name} is not to be imported")


sys.meta_path.insert(0, Refuse())
from stratus.cli.app import app

learn = "finetune frames.parquet --target energy:eV -o model --encoder cgcnn --model none"
app([*learn.split(), "--epochs", "2", "--folds", "3"], standalone_mode=False)
app("predict frames.parquet --model model -o predicted.csv".split(), standalone_mode=False)

import stratus

found = stratus.load("model").predict("frames.parquet")
assert len(found["energy"].value) == 24
assert not [name for name in sys.modules if name.startswith("stratus.scope")]
"""


def test_frames_are_learned_from_a_table_without_any_string(tmp_path):
    rows = 24
    rng = np.random.default_rng(0)
    places = np.tile([0, 0, 0, 0.5, 0.5, 0.5], (rows, 1)) + rng.normal(0, 0.02, (rows, 6))
    edges = np.linspace(3.9, 4.3, rows)
    columns = {
        "lattice": [(np.eye(3) * a).ravel().tolist() for a in edges],
        "species": [["Na", "Cl"]] * rows,
        "frac_coords": places.tolist(),
        "energy": ((edges - 4.1) ** 2).tolist(),
    }
    pq.write_table(pa.table(columns), tmp_path / "frames.parquet")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "split the table is cut into blocks, in its order" in said
    assert "(24 rows of 1 compositions; by lot: --set group=none)" in said
    assert "have the composition of a row to learn from" in said
    found = pa_csv.read_csv(tmp_path / "predicted.csv")
    assert found.num_rows == rows
    values = found["energy"].to_numpy()
    assert np.isfinite(values).all()
    assert len(np.unique(values)) == rows  # no two frames are one crystal to the model
