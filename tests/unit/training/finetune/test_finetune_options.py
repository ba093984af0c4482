"""The grammar is that of pre-training: unknown names and wrong values are one sentence."""

from __future__ import annotations

import pytest

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
