"""A corpus that is not what was written is refused, and the file is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from token_tables import string, write_table

from stratus.corpora.packed import tokens as opening
from stratus.corpora.packed.column import Column, schema_of
from stratus.corpora.packed.corpus import open_packed
from stratus.corpora.packed.info import FORMAT, PackedInfo
from stratus.corpora.packed.shards import packing, write_info, write_shards
from stratus.corpora.packed.tokens import build_tokens, open_tokens
from stratus.errors import InputError
from stratus.files.sealed import MANIFEST, SealError, sealing
from stratus.scope.vocabulary import Vocabulary, vocabulary


class Info(PackedInfo):
    """Of a corpus that holds nothing but columns."""

    holds: Literal["numbers"] = "numbers"


@pytest.fixture
def folder(tmp_path):
    """A corpus of 400 crystals in 6 shards."""
    table = write_table(tmp_path / "table.parquet", map(string, range(400)))
    info = build_tokens(table, tmp_path / "tokens", shard_rows=100).info
    assert len(info.shards) == 6
    return tmp_path / "tokens"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def resealed(folder, change):
    """The same corpus after a change, with a manifest that fits: as another version wrote it."""
    contents = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != MANIFEST}
    change(contents)
    other = folder.with_name("other")
    with sealing(other) as draft:
        for name, content in contents.items():
            (draft / name).write_bytes(content)
    return other


def info_changed(folder, **values):
    def change(contents):
        contents["corpus.json"] = json.dumps(
            {**json.loads(contents["corpus.json"]), **values}
        ).encode()

    return resealed(folder, change)


def test_an_unharmed_corpus_opens(folder):
    assert len(open_tokens(folder).train) == open_tokens(folder, verify=False).info.rows["train"]


def test_a_flipped_byte_in_any_file_is_found_and_the_file_named(folder):
    for name in files(folder):
        path = folder / name
        content = path.read_bytes()
        for place in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(SealError) as caught:
                open_tokens(folder)
            assert name in str(caught.value), (name, place, caught.value)
        path.write_bytes(content)
    open_tokens(folder)


@pytest.mark.parametrize("keep", [0, 0.5, 0.999])
def test_a_truncated_shard_is_named(folder, keep):
    path = folder / "train-00001.arrow"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(SealError, match=r"train-00001\.arrow has changed"):
        open_tokens(folder)
    with pytest.raises(InputError, match=r"train-00001\.arrow cannot be read"):
        open_tokens(folder, verify=False)


@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_shard_is_named(folder, verify):
    (folder / "validation-00000.arrow").unlink()
    with pytest.raises(InputError, match=r"validation-00000\.arrow"):
        open_tokens(folder, verify=verify)


def test_an_added_file_is_named(folder):
    (folder / "train-00009.arrow").write_bytes(b"")
    with pytest.raises(SealError, match=r"train-00009\.arrow is not in MANIFEST"):
        open_tokens(folder)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", [MANIFEST, "corpus.json"])
def test_a_corpus_without_its_description_is_not_whole(folder, name, verify):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name if verify else "is no whole corpus of tokens"):
        open_tokens(folder, verify=verify)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        open_tokens(tmp_path / "nowhere")
    with pytest.raises(InputError, match=MANIFEST):
        open_tokens(tmp_path)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"format": 99}, "written with format 99"),
        ({"schema_version": 7}, "written with schema version 7"),
        ({"vocabulary_sha256": "ab"}, "written with vocabulary ab"),
        ({"surprise": 1}, "surprise"),
        ({"rows": {"train": 1, "validation": 2, "test": 3}}, "says 1 rows of 'train'"),
        ({"shards": []}, "the shards have 0"),
        ({"holds": "frames"}, "is a corpus of frames, not of tokens"),
        ({"columns": []}, "no shard of this corpus"),
        ({"columns": [{"name": "id", "dtype": "uint8"}]}, "two columns are called 'id'"),
        ({"columns": [{"name": "x", "dtype": "object"}]}, "columns.0.dtype"),
    ],
)
def test_a_corpus_of_another_version_is_refused(folder, values, says):
    with pytest.raises(InputError, match=says):
        open_tokens(info_changed(folder, **values))


def test_a_corpus_of_another_vocabulary_is_refused(folder, monkeypatch):
    ours = vocabulary()
    swapped = (*ours.tokens[:-2], ours.tokens[-1], ours.tokens[-2])
    for other in (
        Vocabulary(swapped, ours.roles, ours.schema_version),
        replace(ours, schema_version=ours.schema_version + 1),
    ):
        monkeypatch.setattr(opening, "vocabulary", lambda other=other: other)
        with pytest.raises(InputError, match="build the corpus anew"):
            open_tokens(folder)


def test_a_shard_in_the_place_of_another_is_found(folder):
    def swap(contents):
        names = "train-00000.arrow", "train-00001.arrow"
        contents[names[0]], contents[names[1]] = contents[names[1]], contents[names[0]]

    with pytest.raises(InputError, match=r"train-00000\.arrow is not the shard"):
        open_tokens(resealed(folder, swap))


def test_a_shard_outside_the_folder_is_not_opened(folder):
    shards = json.loads((folder / "corpus.json").read_text())["shards"]
    shards[0]["file"] = "../table.parquet"
    with pytest.raises(InputError, match="no file name"):
        open_tokens(info_changed(folder, shards=shards), verify=False)


def test_an_arrow_file_of_something_else_is_refused(folder):
    def replace_shard(contents):
        sink = pa.BufferOutputStream()
        rows = pa.table({"id": ["a"], "tokens": [[1]]})
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows)
        contents["train-00000.arrow"] = sink.getvalue().to_pybytes()

    with pytest.raises(InputError, match=r"train-00000\.arrow is no shard"):
        open_tokens(resealed(folder, replace_shard), verify=False)


def test_tokens_can_not_be_written_to(folder):
    tokens = open_tokens(folder).train.take([3], "tokens")[0]
    with pytest.raises(ValueError, match="read-only"):
        tokens[0] = 1


@pytest.mark.parametrize("row", [-1, 10_000])
def test_a_row_that_is_not_there_is_an_error(folder, row):
    corpus = open_tokens(folder).train
    says = f"row {row} of a corpus of {len(corpus)}"
    with pytest.raises(IndexError, match=says):
        corpus.id(row)
    with pytest.raises(IndexError, match=says):
        corpus.take([row], "tokens")
    with pytest.raises(IndexError, match=says):
        corpus.samples([row])


def test_a_corpus_of_the_first_format_opens_as_one_of_this(folder):
    content = json.loads((folder / "corpus.json").read_text())
    content = {k: v for k, v in content.items() if k not in {"holds", "columns"}}
    for shard in content["shards"]:
        shard["tokens"] = shard.pop("sizes")["tokens"]

    def change(contents):
        contents["corpus.json"] = json.dumps({**content, "format": 1}).encode()

    old, new = open_tokens(resealed(folder, change)), open_tokens(folder)
    assert old.info == new.info
    assert [*map(list, old.test.take([0], "tokens"))] == [*map(list, new.test.take([0], "tokens"))]


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000, '{"format": NaN}'])
def test_a_description_of_something_else_is_refused(folder, text):
    def change(contents):
        contents["corpus.json"] = text.encode()

    with pytest.raises(InputError, match=r"corpus\.json|written with format nan"):
        open_tokens(resealed(folder, change))


@pytest.mark.parametrize(
    ("numbers", "frac", "says"),
    [
        ([[1, 2]], [[[0.0] * 3]], "1 entries of 'frac' for a crystal with another number of parts"),
        ([[1, None]], [[[0.0] * 3] * 2], "lacks numbers of 'numbers'"),
    ],
)
def test_columns_that_do_not_fit_each_other_are_refused(tmp_path, numbers, frac, says):
    kinds = (
        Column(name="numbers", dtype="uint8", of="part"),
        Column(name="frac", dtype="float32", shape=(3,), of="part"),
    )
    schema = schema_of(kinds)
    arrays = [
        pa.array(["a"]),
        *(pa.array(v, f.type) for v, f in zip([numbers, frac], list(schema)[1:], strict=True)),
    ]
    with packing(tmp_path / "corpus") as draft:
        rows = pa.record_batch(arrays, schema=schema)
        shards = write_shards([(rows, np.zeros(1))], kinds, draft, most_rows=9)
        counts = {"train": 1, "validation": 0, "test": 0}
        info = Info(format=FORMAT, columns=kinds, rows=counts, shards=shards)
        write_info(draft, info)
    with pytest.raises(InputError, match=says):
        open_packed(tmp_path / "corpus", Info)
