"""Settings as words: nested by dots, read as YAML, refused in a sentence."""

from __future__ import annotations

import pytest

from stratus.errors import InputError
from stratus.training.option_layers import parse_settings


def test_settings_are_nested_by_dots_and_read_as_yaml():
    found = parse_settings(
        ["steps=5", "masking.ratio=0.3", "patience=null", "fractions=[0.6, 0.2, 0.2]",
         "learning_rate=1e-3", "tasks.gap.functional=PBE", "tasks.gap.minimum=0"]
    )  # fmt: skip
    assert found == {
        "steps": 5,
        "masking": {"ratio": 0.3},
        "patience": None,
        "fractions": [0.6, 0.2, 0.2],
        "learning_rate": 1e-3,
        "tasks": {"gap": {"functional": "PBE", "minimum": 0}},
    }


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["steps"], "'steps' sets nothing; write name=value"),
        (["=5"], "sets nothing"),
        (["a..b=5"], "sets nothing"),
        (["steps=5", "steps=6"], "steps is set twice"),
        (["model=3", "model.hidden=4"], "model.hidden is set beside model itself"),
        (["steps=[1"], "the value '[1' of steps is no YAML"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(texts, said):
    with pytest.raises(InputError) as refused:
        parse_settings(texts)
    assert said in str(refused.value)
