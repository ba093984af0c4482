"""Every crystal ends as a row or a reject, in order, once; and the table is there whole or not."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import stand_ins

from stratus.corpora.encoding.chunks import Work, chunked
from stratus.corpora.encoding.distinct import DistinctCounter
from stratus.corpora.encoding.ids import IdIndex
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.summary import EncodeSummary, Progress
from stratus.crystals.entry import Entry
from stratus.crystals.reading import records
from stratus.crystals.reading.record import ReadOptions
from stratus.errors import InputError, ResumeError, StratusError, StrictError
from stratus.scope import ScopeOptions

SMALL = EncodeOptions(workers=0, chunk_rows=4, part_rows=8)


def write_corpus(path: Path, rows: int, **labels: pa.Array) -> Path:
    """Write cubic two-atom crystals; each 10th repeats an id, each 13th has no volume."""
    rng = np.random.default_rng(7)
    lattices = [np.eye(3).ravel() * (3 + i % 5) * (0 if i % 13 == 12 else 1) for i in range(rows)]
    pairs = rng.integers(3, 80, size=(rows, 2))
    table = {
        "material_id": [f"c{i - 1 if i % 10 == 9 else i:06d}" for i in range(rows)],
        "lattice": pa.array([list(m) for m in lattices], pa.list_(pa.float64())),
        "species": [" ".join(_symbol(z) for z in pair) for pair in pairs],
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]] * rows, pa.list_(pa.float64())),
        **labels,
    }
    pq.write_table(pa.table(table), path)
    return path


def _symbol(number: int) -> str:
    from stratus.crystals.elements import SYMBOLS

    return SYMBOLS[int(number)]


def rejects_of(summary: EncodeSummary) -> list[dict[str, str]]:
    with Path(summary.rejects_file).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read tables five rows at a time, so that a small one has several chunks."""
    monkeypatch.setattr("stratus.crystals.reading.tables.SLICE_ROWS", 5)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    gaps = pa.array([None if i % 3 else i / 2 for i in range(60)], pa.float64())
    return write_corpus(tmp_path / "corpus.parquet", 60, gap=gaps, formula=pa.array(["x"] * 60))


def test_rows_in_are_rows_out_plus_rejects_and_keep_their_order(
    corpus: Path, tmp_path: Path
) -> None:
    summary = encode_corpus([corpus], tmp_path / "out.parquet", SMALL)
    table = pq.read_table(tmp_path / "out.parquet")
    rejects = rejects_of(summary)
    assert summary.rows_in == 60 == table.num_rows + len(rejects)
    assert summary.rows_out == table.num_rows
    assert summary.rejects == {"bad-lattice": 4, "duplicate-id": 5}
    places = [int(source.rpartition(":")[2]) for source in table.column("source").to_pylist()]
    refused = [int(reject["source"].rpartition(":")[2]) for reject in rejects]
    assert places == sorted(places)
    assert refused == sorted(refused)
    assert sorted(places + refused) == list(range(60))
    assert summary.distinct == len(set(table.column("scope").to_pylist()))


def test_the_first_row_keeps_a_repeated_id_and_is_named_by_the_reject(
    corpus: Path, tmp_path: Path
) -> None:
    summary = encode_corpus([corpus, corpus], tmp_path / "out.parquet", SMALL)
    repeated = [r for r in rejects_of(summary) if r["code"] == "duplicate-id"]
    assert len(repeated) == 5 + 56
    first = repeated[0]
    assert first["id"] == "c000008"
    assert first["source"] == f"{corpus}:9"
    assert f"{corpus}:8" in first["detail"]
    ids = pq.read_table(tmp_path / "out.parquet").column("id").to_pylist()
    assert len(ids) == len(set(ids))


def test_workers_make_no_difference_to_the_table(corpus: Path, tmp_path: Path) -> None:
    tables = []
    for workers in (0, 1, 2):
        out = tmp_path / f"{workers}.parquet"
        encode_corpus([corpus], out, SMALL.model_copy(update={"workers": workers}))
        tables.append((out.read_bytes(), out.with_suffix(".rejects.csv").read_bytes()))
    assert tables[0] == tables[1] == tables[2]


def test_labels_travel_with_their_types_and_do_not_hide_our_columns(
    corpus: Path, tmp_path: Path
) -> None:
    encode_corpus([corpus], tmp_path / "out.parquet", SMALL)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("gap").type == pa.float64()
    assert table.column("label_formula").to_pylist() == ["x"] * table.num_rows
    assert "x" not in table.column("formula").to_pylist()
    for source, gap in zip(
        table.column("source").to_pylist(), table.column("gap").to_pylist(), strict=True
    ):
        place = int(source.rpartition(":")[2])
        assert gap == (None if place % 3 else place / 2)


def test_labels_of_every_type_can_be_written(tmp_path: Path) -> None:
    labels = {
        "nothing": pa.nulls(8),
        "raw": pa.array([b"\xff"] * 8),
        "vector": pa.array([[1.0, 2.0]] * 8),
        "record": pa.array([{"a": 1}] * 8),
        "day": pa.array([date(2020, 1, 1)] * 8),
        "word": pa.array(["u", "v"] * 4).dictionary_encode(),
        "flag": pa.array([True, None] * 4),
    }
    source = write_corpus(tmp_path / "in.parquet", 8, **labels)
    encode_corpus([source], tmp_path / "out.parquet", SMALL)
    row = pq.read_table(tmp_path / "out.parquet").to_pylist()[0]
    assert row["vector"] == [1.0, 2.0]
    assert row["record"] == '{"a": 1}'
    assert row["day"] == date(2020, 1, 1)
    assert row["raw"] == b"\xff"
    encode_corpus([source], tmp_path / "out.csv", SMALL)
    with (tmp_path / "out.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert first["vector"] == "[1.0, 2.0]"
    assert first["raw"] == "ff"
    assert first["nothing"] == ""


def test_labels_of_mixed_inputs_are_united(tmp_path: Path) -> None:
    one = write_corpus(tmp_path / "one.parquet", 8, a=pa.array([1] * 8), b=pa.array([1] * 8))
    two = write_corpus(tmp_path / "two.parquet", 12, a=pa.array([0.5] * 12), b=pa.array(["t"] * 12))
    encode_corpus([one, two], tmp_path / "out.parquet", SMALL)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("a").type == pa.float64()
    assert set(table.column("b").to_pylist()) == {"1", "t"}


def test_every_row_says_how_it_was_made(corpus: Path, tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"scope": ScopeOptions(symprec=0.1, angle_tolerance=3.0)})
    encode_corpus([corpus], tmp_path / "out.parquet", options)
    table = pq.read_table(tmp_path / "out.parquet")
    row = table.slice(0, 1).to_pylist()[0]
    assert (row["dialect"], row["backend"], row["symprec"], row["angle_tolerance"]) == (
        "orbit",
        "moyopy",
        0.1,
        3.0,
    )
    assert row["backend_version"]
    about = json.loads(pq.read_metadata(tmp_path / "out.parquet").metadata[b"stratus"])
    assert about["options"]["scope"]["symprec"] == 0.1
    assert about["rows_in"] == 60
    assert about["stratus_version"]
    assert about["scope_version"]


def test_a_csv_holds_the_same_rows(corpus: Path, tmp_path: Path) -> None:
    encode_corpus([corpus], tmp_path / "out.parquet", SMALL)
    encode_corpus([corpus], tmp_path / "out.csv", SMALL)
    parquet = pq.read_table(tmp_path / "out.parquet", columns=["id", "scope", "n_atoms", "gap"])
    as_csv = pa_csv.read_csv(tmp_path / "out.csv").select(parquet.column_names)
    assert as_csv.to_pylist() == parquet.to_pylist()


def test_the_rejects_file_is_there_also_when_nothing_was_rejected(tmp_path: Path) -> None:
    clean = write_corpus(tmp_path / "clean.parquet", 5)
    encode_corpus(
        [clean],
        tmp_path / "o.parquet",
        SMALL.model_copy(update={"rejects": str(tmp_path / "r.csv")}),
    )
    assert (tmp_path / "r.csv").read_text().split() == ["id,source,stage,code,detail"]


def test_progress_adds_up_and_ends_at_the_summary(corpus: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    summary = encode_corpus([corpus], tmp_path / "out.parquet", SMALL, seen.append)
    assert all(p.rows_in == p.rows_out + p.rejects for p in seen)
    assert seen[-1].rows_in == summary.rows_in


def test_strict_stops_at_the_first_reject_in_the_order_of_the_inputs(
    corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    for workers in (0, 2):
        options = SMALL.model_copy(update={"strict": True, "workers": workers})
        with pytest.raises(StrictError, match=r"corpus\.parquet:9: duplicate-id"):
            encode_corpus([corpus], out, options)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.parquet"]


class StopError(Exception):
    """Interrupts a run."""


def interrupt_after(rows: int):
    def on_progress(now: Progress) -> None:
        if now.rows_in >= rows:
            raise StopError

    return on_progress


@pytest.mark.parametrize(
    ("rows", "keep"),
    [*((n, ("scope",)) for n in (0, 4, 20, 33, 60)), (33, ("atoms",)), (33, ("scope", "atoms"))],
)
def test_a_resumed_run_gives_the_same_bytes_as_a_straight_one(
    corpus: Path, tmp_path: Path, rows: int, keep: tuple[str, ...]
) -> None:
    straight, broken = tmp_path / "straight.parquet", tmp_path / "broken.parquet"
    options = EncodeOptions.model_validate({**SMALL.model_dump(), "keep": keep})
    encode_corpus([corpus], straight, options)
    with pytest.raises(StopError):
        encode_corpus([corpus], broken, options, interrupt_after(rows))
    assert not broken.exists()
    if rows > 10:
        with pytest.raises(InputError, match="--resume"):
            encode_corpus([corpus], broken, options)
    summary = encode_corpus([corpus], broken, options.model_copy(update={"resume": True}))
    assert broken.read_bytes() == straight.read_bytes()
    rejects = [p.with_suffix(".rejects.csv").read_text() for p in (straight, broken)]
    assert rejects[0] == rejects[1]
    assert summary.rows_in == 60
    if rows > 20:
        assert summary.resumed >= 16
    assert not (tmp_path / "broken.parquet.parts").exists()


@pytest.mark.parametrize("moment", range(2, 8))
def test_stopped_while_a_part_is_stored_it_loses_and_repeats_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    straight = encode_corpus([corpus], tmp_path / "straight.parquet", SMALL)
    calls = []

    def stopped(folder: Path) -> None:
        calls.append(folder)
        if len(calls) == moment:  # a file is replaced, and whoever waits for the disk is stopped
            raise KeyboardInterrupt

    monkeypatch.setattr("stratus.files.whole.sync_folder", stopped)
    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        encode_corpus([corpus], out, SMALL)
    journal = json.loads((tmp_path / "out.parquet.parts/journal.json").read_text())
    assert sum(part["rows"] + part["rejects"] for part in journal["parts"]) >= 8
    done = encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True}))
    assert 8 <= done.resumed < done.rows_in == straight.rows_in
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "straight.parquet"))


def test_resuming_a_finished_table_does_nothing(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    first = encode_corpus([corpus], out, SMALL)
    written = out.stat().st_mtime_ns
    again = encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True}))
    assert again.already_complete
    assert out.stat().st_mtime_ns == written
    same = {"rows_in", "rows_out", "rejects", "distinct"}
    assert again.model_dump(include=same) == first.model_dump(include=same)


def test_resuming_names_what_has_changed(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(StopError):
        encode_corpus([corpus], out, SMALL, interrupt_after(20))
    other = {"resume": True, "scope": ScopeOptions(symprec=0.1)}
    with pytest.raises(ResumeError, match=r"options\.scope\.symprec was 0\.01, is 0\.1"):
        encode_corpus([corpus], out, SMALL.model_copy(update=other))
    write_corpus(corpus, 61)
    with pytest.raises(ResumeError, match=r"corpus\.parquet\.size"):
        encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True}))


def test_a_damaged_part_is_not_taken_for_a_good_one(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(StopError):
        encode_corpus([corpus], out, SMALL, interrupt_after(40))
    part = tmp_path / "out.parquet.parts" / "part-000000.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 255
    part.write_bytes(content)
    with pytest.raises(ResumeError, match=r"part-000000\.parquet is missing or damaged"):
        encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True}))


def test_resuming_where_nothing_was_begun_is_a_straight_run(corpus: Path, tmp_path: Path) -> None:
    resume = SMALL.model_copy(update={"resume": True})
    assert encode_corpus([corpus], tmp_path / "out.parquet", resume).rows_in == 60


def test_a_run_that_fails_before_anything_is_stored_leaves_nothing(
    corpus: Path, tmp_path: Path
) -> None:
    options = SMALL.model_copy(update={"read": ReadOptions(structure_column="nowhere")})
    with pytest.raises(InputError, match="nowhere"):
        encode_corpus([corpus], tmp_path / "out.parquet", options)
    assert [p.name for p in tmp_path.iterdir()] == ["corpus.parquet"]


def test_two_runs_can_not_write_the_same_table(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"

    def second(_: Progress) -> None:
        with pytest.raises(InputError, match="another run"):
            encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True}))
        raise StopError

    with pytest.raises(StopError):
        encode_corpus([corpus], out, SMALL, second)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("out.txt", "must end in .parquet or .csv"),
        ("missing/out.parquet", "does not exist"),
        ("folder.parquet", "is a folder"),
    ],
)
def test_an_unusable_output_is_refused_before_the_work(
    corpus: Path, tmp_path: Path, output: str, says: str
) -> None:
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InputError, match=says):
        encode_corpus([corpus], tmp_path / output, SMALL, lambda _: pytest.fail("it began"))


def test_a_run_does_not_read_what_it_writes(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the input folder"):
        encode_corpus([tmp_path], tmp_path / "out.parquet", SMALL)
    with pytest.raises(InputError, match="is an input too"):
        encode_corpus([corpus], corpus, SMALL)


def test_chunks_cut_long_slices_of_a_table_and_lose_no_row(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratus.crystals.reading.tables.SLICE_ROWS", 50)
    sizes = [
        [item.rows for item in chunk.items]
        for chunk in chunked(records([corpus], ReadOptions()), rows=3)
    ]
    assert sum(sum(size) for size in sizes) == 60
    assert sizes[:17] == [[3]] * 16 + [[2, 3]]
    again = list(chunked(records([corpus], ReadOptions()), rows=3, skip=5))
    assert [c.index for c in again] == list(range(5, len(sizes)))


def test_a_missing_input_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        encode_corpus([tmp_path / "nowhere"], tmp_path / "out.parquet", SMALL)
    assert not list(tmp_path.iterdir())


def test_a_failing_disk_is_one_sentence_and_the_parts_stay(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stratus.corpora.encoding import parts

    real = pq.write_table
    calls = 0

    def full(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls > 2:
            raise OSError(28, "No space left on device")
        real(*args, **kwargs)

    out = tmp_path / "out.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(parts.pq, "write_table", full)
        with pytest.raises(StratusError, match="No space left on device; what is done is kept"):
            encode_corpus([corpus], out, SMALL)
    assert encode_corpus([corpus], out, SMALL.model_copy(update={"resume": True})).resumed > 0


def test_a_row_that_makes_reading_hang_or_die_costs_itself_alone(
    corpus: Path, tmp_path: Path
) -> None:
    work = Work(
        stand_ins.parse_with_traps,
        stand_ins.search_any,
        stand_ins.write_any,
        ReadOptions(),
        ScopeOptions(),
    )
    options = EncodeOptions(workers=1, timeout_s=3.0)
    summary = encode_corpus([corpus], tmp_path / "out.parquet", options, work=work)
    codes = {r["source"].rpartition(":")[2]: r["code"] for r in rejects_of(summary)}
    assert codes["20"] == "timeout"
    assert codes["30"] == "crashed"
    assert codes["40"] == "crashed"
    assert summary.rows_in == 60
    assert summary.rejects == {"bad-lattice": 4, "crashed": 2, "duplicate-id": 5, "timeout": 1}


def test_ids_are_claimed_once_over_many_batches(tmp_path: Path) -> None:
    index = IdIndex(tmp_path / "ids.sqlite")
    assert index.claim(["a", "b", "a"], ["1", "2", "3"]) == {2: "1"}
    assert index.claim(["c", "b"], ["4", "5"]) == {1: "2"}
    many = [f"x{i}" for i in range(1500)]
    assert index.claim(many, many) == {}
    assert index.claim(["y", *many[1400:]], ["s"] * 101) == {
        i + 1: f"x{1400 + i}" for i in range(100)
    }
    index.close()


def test_distinct_strings_are_counted_in_several_passes(tmp_path: Path) -> None:
    with DistinctCounter(tmp_path / "d.bin", per_pass=100) as counter:
        for start in range(0, 3000, 70):
            counter.add(f"s{i % 1234}" for i in range(start, start + 70))
        assert counter.count() == 1234
    assert not (tmp_path / "d.bin").exists()
    with DistinctCounter(tmp_path / "d.bin") as counter:
        assert counter.count() == 0


def test_text_that_is_no_utf8_does_not_stop_a_run() -> None:
    from stratus.corpora.encoding.rows import ChunkRows

    rows = ChunkRows()
    crystal = Entry("caf\udce9", np.eye(3), np.array([1]), np.zeros((1, 3)), source="caf\udce9.cif")
    rows.accept(crystal, stand_ins.ToyScope("s"))
    assert rows.result().batch().column("id").to_pylist() == ["caf\\udce9"]


@pytest.mark.parametrize(("workers", "ending"), [(0, "parquet"), (2, "csv")])
def test_names_that_are_no_utf8_are_spelt_out(tmp_path: Path, workers: int, ending: str) -> None:
    folder = tmp_path / "d\udcff"
    try:
        folder.mkdir()
        (folder / "x\udcfe.cif").write_text("no cif")
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    write_corpus(tmp_path / "t", 6).rename(folder / "t\udcfd.parquet")
    structure = {"lattice": np.diag([4, 4, 4]).tolist(), "species": ["Cs"], "coords": [[0, 0, 0]]}
    row = {"material_id": "a\ud800b", "lab\udc00el": "v\ud801", "structure": structure}
    (folder / "j.json").write_text(json.dumps([row]))
    out = tmp_path / f"out.{ending}"
    found = encode_corpus([folder], out, EncodeOptions(workers=workers, chunk_rows=4))
    assert found.rows_in == 6 + 1 + 1
    [reject] = rejects_of(found)
    assert (reject["id"], reject["source"]) == (r"x\udcfe", f"{tmp_path}/" + r"d\udcff/x\udcfe.cif")
    table = pq.read_table(out) if ending == "parquet" else pa_csv.read_csv(out)
    [odd] = [row for row in table.to_pylist() if row["id"] == r"a\ud800b"]
    assert odd[r"lab\udc00el"] == r"v\ud801"


def test_an_output_that_arrow_can_not_open_is_refused_at_once(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no UTF-8"):
        encode_corpus([corpus], tmp_path / "out\udcff.csv", SMALL)


def test_a_second_run_to_one_output_is_refused_at_once(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    refused = []

    def second(_: Progress) -> None:
        for resume in (False, True):
            with pytest.raises(InputError, match=r"another run is writing .*out.parquet.parts"):
                encode_corpus([corpus], out, SMALL.model_copy(update={"resume": resume}))
            refused.append(resume)

    encode_corpus([corpus], out, SMALL, on_progress=second)
    assert refused
    assert pq.read_table(out).num_rows > 40
