"""Samples of any view come back from a sealed folder as they were, in memory that is not theirs."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.files.sealed import sealing
from stratus.training.packed_samples import read_samples, write_samples
from stratus.views.keys import Key

KEYS = (
    Key("numbers", "part", "int64"),
    Key("positions", "part", "float32"),
    Key("cells", "crystal", "float32"),
    Key("centres", "edge", "int64", index=True),
    Key("shifts", "edge", "float32"),
)


def graph(k):
    """A graph of one to five atoms, the first without edges; shifts as small as they can be."""
    rng = np.random.default_rng(k)
    atoms, edges = k % 5 + 1, 3 * (k % 5)
    return {
        "numbers": rng.integers(1, 95, atoms).astype(np.uint8),
        "positions": rng.normal(size=(atoms, 3)).astype(np.float32),
        "cells": rng.normal(size=(3, 3)).astype(np.float32),
        "centres": rng.integers(0, atoms, edges).astype(np.int32),
        "shifts": rng.integers(-3, 4, (edges, 3)).astype(np.int8),
    }


def written(folder, samples, keys=()):
    with sealing(folder) as draft:
        write_samples(draft, samples, keys)
    return folder


def test_graphs_come_back_as_they_were(tmp_path):
    samples = [graph(k) for k in range(9_000)]  # more than a stretch
    found = read_samples(written(tmp_path / "s", samples, KEYS), KEYS)
    assert len(found) == len(samples)
    for one, other in zip(found, samples, strict=True):
        assert one.keys() == other.keys()
        for name, array in other.items():
            assert (one[name].dtype, one[name].shape) == (array.dtype, array.shape)
            assert one[name].tobytes() == array.tobytes()


def test_the_type_on_disk_holds_the_numbers_of_every_sample(tmp_path):
    samples = [graph(1), graph(2)]
    samples[1]["shifts"] = samples[1]["shifts"].astype(np.int16) * 100
    found = read_samples(written(tmp_path / "s", samples, KEYS), KEYS)
    for one, other in zip(found, samples, strict=True):
        assert one["shifts"].dtype == np.int16
        assert np.array_equal(one["shifts"], other["shifts"])


def test_tokens_come_back_as_they_were(tmp_path):
    samples = [np.arange(k, dtype=np.uint16) for k in range(5)]
    found = read_samples(written(tmp_path / "s", samples))
    assert [array.dtype for array in found] == [np.uint16] * 5
    assert [array.tolist() for array in found] == [array.tolist() for array in samples]


@pytest.mark.parametrize("keys", [(), KEYS])
def test_no_samples_come_back_as_none(tmp_path, keys):
    assert read_samples(written(tmp_path / "s", [], keys), keys) == []


def test_arrays_of_different_shapes_are_refused(tmp_path):
    samples = [graph(1), graph(2)]
    samples[1]["cells"] = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match="'cells' of different shapes"):
        written(tmp_path / "s", samples, KEYS)
    assert not list(tmp_path.iterdir())


def test_samples_of_another_view_are_refused(tmp_path):
    folder = written(tmp_path / "s", [graph(1)], KEYS)
    with pytest.raises(InputError, match="has the columns"):
        read_samples(folder)
    with pytest.raises(InputError, match="has the columns"):
        read_samples(folder, KEYS[:-1])
