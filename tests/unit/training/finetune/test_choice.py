"""What a run starts from where nothing is named, and what is usual for training its encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from stratus.corpora.tables.folds import kfold
from stratus.crystals.facets import AtomArrays
from stratus.encoders.architecture import FEW_ROWS
from stratus.encoders.table import (
    ARCHITECTURES,
    DEFAULT_ATOMS_ENCODER,
    DEFAULT_ATOMS_PRESET,
    DEFAULT_ENCODER,
    architecture,
)
from stratus.errors import InputError
from stratus.tasks.task import make_task
from stratus.training.finetune.choice import choose, resolved, resolved_for
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options
from stratus.training.finetune.result_files import options_yaml
from stratus.training.finetune.run import finetune

NOT_OF_TRAINING = {"encoder", "preset", "model", "tasks", "law", "seed", "keep_heads"}
USUAL = {"epochs": 7, "learning_rate": 3e-3, "ema": 0.9, "patience": None}
SMALLEST = {"hidden": 8, "layers": 1}


@pytest.fixture
def with_usual(monkeypatch):
    """An encoder that has values of its own: that of atoms."""
    kind = replace(architecture(DEFAULT_ATOMS_ENCODER), training=USUAL, training_of_few={})
    monkeypatch.setitem(ARCHITECTURES._found, DEFAULT_ATOMS_ENCODER, kind)
    return kind


@pytest.fixture
def of_atoms(made):
    """Six crystals with strings and atoms."""
    table = made.take(np.arange(24))
    arrays = AtomArrays(np.eye(3) * 4, np.array([11, 17]), np.array([[0.0] * 3, [0.5] * 3]))
    return replace(table, crystals=tuple(c._replace(atoms=arrays) for c in table.crystals))


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_what_is_usual_for_an_encoder_can_be_set(name):
    kind = architecture(name)
    usual = {**kind.training, **kind.training_of_few}
    assert not usual.keys() & NOT_OF_TRAINING
    found = make_finetune_options(dict(usual))
    assert found.model_fields_set - {"tasks"} == usual.keys()


def test_what_is_usual_for_an_encoder_stands_in_its_reference(repo_root):
    page = (repo_root / "docs/reference/encoders.md").read_text()
    lines = page.partition("## Usual training")[2].splitlines()
    for kind in ARCHITECTURES.values():
        if usual := {**kind.training, **kind.training_of_few}:
            [line] = [line for line in lines if line.startswith(f"| `{kind.name}` |")]
            for name, value in usual.items():
                said = "null" if value is None else value
                assert f"`{name}: {said}`" in line


def test_what_is_usual_holds_where_nothing_is_set(with_usual):
    options = FinetuneOptions().with_usual_training(with_usual)
    assert {name: getattr(options, name) for name in USUAL} == USUAL
    assert options.batch_size == FinetuneOptions().batch_size
    assert options.with_usual_training(with_usual) is options


def test_a_small_table_has_values_of_its_own_where_nothing_is_set(with_usual):
    few = replace(with_usual, training_of_few={"members": 4, "epochs": 9})
    sizes = [(None, 1, 7), (FEW_ROWS, 1, 7), (FEW_ROWS - 1, 4, 9)]
    for rows, members, epochs in sizes:
        found = FinetuneOptions().with_usual_training(few, rows)
        assert (found.members, found.epochs) == (members, epochs)
    assert FinetuneOptions(members=1).with_usual_training(few, 10).members == 1
    assert FinetuneOptions().with_usual_training(few).with_usual_training(few, 10).members == 4


def test_what_is_set_stays_also_where_it_is_the_default_of_all(with_usual):
    fields = FinetuneOptions.model_fields
    asked = {name: fields[name].default for name in ("epochs", "patience")}
    options = make_finetune_options(asked).with_usual_training(with_usual)
    assert (options.epochs, options.patience) == (100, 20)
    assert options.ema == USUAL["ema"]


def test_what_is_usual_and_cannot_be_beside_what_is_set_is_said(with_usual):
    with pytest.raises(InputError, match="min_epochs 50 is more than epochs 7"):
        FinetuneOptions(min_epochs=50).with_usual_training(with_usual)


def test_tasks_and_laws_are_kept(with_usual):
    options = make_finetune_options({"tasks": ["cv@300K:J/mol/K"], "law": "debye"})
    found = options.with_usual_training(with_usual)
    assert (found.tasks, found.law, found.epochs) == (options.tasks, "debye", 7)


@pytest.mark.usefixtures("with_usual")
def test_a_resolved_config_gives_the_same_run():
    options = resolved(FinetuneOptions(), None, by_atoms=True)
    again = make_finetune_options(yaml.safe_load(options_yaml(options)))
    assert again == options == resolved(again, None, by_atoms=True)


def test_atoms_are_the_start_of_crystals_with_coordinates():
    options, model, reason = choose(FinetuneOptions(), atoms=(True, True))
    assert (options.encoder, options.preset) == (DEFAULT_ATOMS_ENCODER, DEFAULT_ATOMS_PRESET)
    assert model is None
    assert reason == "the table has coordinates; --model bundled for the symmetry model"
    assert choose(FinetuneOptions(), "none", atoms=(True,)).options == options


@pytest.mark.parametrize("name", ["bundled", None])
def test_strings_and_formulas_start_from_the_model_of_the_package(name):
    options, model, reason = choose(FinetuneOptions(), name, atoms=(False,))
    assert (options, reason) == (FinetuneOptions(), "")
    assert model.architecture == DEFAULT_ENCODER


@pytest.mark.parametrize(
    ("options", "atoms", "reason"),
    [
        ({}, (True, False), "some of the crystals have no coordinates"),
        ({"law": "debye", "tasks": ["cv@300K:J/mol/K"]}, (True,), "targets of a law"),
        ({"hide": 0.3}, (True,), "shown in part"),
        ({"keep_heads": True}, (True,), "heads are kept"),
        ({"group": "prototype"}, (True,), "kept together by prototype"),
        ({"group": "scope"}, (True,), "kept together by scope"),
    ],
)
def test_what_needs_strings_starts_from_them_and_says_why(options, atoms, reason):
    choice = choose(make_finetune_options(options), atoms=atoms)
    assert choice.model.architecture == DEFAULT_ENCODER
    assert choice.options.encoder is None
    assert reason in choice.reason


def test_a_dialect_is_one_of_strings():
    choice = choose(FinetuneOptions(), "none", atoms=(True,), strings="paper")
    assert choice.options.encoder is None
    assert choice.reason == "strings of the form paper are asked for"


def test_a_bundle_that_is_named_and_an_encoder_that_is_named_are_taken():
    assert choose(FinetuneOptions(), "bundled", atoms=(True,)).model.architecture == "orbit-set"
    choice = choose(FinetuneOptions(encoder="orbit-set"), atoms=(True,))
    assert choice.model.architecture == "orbit-set"
    choice = choose(FinetuneOptions(encoder="roost"), atoms=(True,))
    assert (choice.model, choice.options.encoder) == (None, "roost")


def test_sizes_of_another_encoder_are_refused_with_the_reason_for_this_one():
    with pytest.raises(InputError, match=r"'heads'.*since the crystals have coordinates"):
        choose(FinetuneOptions(model={"heads": 2}), atoms=(True,))


def test_a_table_that_was_read_is_learned_by_what_it_holds(of_atoms, made, with_usual):
    assert resolved_for(made, FinetuneOptions(), None).encoder is None
    assert resolved_for(of_atoms, FinetuneOptions(), None).encoder == with_usual.name
    some = replace(of_atoms, crystals=(*of_atoms.crystals[1:], made.crystals[0]))
    assert resolved_for(some, FinetuneOptions(), None).encoder is None
    assert resolved_for(of_atoms, FinetuneOptions(hide=0.2), None).encoder is None
    alone = replace(of_atoms, strings=None)
    assert resolved_for(alone, FinetuneOptions(keep_heads=True), None).encoder == with_usual.name
    options = make_finetune_options({"model": SMALLEST, "epochs": 1})
    result = finetune(of_atoms, kfold(of_atoms, 3, 0)[:1], [make_task({"column": "heat"})], options)
    assert result.start.architecture == with_usual.name
    told = result.summary()["options"]
    assert (told["encoder"], told["epochs"], told["ema"]) == (with_usual.name, 1, 0.9)
