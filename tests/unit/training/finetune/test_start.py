"""A given model is really used, and one that does not fit is refused by what does not fit."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from stratus.encoders.table import configure
from stratus.errors import InputError
from stratus.models.card import Card
from stratus.models.model import Model
from stratus.models.net import Net
from stratus.scope import Dialect, vocabulary
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.start import make_start
from stratus.views.token_view import token_view as view

CARD = Card(
    name="before",
    summary="A tiny model.",
    licence_code="MIT",
    licence_weights="CC-BY-4.0",
    intended_use="Tests.",
    limits="All others.",
)


@pytest.fixture
def model(quick) -> Model:
    start = make_start(quick(), None)
    return Model(
        members=(Net(start.make_encoder(torch.Generator().manual_seed(5))),),
        view=start.view,
        card=CARD,
        architecture="orbit-set",
    )


def test_the_weights_are_those_of_the_model_and_it_keeps_its_own(model, made):
    start = make_start(FinetuneOptions(), model)
    assert start.name == "before"
    encoder = start.make_encoder(torch.Generator().manual_seed(0))
    batch = start.view.collate([start.view.tokens(text) for text in made.scopes[:4]])
    model.encoder.eval()
    before = model.encoder(batch).crystal
    assert torch.equal(encoder.eval()(batch).crystal, before)
    with torch.no_grad():
        next(encoder.parameters()).add_(1)
    assert torch.equal(model.encoder(batch).crystal, before)


def test_options_that_agree_with_the_model_are_taken(model, quick):
    assert make_start(quick(), model).members == model.members


def test_dropout_may_be_another_than_that_of_the_model(model, made):
    start = make_start(FinetuneOptions(model={"dropout": 0.4}), model)
    encoder = start.make_encoder(torch.Generator().manual_seed(0))
    batch = start.view.collate([start.view.tokens(text) for text in made.scopes[:4]])
    expected = model.encoder.eval()(batch).crystal
    assert encoder.config == model.encoder.config.model_copy(update={"dropout": 0.4})
    assert torch.equal(encoder.eval()(batch).crystal, expected)
    torch.manual_seed(0)
    blunt = encoder.train()(batch).crystal
    torch.manual_seed(0)
    sharp = model.encoder.train()(batch).crystal
    assert (blunt - expected).norm() > 1.5 * (sharp - expected).norm() > 0


def test_from_scratch_the_vocabulary_is_that_of_the_dialect(quick):
    start = make_start(quick(encoder="cloud"), None, (), Dialect.PAPER)
    assert start.view.reads.strings == Dialect.PAPER
    assert start.view.vocabulary == Dialect.PAPER.vocabulary != vocabulary()
    assert start.config.vocabulary_size == len(Dialect.PAPER.vocabulary)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "'orbit-set' reads the orbit dialect.*take the encoder cloud"),
        (
            {"encoder": "roost", "model": {}},
            "'composition' reads the orbit dialect.*take the encoder cloud",
        ),
        ({"encoder": "cloud", "hide": 0.5}, "of the kind 'orbit' alone.*leave hide out"),
    ],
)
def test_what_the_paper_dialect_has_not_is_refused(quick, options, sentence):
    with pytest.raises(InputError, match=sentence):
        make_start(quick(**options), None, (), Dialect.PAPER)


def test_a_model_of_another_dialect_than_the_table_is_refused(model):
    with pytest.raises(InputError, match=r"'before' reads .*orbit.*, but the table .*paper"):
        make_start(FinetuneOptions(), model, (), Dialect.PAPER)


@pytest.mark.parametrize(
    ("changes", "options", "sentence"),
    [
        ({}, {"encoder": "cloud"}, "of the architecture orbit-set, but encoder is cloud"),
        ({}, {"preset": "nano"}, "has layers 2, but the options ask for 4"),
        ({}, {"model": {"hidden": 64}}, "has hidden 32, but the options ask for 64"),
        ({}, {"model": {"dropout": 1.5}}, "orbit-set cannot have dropout = 1.5"),
        ({}, {"model": {"hiden": 64}}, "'hiden'; did you mean hidden"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_by_name(model, changes, options, sentence):
    wrong = dataclasses.replace(model, **changes)
    with pytest.raises(InputError) as caught:
        make_start(FinetuneOptions(**options), wrong)
    assert sentence in str(caught.value)


def test_a_path_is_no_model():
    with pytest.raises(InputError, match=r"stratus\.load"):
        make_start(FinetuneOptions(), "some/folder")


def test_from_scratch_is_what_the_options_say():
    start = make_start(FinetuneOptions(encoder="cloud", preset="small"), None)
    assert (start.name, start.architecture, start.members) == ("from scratch", "cloud", ())
    assert start.config == configure("cloud", "small", vocabulary_size=len(vocabulary()))
    assert isinstance(start.view, type(view("sequence", vocabulary(), 512)))
