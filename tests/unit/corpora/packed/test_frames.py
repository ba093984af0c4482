"""Frames become a corpus and come back; what cannot be packed is named."""

from __future__ import annotations

import hashlib
import weakref
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from stratus.corpora.packed import frames as packing
from stratus.corpora.packed.column import Column
from stratus.corpora.packed.frame_columns import atoms_of
from stratus.corpora.packed.frames import FrameOptions, open_frames, pack_frames
from stratus.corpora.packed.info import SPLITS
from stratus.corpora.packed.tokens import open_tokens
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.errors import InputError
from stratus.files.sealed import SealError

METALS = (3, 11, 19, 37, 12, 20, 38, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 39, 40, 41)
STRESS = np.arange(9.0).reshape(3, 3)


def frame(k, **changes):
    """The k-th frame: a relaxation of five steps of each of twenty crystals."""
    rng = np.random.default_rng(k)
    metal, count = METALS[k // 5 % len(METALS)], int(rng.integers(1, 4))
    made = Entry(
        id=f"f-{k}",
        lattice=np.eye(3) * 4 + rng.normal(size=(3, 3)) / 10,
        numbers=np.array([metal] * count + [8] * count),
        frac_coords=rng.normal(size=(2 * count, 3)),
        source="run.extxyz",
        labels={"energy": float(rng.normal()), "stress": STRESS * k, "mp_id": f"mp-{k // 5}"},
        arrays={"forces": rng.normal(size=(2 * count, 3))},
    )
    return replace(made, **changes)


def all_of(corpora):
    """Each frame by its id, with its split."""
    return {
        split.id(row): (name, sample)
        for name in SPLITS
        for split in [getattr(corpora, name)]
        for row, sample in enumerate(split.samples(range(len(split))))
    }


EVEN = {"fractions": (0.4, 0.3, 0.3)}


def test_frames_come_back_with_their_labels(tmp_path):
    entries = [frame(k) for k in range(100)]
    corpora = pack_frames(iter(entries), tmp_path / "c", FrameOptions(shard_bytes=1, **EVEN))
    found = all_of(corpora)
    assert found.keys() == {entry.id for entry in entries}
    for entry in entries:
        _, sample = found[entry.id]
        assert sample["numbers"].tolist() == entry.numbers.tolist()
        assert np.array_equal(sample["lattice"], entry.lattice)
        assert sample["frac"].dtype == sample["forces"].dtype == np.float32
        assert np.allclose(sample["frac"], entry.frac_coords, rtol=6e-8, atol=0)
        assert np.allclose(sample["forces"], entry.arrays["forces"], rtol=6e-8, atol=0)
        assert sample["energy"] == entry.labels["energy"]
        assert np.array_equal(sample["stress"], entry.labels["stress"])
    assert corpora.info.present == {"energy": 100, "stress": 100, "forces": 100}
    assert (corpora.info.rows_in, corpora.info.kept) == (100, 100)


def test_coordinates_may_keep_every_bit(tmp_path):
    entries = [frame(k) for k in range(100)]
    options = FrameOptions(frac_dtype="float64", **EVEN)
    found = all_of(pack_frames(entries, tmp_path / "c", options))
    for entry in entries:
        atoms = atoms_of(found[entry.id][1])
        assert [array.dtype for array in atoms] == [np.float64, np.int64, np.float64]
        assert np.array_equal(atoms.frac, entry.frac_coords)
        assert np.array_equal(atoms.lattice, entry.lattice)
        assert np.array_equal(atoms.numbers, entry.numbers)


def test_an_absent_label_is_absent_and_a_zero_is_a_zero(tmp_path):
    entries = [frame(k) for k in range(100)]
    entries[3] = replace(entries[3], labels={"mp_id": "mp-0", "energy": None})
    entries[4] = replace(entries[4], arrays={})
    zeros = np.zeros((len(entries[5]), 3))
    entries[5] = replace(entries[5], labels={"energy": 0.0}, arrays={"forces": zeros})
    corpora = pack_frames(entries, tmp_path / "c", FrameOptions(**EVEN))
    found = {id_: sample for id_, (_, sample) in all_of(corpora).items()}
    assert found["f-3"].keys() == {"numbers", "frac", "lattice", "forces"}
    assert found["f-4"].keys() == {"numbers", "frac", "lattice", "energy", "stress"}
    assert found["f-5"].keys() == {"numbers", "frac", "lattice", "energy", "forces"}
    assert found["f-5"]["energy"] == 0.0
    assert np.array_equal(found["f-5"]["forces"], zeros)
    assert corpora.info.present == {"energy": 99, "stress": 98, "forces": 99}
    assert sum(int(getattr(corpora, s).sizes("energy").sum()) for s in SPLITS) == 99


def test_frames_without_any_label_are_packed(tmp_path):
    entries = [frame(k, labels={}, arrays={}) for k in range(100)]
    corpora = pack_frames(entries, tmp_path / "c", FrameOptions(**EVEN))
    assert corpora.info.present == {"energy": 0, "stress": 0, "forces": 0}
    assert not any("energy" in sample for _, sample in all_of(corpora).values())


def test_other_labels_are_columns_too(tmp_path):
    labels = (
        Column(name="dipole", dtype="float32", shape=(3,)),
        Column(name="magmoms", dtype="float64", of="part"),
    )
    entries = [
        frame(k, labels={"dipole": [k, 0, 1]}, arrays={"magmoms": np.full(len(frame(k)), k / 2)})
        for k in range(100)
    ]
    found = all_of(pack_frames(entries, tmp_path / "c", FrameOptions(labels=labels, **EVEN)))
    for k, entry in enumerate(entries):
        assert found[entry.id][1]["dipole"].tolist() == [k, 0, 1]
        assert found[entry.id][1]["magmoms"].tolist() == [k / 2] * len(entry)
    lacking = replace(entries[7], arrays={})
    with pytest.raises(InputError, match=r"'f-7' of run\.extxyz has no 'magmoms'"):
        pack_frames([*entries[:7], lacking], tmp_path / "d", FrameOptions(labels=labels))


@pytest.mark.parametrize("key", [None, "mp_id"])
def test_frames_of_one_material_are_in_one_split_wherever_they_stand(tmp_path, key):
    entries = [frame(k) for k in range(100)]
    options = FrameOptions(key=key, **EVEN)
    found = all_of(pack_frames(entries, tmp_path / "a", options))
    split_of = {}
    for k in range(100):
        assert split_of.setdefault(k // 5, found[f"f-{k}"][0]) == found[f"f-{k}"][0]
    assert set(split_of.values()) == set(SPLITS)
    again = all_of(pack_frames(reversed(entries), tmp_path / "b", options))
    assert {id_: split for id_, (split, _) in again.items()} == {
        id_: split for id_, (split, _) in found.items()
    }
    other = all_of(pack_frames(entries, tmp_path / "c", options.model_copy(update={"salt": "x"})))
    assert any(other[id_][0] != split for id_, (split, _) in found.items())


def test_the_split_is_the_one_that_the_documents_state(tmp_path):
    found = all_of(pack_frames(map(frame, range(100)), tmp_path / "c", FrameOptions(**EVEN)))
    for k in range(100):
        key = " ".join(f"{z}:1" for z in sorted((8, METALS[k // 5])))
        digest = hashlib.blake2b(f"\0{key}".encode(), digest_size=16).digest()
        share = int.from_bytes(digest[:8], "little") / 2**64
        expected = SPLITS[int(np.searchsorted([0.4, 0.7], share, side="right"))]
        assert found[f"f-{k}"][0] == expected


def test_blocks_of_consecutive_frames_stay_together(tmp_path):
    options = FrameOptions(block_frames=7, **EVEN)
    found = all_of(pack_frames(map(frame, range(100)), tmp_path / "c", options))
    for block in range(0, 100, 7):
        assert len({found[f"f-{k}"][0] for k in range(block, min(100, block + 7))}) == 1


def test_rejects_are_counted_and_told(tmp_path):
    def stream():
        for k in range(100):
            if k % 10 == 0:
                yield Reject(f"r-{k}", "run.extxyz", Stage.READING, Code.UNREADABLE, "no frame")
            yield frame(k)

    told = []
    corpora = pack_frames(stream(), tmp_path / "c", FrameOptions(**EVEN), on_reject=told.append)
    assert [reject.id for reject in told] == [f"r-{k}" for k in range(0, 100, 10)]
    assert corpora.info.rejected == {"unreadable": 10}
    assert (corpora.info.rows_in, corpora.info.kept) == (110, 100)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arrays": {"forces": np.zeros((2, 3))}}, r"'forces' of shape \(2, 3\) for"),
        ({"arrays": {"forces": np.zeros(18)}}, r"'forces' of shape \(18,\) for"),
        ({"labels": {"stress": np.zeros(6)}}, r"'stress' of shape \(6,\); it must be \(3, 3\)"),
        ({"labels": {"energy": [1.0, 2.0]}}, r"'energy' of shape \(2,\); it must be \(\)"),
        ({"labels": {"energy": "low"}}, "'energy' that are no numbers: 'low'"),
        ({"labels": {"energy": float("nan")}}, "nan in 'energy'"),
        ({"labels": {"stress": np.full((3, 3), np.inf)}}, "inf in 'stress'"),
        ({"frac_coords": np.full((6, 3), np.inf)}, "inf in 'frac'"),
        ({"lattice": np.full((3, 3), np.nan)}, "nan in 'lattice'"),
        ({"lattice": np.eye(2)}, r"a lattice of shape \(2, 2\)"),
        ({"frac_coords": np.zeros((5, 3))}, r"coordinates of shape \(5, 3\) for 6 atoms"),
        ({"numbers": np.array([1, 1, 1, 1, 1, 119])}, "the atomic number 119"),
        ({"numbers": np.array([0, 1, 1, 1, 1, 1])}, "the atomic number 0"),
        ({"numbers": np.array([], dtype=int)}, "has no atoms"),
    ],
)
def test_a_frame_that_cannot_be_packed_is_named(tmp_path, changes, says):
    entries = [frame(k) for k in range(100)]
    wrong = next(k for k in range(50, 100) if len(entries[k]) == 6)
    entries[wrong] = replace(entries[wrong], **changes)
    with pytest.raises(InputError, match=f"frame 'f-{wrong}' of run.extxyz .*{says}"):
        pack_frames(entries, tmp_path / "c")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), 1e39])
def test_one_force_that_float32_cannot_hold_names_its_frame(tmp_path, value):
    entries = [frame(k) for k in range(100)]
    entries[41].arrays["forces"][-1, 2] = value
    with pytest.raises(InputError, match=r"'f-41' .* in 'forces', which float32 cannot hold"):
        pack_frames(entries, tmp_path / "c")


def test_a_frame_without_its_key_is_named(tmp_path):
    entries = [frame(0), frame(1, labels={"energy": 1.0})]
    with pytest.raises(InputError, match="frame 'f-1' has no 'mp_id'"):
        pack_frames(entries, tmp_path / "c", FrameOptions(key="mp_id"))


@pytest.mark.parametrize("count", [0, 3])
def test_an_empty_split_is_refused(tmp_path, count):
    with pytest.raises(InputError, match=r"the split '\w+' of the frames is empty"):
        pack_frames(map(frame, range(count)), tmp_path / "c")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "mp_id", "block_frames": 3}, "not both"),
        ({"labels": [{"name": "energy", "dtype": "int8"}]}, "float32 or float64"),
        ({"labels": [{"name": "bonds", "dtype": "float32", "of": "edge"}]}, "crystals or parts"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        FrameOptions(**options)


def test_a_label_that_is_called_as_the_atoms_are_is_refused():
    with pytest.raises(ValidationError, match="two columns are called 'frac'"):
        FrameOptions(labels=[{"name": "frac", "dtype": "float32"}])


def test_stretches_end_with_frames_and_with_atoms(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "STRETCH_FRAMES", 30)
    monkeypatch.setattr(packing, "STRETCH_ATOMS", 50)
    found = all_of(pack_frames(map(frame, range(100)), tmp_path / "c", FrameOptions(**EVEN)))
    assert found.keys() == {f"f-{k}" for k in range(100)}


def test_frames_are_written_while_they_come_and_are_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "STRETCH_FRAMES", 10)
    held = []

    def stream():
        for k in range(100):
            made = frame(k)
            held.append(weakref.ref(made))
            yield made
            del made
            assert sum(entry() is not None for entry in held) <= 21  # of two stretches at most
            if k == 50:
                assert list(tmp_path.glob(".c.part-*/*.arrow"))

    options = FrameOptions(shard_bytes=1, **EVEN)
    assert pack_frames(stream(), tmp_path / "c", options).info.kept == len(held) == 100


def test_a_corpus_that_is_there_is_not_overwritten(tmp_path):
    pack_frames(map(frame, range(100)), tmp_path / "c", FrameOptions(**EVEN))
    with pytest.raises(SealError, match="is there already"):
        pack_frames(map(frame, range(100)), tmp_path / "c", FrameOptions(**EVEN))


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        pack_frames(map(frame, range(100)), tmp_path / name, FrameOptions(**EVEN))
    a, b = (tmp_path / name / "MANIFEST.json" for name in ("a", "b"))
    assert a.read_bytes() == b.read_bytes()


def test_a_flipped_byte_in_any_file_is_found_and_the_file_named(tmp_path):
    folder = tmp_path / "c"
    pack_frames(map(frame, range(100)), folder, FrameOptions(**EVEN))
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in (0, len(content) // 3, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(SealError, match=path.name):
                open_frames(folder)
        path.write_bytes(content)
    assert open_frames(folder).info.kept == 100


def test_frames_are_no_tokens(tmp_path):
    pack_frames(map(frame, range(100)), tmp_path / "c", FrameOptions(**EVEN))
    with pytest.raises(InputError, match="is a corpus of frames, not of tokens"):
        open_tokens(tmp_path / "c")
