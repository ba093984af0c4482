"""A table becomes a corpus: every row is accounted for, and a split is the crystal's own."""

from __future__ import annotations

import errno
import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from token_tables import string, write_table

from stratus import encode
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.packed import shards as building
from stratus.corpora.packed.info import SPLITS
from stratus.corpora.packed.tokens import build_tokens, open_tokens
from stratus.errors import InputError, StratusError
from stratus.files.sealed import SealError
from stratus.scope.vocabulary import vocabulary


def texts_of(corpora):
    """The strings of each split, by id."""
    return {
        name: {
            split.id(k): vocabulary().text(tokens.tolist())
            for k, tokens in enumerate(split.take(range(len(split)), "tokens"))
        }
        for name in SPLITS
        for split in [getattr(corpora, name)]
    }


def test_every_string_comes_back_once_with_its_id(table, tmp_path):
    corpora = build_tokens(table, tmp_path / "tokens")
    found = {k: v for split in texts_of(corpora).values() for k, v in split.items()}
    assert found == {f"c-{k}": string(k) for k in range(400)}


def test_twenty_thousand_rows_in_small_shards_come_back_in_order(tmp_path):
    rows = 20_000
    table = write_table(tmp_path / "t.parquet", map(string, range(rows)), row_group_size=3_000)
    corpora = build_tokens(table, tmp_path / "tokens", shard_rows=777)
    assert corpora.info.kept == rows
    assert len(corpora.info.shards) == sum(-(-n // 777) for n in corpora.info.rows.values())
    for name in SPLITS:
        split = getattr(corpora, name)
        places = [int(split.id(k)[2:]) for k in range(len(split))]
        assert places == sorted(places)
        assert split.sizes("tokens").tolist() == [len(string(k).split(" ")) for k in places]
        some = np.random.default_rng(0).integers(len(split), size=500)
        taken = [vocabulary().text(ids.tolist()) for ids in split.take(some, "tokens")]
        assert taken == [string(places[k]) for k in some]


def test_the_shares_are_those_asked_for(tmp_path):
    rows = 20_000
    table = write_table(tmp_path / "t.parquet", map(string, range(rows)))
    info = build_tokens(table, tmp_path / "tokens", fractions=(0.7, 0.1, 0.2)).info
    for name, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert abs(info.rows[name] - share * rows) < 4 * (share * (1 - share) * rows) ** 0.5


def test_the_split_of_a_crystal_depends_on_neither_order_nor_company(tmp_path):
    every = list(range(2_000))
    shuffled = np.random.default_rng(1).permutation(every).tolist()
    few = every[::3]
    where = []
    for name, rows in (("a", every), ("b", shuffled), ("c", few)):
        table = write_table(tmp_path / f"{name}.parquet", map(string, rows))
        texts = texts_of(build_tokens(table, tmp_path / name))
        where.append({text: split for split, of in texts.items() for text in of.values()})
    assert where[0] == where[1]
    assert where[2] == {text: where[0][text] for text in where[2]}


def test_the_split_is_the_one_that_the_documents_state(table, tmp_path):
    texts = texts_of(build_tokens(table, tmp_path / "tokens", salt="é"))
    for split, low, high in (("train", 0, 0.9), ("validation", 0.9, 0.95), ("test", 0.95, 1)):
        for text in texts[split].values():
            digest = hashlib.blake2b(f"é\0{text}".encode(), digest_size=16).digest()
            assert low <= int.from_bytes(digest[:8], "little") / 2**64 < high


def test_another_salt_is_another_split(table, tmp_path):
    first = texts_of(build_tokens(table, tmp_path / "a"))
    second = texts_of(build_tokens(table, tmp_path / "b", salt="x"))
    assert first["validation"].keys() != second["validation"].keys()


def test_no_string_is_in_two_splits_and_the_first_of_equal_rows_is_kept(tmp_path):
    rows = [*range(300), *range(100), *range(100)]
    table = write_table(tmp_path / "t.parquet", map(string, rows), row_group_size=70)
    corpora = build_tokens(table, tmp_path / "tokens")
    texts = texts_of(corpora)
    assert {i for split in texts.values() for i in split} == {f"c-{k}" for k in range(300)}
    info = corpora.info
    assert (info.rows_in, info.duplicates, info.too_long, info.kept) == (500, 200, 0, 300)


def test_too_long_strings_are_counted_and_left_out(tmp_path):
    long = string(1_000_000)
    table = write_table(tmp_path / "t.parquet", [*map(string, range(99)), long, long])
    limit = len(string(98).split(" ")) + 6
    info = build_tokens(table, tmp_path / "a", max_tokens=len(long.split(" "))).info
    assert (info.too_long, info.duplicates, info.kept) == (0, 1, 100)
    limit = len(long.split(" ")) - 1
    corpora = build_tokens(table, tmp_path / "b", max_tokens=limit)
    info = corpora.info
    assert info.rows_in == info.kept + info.duplicates + info.too_long == 101
    assert info.duplicates == 1
    longest = max(int(getattr(corpora, s).sizes("tokens").max()) for s in SPLITS)
    assert longest <= limit
    assert info.too_long == sum(
        len(text.split(" ")) > limit for text in {*map(string, range(99)), long}
    )


def test_a_fraction_of_zero_leaves_a_split_out(table, tmp_path):
    corpora = build_tokens(table, tmp_path / "tokens", fractions=(0.8, 0.2, 0))
    assert len(corpora.test) == 0
    assert corpora.test.sizes("tokens").shape == (0,)
    assert len(open_tokens(tmp_path / "tokens").train) + len(corpora.validation) == 400


def test_what_encode_wrote_becomes_a_corpus(example_cifs, tmp_path):
    options = EncodeOptions(workers=0)
    encode_corpus([str(example_cifs)], tmp_path / "t.parquet", options)
    corpora = build_tokens(tmp_path / "t.parquet", tmp_path / "tokens", fractions=(1, 0, 0))
    rows = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(corpora.train) == len({row["scope"] for row in rows}) > 10
    first = corpora.train.take([0], "tokens")[0]
    assert vocabulary().text(first.tolist()) == rows[0]["scope"]
    assert rows[0]["scope"] == str(encode(next(example_cifs.glob(f"*{rows[0]['id']}*"))))


@pytest.mark.parametrize(
    ("strings", "options", "says"),
    [
        (["i0 | Na 1a | Na 1 | Xx"], {}, r"row 0 \(id 'c-0'\).*'Xx' is no token"),
        ([string(0), "i0  | Na 1a"], {}, r"row 1 \(id 'c-1'\).*'' is no token"),
        ([string(0), "i0 [MASK] | Na"], {}, r"row 1 .*'\[MASK\]' is no token"),
        ([string(0), None], {}, "row 1 of .* has no SCOPE string"),
        ([string(0), string(1)], {"dialect": "paper"}, "dialect 'paper'"),
        ([string(0), string(1)], {"dialect": ["orbit", "paper"]}, "dialect 'paper'"),
        ([string(0), string(1)], {"dialect": ["orbit", None]}, "dialect None"),
    ],
)
def test_a_row_that_can_not_be_used_is_named(tmp_path, strings, options, says):
    table = write_table(tmp_path / "t.parquet", strings, **options)
    with pytest.raises(InputError, match=says):
        build_tokens(table, tmp_path / "tokens", fractions=(1, 0, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_a_bad_row_far_down_is_named_by_its_number(tmp_path):
    strings = [string(k) for k in range(70_000)]
    strings[66_000] = "i0 | Na 9zz | Na 1 | 1"
    table = write_table(tmp_path / "t.parquet", strings)
    with pytest.raises(InputError, match=r"row 66000 \(id 'c-66000'\)"):
        build_tokens(table, tmp_path / "tokens")


@pytest.mark.parametrize("column", ["id", "scope", "dialect"])
def test_a_missing_column_is_named(table, tmp_path, column):
    pq.write_table(pq.read_table(table).drop_columns([column]), table)
    with pytest.raises(InputError, match=f"has no column '{column}'"):
        build_tokens(table, tmp_path / "tokens")


def test_a_column_of_numbers_is_no_dialect(table, tmp_path):
    rows = pq.read_table(table).drop_columns(["dialect"])
    pq.write_table(rows.append_column("dialect", pa.array([[1]] * len(rows))), table)
    with pytest.raises(InputError, match=r"'dialect' of .* holds no text"):
        build_tokens(table, tmp_path / "tokens")


def test_what_is_no_parquet_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        build_tokens(tmp_path / "none.parquet", tmp_path / "tokens")
    with pytest.raises(InputError, match="is no file"):
        build_tokens(tmp_path, tmp_path / "tokens")
    for content in (b"", b"PAR1", b"id,scope\n1,2\n"):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a Parquet"):
            build_tokens(tmp_path / "t.parquet", tmp_path / "tokens")


def test_a_truncated_parquet_is_refused(table, tmp_path):
    content = table.read_bytes()
    table.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        build_tokens(table, tmp_path / "tokens")


@pytest.mark.parametrize(
    "fractions", [(0.9, 0.05, 0.06), (1.2, -0.1, -0.1), (0.5, 0.5), (float("nan"), 0.5, 0.5)]
)
def test_fractions_must_be_shares_of_a_whole(table, tmp_path, fractions):
    with pytest.raises(InputError, match="add up to 1"):
        build_tokens(table, tmp_path / "tokens", fractions=fractions)


def test_there_must_be_something_to_train_on(table, tmp_path):
    with pytest.raises(InputError, match="nothing is left to train on"):
        build_tokens(table, tmp_path / "tokens", fractions=(0, 0.5, 0.5))


@pytest.mark.parametrize("name", ["max_tokens", "shard_rows"])
def test_limits_must_be_positive(table, tmp_path, name):
    with pytest.raises(InputError, match=f"{name} is 0"):
        build_tokens(table, tmp_path / "tokens", **{name: 0})


@pytest.mark.parametrize("rows", [0, 3])
def test_an_empty_split_is_refused(tmp_path, rows):
    table = write_table(tmp_path / "t.parquet", map(string, range(rows)))
    with pytest.raises(InputError, match=r"the split '\w+' of .* is empty"):
        build_tokens(table, tmp_path / "tokens")


def test_a_corpus_that_is_there_is_not_overwritten(table, tmp_path):
    build_tokens(table, tmp_path / "tokens")
    before = (tmp_path / "tokens/MANIFEST.json").read_bytes()
    with pytest.raises(SealError, match="is there already"):
        build_tokens(table, tmp_path / "tokens", salt="other")
    assert (tmp_path / "tokens/MANIFEST.json").read_bytes() == before


def test_a_full_disk_leaves_nothing_behind(table, tmp_path, monkeypatch):
    written = []

    class Full:
        def __init__(self, path, schema):
            self.file = pa.ipc.RecordBatchFileWriter(path, schema)
            written.append(path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write_table(self, rows):
            self.file.write_table(rows)
            if len(written) == 3:
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(building.pa.ipc, "new_file", Full)
    with pytest.raises(StratusError, match=r"tokens cannot be written: No space left on device"):
        build_tokens(table, tmp_path / "tokens", shard_rows=100)
    assert len(written) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


def test_the_same_table_gives_the_same_bytes(table, tmp_path):
    for name in ("a", "b"):
        build_tokens(table, tmp_path / name, shard_rows=100)
    assert (tmp_path / "a/MANIFEST.json").read_bytes() == (
        tmp_path / "b/MANIFEST.json"
    ).read_bytes()
