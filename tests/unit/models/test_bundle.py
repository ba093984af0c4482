"""What is saved is what is loaded; what does not fit is not saved."""

from __future__ import annotations

import json

import pytest
import torch

import stratus
from stratus.errors import InputError
from stratus.files.sealed import SealError
from stratus.heads.head import Head
from stratus.heads.masked_tokens import MaskedTokenHead
from stratus.models.bundle import check_files, load_bundle, save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import Vocabulary, vocabulary
from stratus.views.token_view import token_view


class Strange(Head):
    """A head that is in no table."""

    def forward(self, batch, encoding):
        raise NotImplementedError


def test_the_front_door_loads_a_bundle(bundles):
    assert stratus.load(str(bundles / "cloud")).card.name == "tiny"


def test_every_tensor_comes_back(tiny, tmp_path):
    save_bundle(tmp_path / "b", **tiny)
    model = load_bundle(tmp_path / "b")
    [member] = tiny["members"]
    pairs = ((model.encoder, member.encoder), (model.heads["masked"], member.heads["masked"]))
    for one, other in pairs:
        assert one.state_dict().keys() == other.state_dict().keys()
        assert all(torch.equal(t, other.state_dict()[n]) for n, t in one.state_dict().items())
        assert one.config == other.config


def test_everything_else_comes_back(tiny, tmp_path):
    save_bundle(tmp_path / "b", **tiny)
    model = load_bundle(tmp_path / "b")
    assert model.card == tiny["card"]
    assert model.metrics == tiny["metrics"]
    assert model.view.name == tiny["view"].name
    assert model.view.vocabulary == vocabulary()
    assert model.view.config == tiny["view"].config
    assert (model.view.dialect, model.view.max_length) == ("orbit", 48)
    assert not model.encoder.training
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


def test_saving_twice_gives_the_same_bytes(tiny, tmp_path):
    save_bundle(tmp_path / "a", **tiny)
    save_bundle(tmp_path / "b", **tiny)
    assert check_files(tmp_path / "a") == check_files(tmp_path / "b")


def test_whoever_may_read_one_file_may_read_all(tiny, tmp_path):
    save_bundle(tmp_path / "b", **tiny)
    (tmp_path / "plain").write_text("x")
    modes = {path.name: path.stat().st_mode for path in (tmp_path / "b").iterdir()}
    assert set(modes.values()) == {(tmp_path / "plain").stat().st_mode}, modes


def test_a_loaded_model_can_be_saved_again(bundles, tmp_path, card):
    model = load_bundle(bundles / "orbit-set")
    save_bundle(
        tmp_path / "again",
        members=model.members,
        architecture=model.architecture,
        view=model.view,
        card=card,
        metrics=model.metrics,
    )
    assert check_files(tmp_path / "again") == check_files(bundles / "orbit-set")


def test_heads_and_metrics_may_be_left_out(tiny, tmp_path):
    tiny["members"] = [Net(tiny["members"][0].encoder)]
    del tiny["metrics"]
    save_bundle(tmp_path / "b", **tiny)
    assert not (tmp_path / "b" / "metrics.json").exists()
    model = load_bundle(tmp_path / "b")
    assert (dict(model.heads), model.metrics) == ({}, {})


def test_loading_and_saving_leave_the_random_numbers_alone(tiny, tmp_path):
    before = torch.get_rng_state()
    save_bundle(tmp_path / "b", **tiny)
    load_bundle(tmp_path / "b")
    assert torch.equal(before, torch.get_rng_state())


def test_the_weights_do_not_hang_on_the_file(bundles):
    model = load_bundle(bundles / "cloud")
    before = model.encoder.token_embedding.weight.clone()
    (bundles / "cloud" / "weights.safetensors").write_bytes(b"\0" * 100)
    assert torch.equal(model.encoder.token_embedding.weight, before)


def test_an_existing_folder_is_replaced_only_when_asked(tiny, tmp_path):
    save_bundle(tmp_path / "b", **tiny)
    with pytest.raises(SealError, match="is there already"):
        save_bundle(tmp_path / "b", **tiny)
    save_bundle(tmp_path / "b", **{**tiny, "metrics": {}}, replace=True)
    assert load_bundle(tmp_path / "b").metrics == {}


def other_vocabulary(size: int) -> Vocabulary:
    words = vocabulary()
    return Vocabulary(words.tokens[:size], words.roles[:size], words.schema_version)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "clowd"}, "no architecture 'clowd'; did you mean cloud"),
        ({"max_length": 49}, "max_length is 49, but the encoder takes 48"),
        ({"vocabulary": other_vocabulary(590)}, "not that of the orbit dialect"),
        ({"members": []}, "there is no member"),
        ({"head": Strange()}, "Strange is none"),
        ({"head": MaskedTokenHead(8, 595)}, "hidden 8, but the encoder has 16"),
        ({"head": MaskedTokenHead(16, 9)}, "vocabulary_size 9"),
        ({"carried": {"notes.txt": "x"}}, "not notes.txt"),
        ({"metrics": {"x": float("nan")}}, "metrics.json holds plain values only"),
        ({"metrics": {"x": object()}}, "metrics.json holds plain values only"),
    ],
)
def test_what_does_not_fit_is_not_saved(tiny, tmp_path, change, message):
    if "head" in change:
        head = {"masked": change["head"]}
        change = {"members": [Net(tiny["members"][0].encoder, head)]}
    if change.keys() & {"vocabulary", "max_length"}:
        words, longest = change.get("vocabulary", vocabulary()), change.get("max_length", 48)
        change = {"view": token_view(tiny["view"].name, words, longest)}
    with pytest.raises(InputError, match=message):
        save_bundle(tmp_path / "b", **{**tiny, **change})
    assert not list(tmp_path.iterdir())


def test_only_float32_is_saved(tiny, tmp_path):
    tiny["members"][0].encoder.bfloat16()
    with pytest.raises(InputError, match=r"members\.0\.encoder\.\S+ is torch.bfloat16, not F32"):
        save_bundle(tmp_path / "b", **tiny)


def test_the_paper_dialect_is_not_for_sets_of_orbits(tiny, tmp_path):
    name = tiny["view"].name
    if tiny["architecture"] == "cloud":
        tiny["view"] = token_view(name, vocabulary(), 48, "paper")
        save_bundle(tmp_path / "b", **tiny)
        assert load_bundle(tmp_path / "b").view.dialect == "paper"
    else:
        with pytest.raises(InputError, match="reads the orbit dialect, not paper"):
            token_view(name, vocabulary(), 48, "paper")


def test_an_encoder_of_other_tokens_than_the_vocabulary_is_not_saved(tiny, tmp_path):
    if tiny["architecture"] == "cloud":
        tiny["view"] = token_view("sequence", other_vocabulary(590), 48, "paper")
        with pytest.raises(InputError, match="encoder has 595 tokens, but the vocabulary has 590"):
            save_bundle(tmp_path / "b", **tiny)
        assert not list(tmp_path.iterdir())


def test_a_view_that_the_architecture_does_not_read_is_not_saved(tiny, tmp_path):
    other = {"sequence": "orbit-set", "orbit-set": "sequence"}[tiny["view"].name]
    tiny["view"] = token_view(other, vocabulary(), 48)
    with pytest.raises(InputError, match=f"reads the view '.*', not '{other}'"):
        save_bundle(tmp_path / "b", **tiny)


def test_the_description_is_names_and_numbers(bundles):
    table = json.loads((bundles / "orbit-set" / "model.json").read_text())
    assert table["members"][0]["heads"]["masked"]["kind"] == "masked-tokens"
    assert table["numerics"] >= 1
    assert table["format"] == 3
    assert table["view"]["name"] == "orbit-set"
    assert table["view"]["config"] == {
        "dialect": "orbit",
        "max_length": 48,
        "vocabulary_sha256": vocabulary().sha256,
    }
    assert isinstance(Card.model_validate(load_bundle(bundles / "cloud").info()["card"]), Card)
