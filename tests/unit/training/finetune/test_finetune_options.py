"""The grammar is that of pre-training: unknown names and wrong values are one sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stratus.corpora.encoding.crystals import crystal_of_atoms
from stratus.corpora.tables.grouping import Group
from stratus.corpora.tables.table import Table
from stratus.crystals.facets import AtomArrays
from stratus.encoders.table import configure
from stratus.errors import InputError
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"layer_decai": 0.5}, "there is no option 'layer_decai'; did you mean layer_decay"),
        ({"encoder": "claud"}, "there is no architecture 'claud'; did you mean cloud"),
        ({"preset": "nono"}, "there is no preset of orbit-set 'nono'; choose nano, small, base"),
        ({"layer_decay": 0}, "layer_decay cannot be 0: "),
        ({"ema": 1}, "ema cannot be 1: "),
        ({"patience": 0}, "patience cannot be 0: "),
        ({"group": "material"}, "group cannot be 'material': Input should be 'none', 'scope'"),
        ({"learning_rate": float("inf")}, "learning_rate cannot be inf: "),
    ],
)
def test_a_wrong_option_is_one_sentence(values, sentence):
    with pytest.raises(InputError) as caught:
        make_finetune_options(values)
    assert sentence in str(caught.value)


def test_later_layers_win_and_nothing_given_is_the_default():
    assert make_finetune_options({"epochs": 3}, {"epochs": 4}).epochs == 4
    assert make_finetune_options() == FinetuneOptions()


def test_how_atoms_are_split_is_said_and_strings_are_left_as_they_are():
    crystal = crystal_of_atoms(AtomArrays(np.eye(3) * 4.0, np.array([11, 17]), np.zeros((2, 3))))
    frames = Table(("a", "b"), (crystal, crystal), (), (), np.zeros((2, 0)), strings=None)
    options = FinetuneOptions()
    assert options.with_usual_group(frames, 5).group is Group.BLOCKS
    named = dataclasses.replace(frames, materials=("x", "y"), material_column="mp_id")
    assert options.with_usual_group(named, 5).group is Group.SCOPE
    by_lot = FinetuneOptions(group="none")
    assert by_lot.with_usual_group(frames, 5) is by_lot
    strings = dataclasses.replace(frames, strings="orbit")
    assert options.with_usual_group(strings, 5) is options


def test_values_of_a_config_are_numbers_switches_and_words_and_stay_what_they_are():
    given = {"norm": "none", "layers": 2, "dropout": 0.5, "fade": True}
    kept = make_finetune_options({"encoder": "cgcnn", "model": given}).model
    assert kept == given
    assert [type(value) for value in kept.values()] == [str, int, float, bool]
    assert configure("cgcnn", "nano", norm=kept["norm"]).norm == "none"
