"""What a cache gives is what would be made; a second run makes nothing; damage is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.packed.tokens import open_tokens
from stratus.crystals.facets import AtomArrays, Crystal
from stratus.errors import InputError
from stratus.scope.dialects import Dialect
from stratus.scope.vocabulary import vocabulary
from stratus.training.options import make_options
from stratus.training.pretrain import token_corpus
from stratus.training.run_folder import RunFolder
from stratus.training.sample_cache import cached_samples
from stratus.views.keys import Key
from stratus.views.token_view import token_view

PAIRS = [(a, b) for a in ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru") for b in ("O", "F", "S")]
TEXTS = [f"i1 bOOO gDDD cDDD | {a} 2a {b} 4f | {b} 2 {a} 1 | 6" for a, b in PAIRS]
CRYSTALS = Dialect.ORBIT.crystals(TEXTS, [6] * len(TEXTS))
VIEW = token_view("orbit-set", vocabulary(), 600)


def make():
    return [VIEW.sample(crystal) for crystal in CRYSTALS]


def nothing():
    raise AssertionError("samples are made again")


def test_samples_are_made_once_and_read_as_they_were(tmp_path):
    cache = tmp_path / "deep" / "cache"
    first = cached_samples(cache, VIEW, CRYSTALS, make)
    again = cached_samples(cache, VIEW, CRYSTALS, nothing)
    for one, other, made in zip(first, again, make(), strict=True):
        assert one.dtype == other.dtype == np.uint16
        assert one.tolist() == other.tolist() == list(made)
    assert not again[0].flags.owndata  # a view of the file
    assert not again[0].flags.writeable
    assert len(list(cache.iterdir())) == 1


def test_another_view_another_order_and_other_strings_are_other_samples(tmp_path):
    cached_samples(tmp_path, VIEW, CRYSTALS, make)
    for look, crystals in (
        (token_view("sequence", vocabulary(), 600), CRYSTALS),
        (token_view("orbit-set", vocabulary(), 601), CRYSTALS),
        (VIEW, CRYSTALS[::-1]),
        (VIEW, CRYSTALS[1:]),
    ):
        with pytest.raises(AssertionError, match="made again"):
            cached_samples(tmp_path, look, crystals, nothing)


def test_damage_is_refused_and_says_what_to_delete(tmp_path):
    cached_samples(tmp_path, VIEW, CRYSTALS, make)
    [entry] = tmp_path.iterdir()
    [path] = entry.glob("*.arrow")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match=rf"{path.name}.*delete {entry}"):
        cached_samples(tmp_path, VIEW, CRYSTALS, make)


class Cells:
    """As much of a flat view as a cache asks for."""

    name = "cells"
    config = VIEW.config
    keys = (Key("numbers", "part", "int64"), Key("cells", "crystal", "float32"))


def atoms(k):
    """The k-th of several crystals of which atoms alone are known."""
    lattice = np.eye(3) * (k + 4)
    return Crystal({"Na": 1}, atoms=AtomArrays(lattice, np.array([11]), np.zeros((1, 3))))


def test_arrays_of_a_flat_view_are_made_once_and_read_as_they_were(tmp_path):
    crystals = [atoms(k) for k in range(5)]

    def flat():
        return [
            {"numbers": np.arange(k + 1, dtype=np.uint8), "cells": np.eye(3, dtype=np.float32) * k}
            for k in range(5)
        ]

    cached_samples(tmp_path, Cells(), crystals, flat)
    again = cached_samples(tmp_path, Cells(), crystals, nothing)
    for sample, made in zip(again, flat(), strict=True):
        assert sample.keys() == made.keys()
        for name, array in made.items():
            assert sample[name].dtype == array.dtype
            assert np.array_equal(sample[name], array)
            assert not sample[name].flags.writeable
    with pytest.raises(AssertionError, match="made again"):
        cached_samples(tmp_path, Cells(), [*crystals[:4], atoms(5)], nothing)


def test_what_cannot_be_made_leaves_nothing(tmp_path):
    with pytest.raises(AssertionError):
        cached_samples(tmp_path / "cache", VIEW, CRYSTALS, nothing)
    assert not list(tmp_path.glob("cache/*"))


def test_pretraining_reads_its_token_corpus_from_the_cache(tmp_path):
    table = tmp_path / "strings.parquet"
    columns = {"id": [str(k) for k in range(24)], "scope": TEXTS, "dialect": ["orbit"] * 24}
    pq.write_table(pa.table(columns), table)
    cache = tmp_path / "cache"
    options = make_options({"fractions": [0.6, 0.2, 0.2], "sample_cache": str(cache)})
    plain = make_options({"fractions": [0.6, 0.2, 0.2]})
    corpus = token_corpus([table], plain, 500)
    RunFolder(tmp_path / "plain").begin(corpus, plain)
    RunFolder(tmp_path / "one").begin(corpus, options)
    RunFolder(tmp_path / "two").begin(replace(corpus, build=nothing), options)
    files = sorted(path.name for path in (tmp_path / "plain/tokens").iterdir())
    for run in ("one", "two"):
        here = tmp_path / run / "tokens"
        assert sorted(path.name for path in here.iterdir()) == files
        for name in files:
            assert (here / name).read_bytes() == (tmp_path / "plain/tokens" / name).read_bytes()
        open_tokens(here)
    [entry] = cache.iterdir()
    shard = entry / "train-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"train-00000\.arrow.*delete"):
        RunFolder(tmp_path / "three").begin(corpus, options)
