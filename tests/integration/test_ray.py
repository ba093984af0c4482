"""Ray on two local machines gives the table of a local run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora import EncodeOptions, encode_corpus
from stratus.errors import InputError, MissingExtraError


def write_corpus(path: Path, rows: int) -> Path:
    """Write rock-salt-like cells; each 50th has no volume, each 70th repeats an id."""
    cells = [
        [3.0 + i % 9, 0, 0, 0, 3.0, 0, 0, 0, 0.0 if i % 50 == 49 else 4.0] for i in range(rows)
    ]
    table = {
        "id": [f"c{i - 1 if i % 70 == 69 else i}" for i in range(rows)],
        "lattice": pa.array(cells, pa.list_(pa.float64())),
        "species": ["Na Cl" if i % 2 else "Cs F" for i in range(rows)],
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]] * rows, pa.list_(pa.float64())),
        "energy": [i / 7 for i in range(rows)],
    }
    pq.write_table(pa.table(table), path)
    return path


def test_a_ray_cluster_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    corpus = write_corpus(tmp_path / "corpus.parquet", 3000)
    monkeypatch.chdir(tmp_path)
    encode_corpus(["corpus.parquet"], "local.parquet", EncodeOptions(workers=0))
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 150 * 2**20,
            "include_dashboard": False,
        },
    )
    try:
        cluster.add_node(num_cpus=1, object_store_memory=150 * 2**20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        options = EncodeOptions(engine="ray", workers=2)
        with pytest.raises(InputError, match="files and folders"):
            encode_corpus(["-"], "stdin.parquet", options)
        summary = encode_corpus([corpus.name], "ray.parquet", options)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert summary.rejects == {"bad-lattice": 60, "duplicate-id": 34}
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()
    assert Path("ray.rejects.csv").read_bytes() == Path("local.rejects.csv").read_bytes()


def test_without_ray_the_engine_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    corpus = write_corpus(tmp_path / "corpus.parquet", 3)
    with pytest.raises(MissingExtraError, match=r"stratus-crystals\[ray\]"):
        encode_corpus([corpus], tmp_path / "out.parquet", EncodeOptions(engine="ray"))
    assert [p.name for p in tmp_path.iterdir()] == ["corpus.parquet"]
