"""Columns of any declared kind come back as they were written, absent ones as absent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratus.corpora.packed.column import Column, schema_of
from stratus.corpora.packed.corpus import open_packed
from stratus.corpora.packed.info import FORMAT, SPLITS, PackedInfo
from stratus.corpora.packed.shards import packing, write_info, write_shards

DTYPES = ("uint8", "uint16", "int8", "int16", "int32", "int64", "float32", "float64")


class Info(PackedInfo):
    holds: Literal["numbers"] = "numbers"


@st.composite
def columns(draw):
    return tuple(
        Column(
            name=f"c{k}",
            dtype=draw(st.sampled_from(DTYPES)),
            shape=draw(st.sampled_from([(), (1,), (3,), (3, 3), (2, 1, 4)])),
            of=draw(st.sampled_from(["crystal", "part", "edge"])),
            optional=draw(st.booleans()),
        )
        for k in range(draw(st.integers(1, 4)))
    )


def crystal(rng, kinds):
    """What one crystal has, by name; every number of bytes is possible, NaN included."""
    counts = {"part": int(rng.integers(0, 5)), "edge": int(rng.integers(0, 7))}
    found = {}
    for column in kinds:
        count = counts.get(column.of)
        if column.optional and (count == 0 or rng.random() < 0.4):
            continue
        shape = column.shape if count is None else (count, *column.shape)
        raw = rng.bytes(int(np.prod(shape)) * np.dtype(column.dtype).itemsize)
        found[column.name] = np.frombuffer(raw, dtype=column.dtype).reshape(shape)
    return found


def batch(crystals, kinds, first):
    arrays = [pa.array([f"id {first + k}" for k in range(len(crystals))])]
    for column in kinds:
        there = [c[column.name] for c in crystals if column.name in c]
        one = 1 if not column.ragged else None
        sizes = [(one or len(c[column.name])) if column.name in c else 0 for c in crystals]
        flat = np.concatenate([a.reshape(-1, *column.shape) for a in there] or [np.empty(0)])
        arrays.append(column.pack(flat, np.array(sizes)))
    return pa.record_batch(arrays, schema=schema_of(kinds))


@given(
    kinds=columns(),
    count=st.integers(1, 40),
    stretch=st.integers(1, 9),
    most_rows=st.integers(1, 30),
    most_bytes=st.sampled_from([None, 1, 500]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_was_packed_comes_back(kinds, count, stretch, most_rows, most_bytes, seed):
    rng = np.random.default_rng(seed)
    crystals = [crystal(rng, kinds) for _ in range(count)]
    splits = rng.integers(0, 4, size=count)  # 3: left out
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "corpus")
        with packing(folder) as draft:
            shards = write_shards(
                (
                    (batch(crystals[at : at + stretch], kinds, at), splits[at : at + stretch])
                    for at in range(0, count, stretch)
                ),
                kinds,
                draft,
                most_rows=most_rows,
                most_bytes=most_bytes,
            )
            rows = {split: int((splits == k).sum()) for k, split in enumerate(SPLITS)}
            write_info(draft, Info(format=FORMAT, columns=kinds, rows=rows, shards=shards))
        corpora = open_packed(folder, Info)
        assert max((shard.rows for shard in corpora.info.shards), default=0) <= most_rows
        for k, split in enumerate(SPLITS):
            corpus, where = getattr(corpora, split), np.flatnonzero(splits == k)
            check(corpus, [crystals[row] for row in where], [f"id {row}" for row in where])
            if len(where):
                some = rng.integers(len(where), size=7)
                check(
                    corpus.subset(some),
                    [crystals[row] for row in where[some]],
                    [f"id {row}" for row in where[some]],
                )


def check(corpus, crystals, ids):
    rows = range(len(corpus))
    assert [corpus.id(row) for row in rows] == ids
    for sample, wanted in zip(corpus.samples(rows), crystals, strict=True):
        assert sample.keys() == wanted.keys()
        for name, array in sample.items():
            assert array.dtype == wanted[name].dtype
            assert array.shape == wanted[name].shape
            assert array.tobytes() == wanted[name].tobytes()
            assert not array.flags.writeable
    for column in corpus.columns:
        name = column.name
        sizes = [0 if name not in c else len(c[name]) if column.ragged else 1 for c in crystals]
        assert corpus.sizes(name).tolist() == sizes
        assert corpus.sizes(name).dtype == np.int32
        for array, wanted in zip(corpus.take(rows, name), crystals, strict=True):
            if name in wanted:
                assert array.tobytes() == wanted[name].tobytes()
            else:
                assert array.shape == (0, *column.shape)
        alone = corpus.samples(rows, [name])
        assert all(set(sample) <= {name} for sample in alone)


def test_a_slice_of_a_batch_is_refused():
    kinds = (Column(name="c0", dtype="int8"),)
    rows = batch([{"c0": np.array(k, dtype=np.int8)} for k in range(3)], kinds, 0)
    from stratus.corpora.packed.corpus import PackedCorpus

    assert PackedCorpus(kinds, [rows]).take([2], "c0")[0] == 2
    with pytest.raises(ValueError, match="slice"):
        PackedCorpus(kinds, [rows.slice(1)])
