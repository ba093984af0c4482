"""From crystals to vectors: in order, one by one or many at once, and nothing else is touched."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from ase.build import bulk
from pymatgen.core import Lattice, Structure

import stratus
from stratus.errors import InputError
from stratus.inference import predictor
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle
from stratus.scope import PaperScope, Scope

ROCK_SALT = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"


@pytest.fixture(params=["cloud", "orbit-set"])
def model(request, bundles):
    return load_bundle(bundles / request.param)


@pytest.fixture(scope="session")
def paths(example_cifs):
    return [p for p in sorted(example_cifs.glob("*.cif")) if p.stem != "silicon-germanium"]


@pytest.fixture(scope="session")
def strings(paths):
    return [str(stratus.encode(path)) for path in paths]


@pytest.fixture
def rock_salt():
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def test_every_way_to_give_a_crystal_gives_its_vector(model, rock_salt, example_cifs):
    expected = Predictor(model).embed([ROCK_SALT])
    path = example_cifs / "rock-salt.cif"
    ways = [
        ROCK_SALT,
        Scope.parse(ROCK_SALT),
        rock_salt,
        bulk("NaCl", "rocksalt", a=5.64),
        next(stratus.read(path)),
        path,
        str(path),
    ]
    assert Predictor(model).embed(ways).shape == (7, 16)
    for way in ways:
        np.testing.assert_allclose(Predictor(model).embed(way), expected, atol=1e-5)
    np.testing.assert_allclose(
        Predictor(model).embed(ways), np.repeat(expected, 7, axis=0), atol=1e-5
    )


def test_a_stream_of_what_was_read_can_be_given(model, paths, strings):
    np.testing.assert_allclose(
        Predictor(model).embed(stratus.read(paths)),
        Predictor(model).embed(strings),
        rtol=0,
        atol=1e-5,
    )


def test_vectors_are_float32_and_differ(model, strings):
    vectors = Predictor(model).embed(strings)
    assert vectors.dtype == np.float32
    assert len(np.unique(vectors, axis=0)) == len(set(strings))


def test_no_crystals_give_no_vectors(model):
    assert Predictor(model).embed([]).shape == (0, 16)
    assert Predictor(model).embed(iter([])).dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 3, 7, 500])
def test_a_vector_depends_neither_on_its_batch_nor_on_the_order(
    model, strings, batch_size, monkeypatch
):
    monkeypatch.setattr(predictor, "_WINDOW", 2)
    many = strings * 4
    random.Random(batch_size).shuffle(many)
    alone = {text: Predictor(model).embed(text)[0] for text in strings}
    expected = np.stack([alone[text] for text in many])
    np.testing.assert_allclose(
        Predictor(model).embed(many, batch_size=batch_size), expected, rtol=0, atol=1e-5
    )


def test_a_generator_is_taken_window_by_window(model, monkeypatch):
    monkeypatch.setattr(predictor, "_WINDOW", 2)
    taken, seen = 0, []

    def crystals():
        nonlocal taken
        for _ in range(30):
            taken += 1
            yield ROCK_SALT

    model.encoder.register_forward_pre_hook(lambda *_: seen.append(taken))
    assert Predictor(model).embed(crystals(), batch_size=3).shape == (30, 16)
    assert seen == [6, 6, 12, 12, 18, 18, 24, 24, 30, 30]


def test_batches_are_of_like_lengths(model, strings):
    rows = []
    model.encoder.register_forward_pre_hook(lambda _, args: rows.append(args[0]["mask"]))
    Predictor(model).embed(strings * 20, batch_size=20)
    padding = 1 - sum(int(m.sum()) for m in rows) / sum(m.numel() for m in rows)
    assert padding < 0.1


def test_embedding_changes_nothing(model, strings):
    model.encoder.train()
    model.encoder.blocks[0].eval()
    modes = [part.training for part in model.encoder.modules()]
    before = torch.get_rng_state()
    first = Predictor(model).embed(strings)
    assert [part.training for part in model.encoder.modules()] == modes
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(first, Predictor(model).embed(strings))
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert torch.is_grad_enabled()


def test_the_mode_comes_back_after_an_error(model):
    model.encoder.train()
    model.encoder.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Predictor(model).embed(ROCK_SALT)
    assert all(part.training for part in model.encoder.modules())


@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        ("nothing.cif", "nothing.cif does not exist"),
        (ROCK_SALT.replace("4b", "8c"), "orbits are not those|composition"),
        (ROCK_SALT.replace("Na 4a Cl 4b", "Cl 4a Na 4b"), "canonical string"),
        (ROCK_SALT.replace("Na", "Xx"), "'Xx' is no token"),
        ("1 6 a O D D | 4a 4b | Na 0.5 Cl 0.5", "'1' is|'6' is|expected|no token"),
        (PaperScope(225, ("4a",), (("Cu", "1.0"),)), "PaperScope, but the model reads the orbit"),
        (7, "a value of type int is no crystal"),
        (None, "there is nothing here: None"),
    ],
)
def test_what_can_not_be_encoded_is_named_with_its_place(model, crystal, message):
    with pytest.raises(InputError, match=message) as refusal:
        Predictor(model).embed([ROCK_SALT, crystal])
    assert str(refusal.value).startswith("crystal 1: ")


def test_a_reject_says_why(model, example_cifs):
    read = list(stratus.read(example_cifs / "silicon-germanium.cif"))
    with pytest.raises(InputError, match=r"crystal 0: .*partial-occupancy"):
        Predictor(model).embed(read)


def test_a_file_of_several_crystals_gives_several_vectors(model, example_cifs, tmp_path):
    names = ("rock-salt.cif", "diamond.cif")
    both = [(example_cifs / name).read_text() for name in names]
    (tmp_path / "two.cif").write_text("\n".join(both))
    found = Predictor(model).embed(tmp_path / "two.cif")
    expected = Predictor(model).embed([example_cifs / name for name in names])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_crystal_with_more_rows_than_the_model_takes_is_refused(model):
    scope = Scope.from_orbits(1, [("Na", "a"), ("Cl", "a")] * 30)
    with pytest.raises(InputError, match=r"crystal 1: .*more than the limit of 48"):
        Predictor(model).embed([ROCK_SALT, scope])


@pytest.mark.parametrize("crystals", [3, None, 2.5])
def test_what_holds_no_crystals_is_refused(model, crystals):
    with pytest.raises(InputError, match="is no crystal and holds none"):
        Predictor(model).embed(crystals)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_hold_at_least_one(model, batch_size):
    with pytest.raises(InputError, match="batch_size is at least 1"):
        Predictor(model).embed([ROCK_SALT], batch_size=batch_size)


def test_a_model_says_what_it_is_in_one_line(model):
    text = repr(model)
    assert "\n" not in text
    assert len(text) < 100
    for part in (
        model.card.name,
        model.architecture,
        "reads scope (orbit)",
        f"{model.parameters:,}",
    ):
        assert part in text


def test_info_counts_what_there_is(model):
    info = model.info()
    assert info["parameters"] == sum(p.numel() for p in model.encoder.parameters())
    assert info["heads"]["masked"] == sum(p.numel() for p in model.heads["masked"].parameters())
    assert (info["facet"], info["view"]) == ("scope", model.view.name)
    assert info["view_config"]["dialect"] == "orbit"
    assert info["view_config"]["max_length"] == 48
    assert info["config"]["hidden"] == 16
