"""Text that UTF-8 cannot hold ends as rows and rejects that every format can hold."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.corpora.encoding.rows import ChunkRows, reject_table
from stratus.crystals.entry import Entry
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.json_records import json_records, jsonl_records
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.parse import parse
from stratus.files.text import writable, writable_value

SCOPE = SimpleNamespace(space_group=221, formula="CsCl", n_atoms=2, n_orbits=2)
LATTICE = {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}
SITES = [
    {"species": [{"element": "Cs", "occu": 1}], "abc": [0, 0, 0]},
    {"species": [{"element": "Cl", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
]
halves = st.characters(categories=("Cs",))
texts = st.lists(
    halves | st.characters(exclude_categories=()) | st.sampled_from("aÅ𝒜\\\"'\n\x1b"), max_size=6
).map("".join)
values = st.recursive(
    st.none() | st.integers(0, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
KEPT = {"structure", "material_id", "id", "mp_id", "mbid", "mat_id", "entry_id", "data", "lattice"}
labels = st.dictionaries(texts.filter(lambda key: key not in KEPT), values, max_size=3)
rows = st.tuples(texts, labels, st.booleans(), texts)


def holdable(text: str) -> bool:
    return text.encode("utf-8", "replace").decode() == text


@settings(max_examples=250, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.booleans())
def test_halves_of_letters_in_json_end_as_rows_or_rejects(rows, by_line):
    documents = []
    for name, around, good, element in rows:
        sites = (
            SITES if good else [{"species": [{"element": element, "occu": 1}], "abc": [0, 0, 0]}]
        )
        structure = {"lattice": LATTICE, "sites": sites}
        documents.append({**around, "material_id": name, "structure": structure})
    written = "\n".join(map(json.dumps, documents)) if by_line else json.dumps(documents)
    reader = jsonl_records if by_line else json_records
    options = ReadOptions()
    chunk = ChunkRows()
    for record in reader(io.BytesIO(written.encode()), "stem\udcff", "dir\udcff/x.json", options):
        for outcome in parse(record, options):
            if isinstance(outcome, Entry):
                chunk.accept(outcome, SCOPE)
            else:
                chunk.reject(outcome)
    result = chunk.result()
    assert result.outcomes == len(rows), "nothing is lost"
    batch = result.batch()
    assert batch.num_rows >= sum(good for *_, good, _ in rows)
    table = pa.Table.from_batches([batch])
    pq.write_table(table, io.BytesIO())
    refused = reject_table([reject for _, reject in result.rejects])
    pq.write_table(refused, io.BytesIO())
    pa_csv.write_csv(refused, io.BytesIO())
    pa_csv.write_csv(table.select(["id", "source", "notes"]), io.BytesIO())
    ids = {row["id"] for row in [*batch.to_pylist(), *refused.to_pylist()]}
    assert all(map(holdable, [*batch.schema.names, *ids]))
    for name, *_ in rows:
        assert not name.strip() or not holdable(name) or name in ids, "good ids stay as they are"


@settings(max_examples=300)
@given(values)
def test_what_can_be_written_is_left_alone_and_all_else_is_spelt_out(value):
    as_json = json.dumps(value)
    found = loads(as_json)
    assert found == loads(as_json.encode())
    assert found == writable_value(json.loads(as_json))
    json.dumps(found, ensure_ascii=False).encode()
    if not any(0xD800 <= ord(letter) < 0xE000 for letter in json.dumps(value, ensure_ascii=False)):
        assert found == value


@given(texts)
def test_a_spelt_text_says_which_half_it_was(text):
    spelt = writable(text)
    assert holdable(spelt)
    assert spelt == text or "\\ud" in spelt
