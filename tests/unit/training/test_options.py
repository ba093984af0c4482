"""One grammar of options: layers, sentences, and what a resumed run may change."""

from __future__ import annotations

import pytest

from stratus.errors import InputError, ResumeError
from stratus.objectives.denoising import DenoisingOptions
from stratus.objectives.masked_tokens import MaskingOptions
from stratus.training.fit_options import FREE
from stratus.training.mixture import MixtureOptions
from stratus.training.option_layers import read_options
from stratus.training.options import (
    PretrainOptions,
    check_same,
    make_options,
    write_options,
)


def test_later_layers_win_and_nested_values_are_merged():
    options = make_options(
        {"epochs": 3, "seed": 1, "masking": {"ratio": 0.3, "random": 0.2}},
        {"seed": 2, "masking": {"ratio": 0.4}},
    )
    assert (options.epochs, options.seed) == (3, 2)
    assert (options.masking.ratio, options.masking.random) == (0.4, 0.2)


def test_what_is_written_is_read_back(tmp_path):
    options = make_options({"steps": 7, "model": {"layers": 2, "dropout": 0.0}, "clip_norm": None})
    path = tmp_path / "options.yaml"
    path.write_text(write_options(options))
    assert make_options(read_options(path)) == options


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epoch": 1}, "there is no option 'epoch'; did you mean epochs"),
        ({"masking": {"ration": 0.1}}, "there is no option 'ration'; did you mean ratio"),
        ({"encoder": "claud"}, "there is no architecture 'claud'; did you mean cloud"),
        ({"encoder": "roost"}, "encoder roost cannot be pre-trained on masked tokens"),
        ({"preset": "nono"}, "there is no preset of orbit-set 'nono'; choose nano, small, base"),
        ({"batch_size": 0}, "batch_size cannot be 0: "),
        ({"precision": "16"}, "precision cannot be '16': "),
        ({"masking": {"ratio": 2}}, "masking.ratio cannot be 2: "),
        ({"fractions": [0.9, 0.1, 0]}, "three shares above 0 that add up to 1"),
        ({"min_epochs": 60}, "min_epochs 60 is more than epochs 50"),
        ({"learning_rate": float("nan")}, "learning_rate cannot be nan"),
    ],
)
def test_a_wrong_option_is_one_sentence(values, sentence):
    with pytest.raises(InputError) as caught:
        make_options(values)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["- 1", "a: [", "1: 2", "\x00"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml"):
        read_options(path)


def test_an_empty_file_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    assert make_options(read_options(tmp_path / "empty.yaml")) == PretrainOptions()


def test_the_peak_rate_is_the_preset_s_unless_it_is_given():
    assert make_options({"preset": "base"}).peak_rate == 1e-4
    assert make_options({"preset": "base", "learning_rate": 3e-4}).peak_rate == 3e-4
    assert make_options({}).peak_rate == 1e-3


def test_the_validation_share_is_of_the_rows_that_are_not_for_testing():
    assert make_options({}).shares == (0.9, 0.05, 0.05)
    shares = make_options({"validation_share": 0.25, "fractions": [0.7, 0.1, 0.2]}).shares
    assert shares == pytest.approx((0.6, 0.2, 0.2))


@pytest.mark.parametrize(("every", "period"), [(1.0, 7), (0.5, 4), (3, 21), (0.01, 1)])
def test_the_validation_period_is_in_epochs(every, period):
    assert make_options({"validate_every": every}).validation_period(7) == period


def test_only_what_changes_no_result_may_change():
    before = PretrainOptions()
    check_same(before, make_options(dict.fromkeys(FREE, 9) | {"sample_cache": "elsewhere"}))
    for name in PretrainOptions.model_fields.keys() - FREE:
        assert name in write_options(before)
    with pytest.raises(ResumeError, match=r"begun with weight_decay = 0\.01, now it is 0\.0"):
        check_same(before, make_options({"weight_decay": 0.0}))


def test_the_reference_page_has_every_option_with_its_description(repo_root):
    page = (repo_root / "docs/reference/pretrain-options.md").read_text(encoding="utf-8")
    for name, field in PretrainOptions.model_fields.items():
        of_parts = {"masking": MaskingOptions, "denoising": DenoisingOptions}
        inner = {**of_parts, "mixture": MixtureOptions}.get(name)
        here = {name: field} if inner is None else inner.model_fields
        for below, one in here.items():
            whole = name if inner is None else f"{name}.{below}"
            assert f"| `{whole}` | " in page, whole
            assert f"| {one.description} |" in page, whole
