"""Configs, presets and the table of architectures."""

from __future__ import annotations

import re

import pytest
import torch
from pydantic import ValidationError

from stratus.encoders.cloud import Cloud, CloudConfig
from stratus.encoders.encoding import Gives
from stratus.encoders.orbit_set import OrbitSet
from stratus.encoders.table import ARCHITECTURES, architecture, configure, read_config
from stratus.errors import InputError
from stratus.scope import vocabulary
from stratus.views.table import VIEWS

SIZES = {
    ("cloud", "nano"): 935_168,
    ("cloud", "small"): 11_073_024,
    ("cloud", "base"): 85_906_944,
    ("orbit-set", "nano"): 878_848,
    ("orbit-set", "small"): 10_904_064,
    ("orbit-set", "base"): 85_569_024,
    ("atom_transformer", "nano"): 45_196,
    ("atom_transformer", "small"): 165_772,
    ("atom_transformer", "base"): 833_184,
    ("bond-graph", "nano"): 36_704,
    ("bond-graph", "small"): 170_816,
    ("bond-graph", "base"): 799_616,
    ("cgcnn", "nano"): 28_608,
    ("cgcnn", "small"): 132_332,
    ("cgcnn", "base"): 518_656,
    ("megnet", "nano"): 45_984,
    ("megnet", "small"): 189_504,
    ("megnet", "base"): 863_744,
    ("megnet", "paper"): 4_041_984,
    ("gala", "nano"): 31_288,
    ("gala", "small"): 147_544,
    ("gala", "base"): 698_488,
    ("gala", "paper"): 1_485_731,
    ("egnn", "nano"): 30_176,
    ("egnn", "small"): 134_080,
    ("egnn", "base"): 612_224,
    ("egnn", "paper"): 612_224,
    ("fcn", "nano"): 29_648,
    ("fcn", "small"): 137_424,
    ("fcn", "base"): 638_688,
    ("roost", "nano"): 140_651,
    ("roost", "small"): 834_763,
    ("roost", "base"): 2_247_595,
    ("schnet", "nano"): 44_224,
    ("schnet", "small"): 154_496,
    ("schnet", "base"): 625_536,
    ("schnet", "paper"): 71_136,
}


@pytest.mark.parametrize(("name", "preset"), SIZES)
def test_presets_have_the_sizes_that_the_documents_give(name, preset, repo_root):
    reads_tokens = "vocabulary_size" in architecture(name).config.model_fields
    tokens = {"vocabulary_size": len(vocabulary())} if reads_tokens else {}
    config = configure(name, preset, **tokens)
    with torch.device("meta"):
        module = architecture(name).build(config)
    size = sum(parameter.numel() for parameter in module.parameters())
    assert size == SIZES[name, preset]
    text = (repo_root / "docs/reference/encoders.md").read_text("utf-8")
    assert re.search(rf"\| `{preset}` .*\b{size:,}\b", text)


def test_an_architecture_reads_a_view_that_there_is():
    for name, kind in ARCHITECTURES.items():
        assert kind.name == name
        assert kind.view in VIEWS
        assert kind.presets.keys() >= {"nano", "small", "base"}


def test_only_an_encoder_whose_rows_stand_for_tokens_learns_masked_ones():
    assert [name for name, kind in ARCHITECTURES.items() if Gives.TOKENS in kind.gives] == [
        name for name, kind in ARCHITECTURES.items() if getattr(VIEWS[kind.view], "fields", 0)
    ]
    assert architecture("roost").gives == {Gives.CRYSTAL, Gives.PARTS}


def test_build_gives_the_module_of_the_config():
    sizes = {"vocabulary_size": 595, "layers": 1, "hidden": 8, "heads": 2, "feed_forward": 16}
    for name, kind in (("cloud", Cloud), ("orbit-set", OrbitSet)):
        config = read_config(name, sizes)
        module = architecture(name).build(config)
        assert isinstance(module, kind)
        assert module.config is config
        assert module.token_embedding.weight.shape == (595, 8)


def test_a_config_survives_json():
    config = configure("cloud", "nano", vocabulary_size=595, dropout=0.0)
    assert read_config("cloud", config.model_dump(mode="json")) == config


def test_a_config_is_frozen():
    config = configure("cloud", "nano", vocabulary_size=595)
    with pytest.raises(ValidationError):
        config.hidden = 3


@pytest.mark.parametrize(
    ("name", "preset", "values", "sentence"),
    [
        ("clod", "nano", {}, "no architecture 'clod'; did you mean cloud?"),
        ("painn", "nano", {}, "no architecture 'painn'; choose "),
        ("cloud", "smal", {}, "no preset of cloud 'smal'; did you mean small?"),
        ("cloud", "nano", {"hiden": 3}, "'hiden'; did you mean hidden?"),
        ("cloud", "nano", {"vocabulary_size": None}, "cloud cannot have vocabulary_size = None"),
        ("cloud", "nano", {"heads": 3}, "hidden 128 cannot be shared by 3 heads"),
        ("orbit-set", "nano", {"layers": 0}, "orbit-set cannot have layers = 0"),
        ("orbit-set", "base", {"dropout": 1.0}, "dropout = 1.0: input should be less than 1"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(name, preset, values, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        configure(name, preset, **{"vocabulary_size": 595, **values})


def test_a_missing_size_is_named():
    with pytest.raises(InputError, match="the config of cloud needs a value for vocabulary_size"):
        configure("cloud", "nano")


def test_more_rows_than_positions_are_refused():
    config = CloudConfig(
        vocabulary_size=9, layers=1, hidden=8, heads=2, feed_forward=16, max_length=4
    )
    batch = {"tokens": torch.ones(1, 5, dtype=torch.int64), "mask": torch.ones(1, 5).bool()}
    with pytest.raises(InputError, match="5 rows meets an encoder of 4 positions"):
        Cloud(config)(batch)
