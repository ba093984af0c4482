"""Attention is read as the encoder computes it, and judged against the right chance."""

from __future__ import annotations

import csv
import json
from math import comb

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.encoders.table import architecture, configure
from stratus.encoders.transformer import attention_mask
from stratus.errors import InputError
from stratus.heads.masked_tokens import MaskedTokenHead
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.model import Model
from stratus.models.net import Net
from stratus.scope.vocabulary import SCHEMA_VERSION, Role, Vocabulary, vocabulary
from stratus.studies.attention.nulls import Scored, top_k
from stratus.studies.attention.part_scores import GRADIENTS, look, trained, untrained
from stratus.studies.attention.parts import SPACE_GROUP, parts_of
from stratus.studies.attention.reading import attend, gradient_times_input, roll_out
from stratus.studies.attention.study import AttentionOptions, study
from stratus.tasks.normalise import fit_normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view

TEXTS = [
    "i1 bOOO gDDD cDDD | Ti 2a O 4f | O 2 Ti 1 | 6",
    "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2",
    "i1 bOOO gDDD cDDD | Sn 2a O 4f | O 2 Sn 1 | 6",
]
CARD = Card(
    name="tiny",
    summary="made by a test",
    data=[{"name": "none", "rows": 0, "licence": "none", "origin": "none"}],
    licence_code="MIT",
    licence_weights="none",
    intended_use="tests",
    limits="all",
)
QUICK = AttentionOptions(ks=(1, 3), permutations=200)


def parts_for(name):
    words = vocabulary()
    config = configure(
        name, "nano", vocabulary_size=len(words), hidden=16, heads=2, layers=2, feed_forward=32
    )
    kind = architecture(name)
    encoder = kind.build(config, torch.Generator().manual_seed(0)).eval()
    return encoder, view(kind.view, words, config.max_length)


def model_of(name, *, property_head=False):
    encoder, seen = parts_for(name)
    words = vocabulary()
    heads = {}
    if property_head:
        task = make_task({"column": "gap", "unit": "eV"})
        normaliser = fit_normaliser(task, np.array([0.0, 1.0, 2.0]), np.ones(3, bool), np.arange(3))
        heads["gap"] = make_property_head(task, normaliser, 16, torch.Generator().manual_seed(1))
    else:
        heads["masked-tokens"] = MaskedTokenHead(
            16, len(words), seen.fields, generator=torch.Generator().manual_seed(1)
        )
    return Model((Net(encoder, heads),), seen, CARD, name)


@pytest.mark.parametrize("name", ["cloud", "orbit-set"])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]])
def test_the_attention_that_is_read_gives_the_output_of_the_fused_kernel(name, texts):
    encoder, seen = parts_for(name)
    batch = seen.collate([seen.tokens(text) for text in texts])
    real = batch["mask"]
    outputs = []
    handles = [
        block.attention_out.register_forward_pre_hook(lambda _, inputs: outputs.append(inputs[0]))
        for block in encoder.blocks
    ]
    with torch.no_grad():
        plain = encoder(batch)
        fused, outputs = outputs, []
        read = attend(encoder, batch)
    for handle in handles:
        handle.remove()
    assert torch.equal(read.encoding.parts, plain.parts)
    assert len(read.weights) == 2
    for weights, values, theirs in zip(read.weights, read.values, fused, strict=True):
        mine = (weights @ values).transpose(1, 2).reshape(theirs.shape)
        torch.testing.assert_close(mine[real], theirs[real], atol=1e-6, rtol=1e-5)
        mask = attention_mask(batch)
        if mask is not None:
            assert (weights.masked_select(~mask.expand_as(weights)) == 0).all()
    assert not encoder.blocks[0].query_key_value._forward_hooks


def test_roll_out_is_the_product_of_half_attention_and_half_the_row_itself():
    draw = torch.Generator().manual_seed(0)
    weights = tuple(torch.rand(1, 2, 4, 4, generator=draw).softmax(-1) for _ in range(3))
    expected = torch.eye(4)
    for layer in weights:
        expected = (layer[0].mean(0) + torch.eye(4)) / 2 @ expected
    assert torch.allclose(roll_out(weights)[0], expected[0], atol=1e-6)


@pytest.mark.parametrize("name", ["cloud", "orbit-set"])
def test_gradients_are_those_of_finite_differences(name):
    encoder, seen = parts_for(name)
    encoder = encoder.double()
    batch = seen.collate([seen.tokens(TEXTS[0])])
    found = gradient_times_input(encoder, batch, lambda crystal: crystal[:, 0])[0]

    def scaled(row, factor):
        def hook(_module, inputs):
            x = inputs[0].clone()
            x[0, row] *= factor
            return (x, *inputs[1:])

        handle = encoder.blocks[0].register_forward_pre_hook(hook)
        with torch.no_grad():
            value = encoder(batch).crystal[0, 0].item()
        handle.remove()
        return value

    for row in range(3):
        slope = (scaled(row, 1 + 1e-4) - scaled(row, 1 - 1e-4)) / 2e-4
        assert found[row].item() == pytest.approx(abs(slope), rel=1e-4, abs=1e-9)


def test_the_words_before_the_first_separator_are_the_space_group():
    _, seen = parts_for("cloud")
    line = parts_of(seen.collate([seen.tokens(text) for text in TEXTS]), vocabulary())[0]
    assert [part.words for part in line] == TEXTS[0].split(" ")
    assert [part.kind for part in line].count(SPACE_GROUP) == 4
    assert [part.kind for part in line].count("separator") == 3
    assert line[0].row == 1
    _, slots = parts_for("orbit-set")
    line = parts_of(slots.collate([slots.tokens(TEXTS[0])]), vocabulary())[0]
    assert [(part.words, part.kind) for part in line][:3] == [
        ("i1 bOOO gDDD cDDD", SPACE_GROUP), ("Ti 2a", "orbits"), ("O 4f", "orbits"),
    ]  # fmt: skip


def test_a_published_vocabulary_whose_words_have_many_meanings_is_read_by_its_sections():
    text = "1 b O O O | 4a 4b | Na 0.5 O 0.5"
    tokens = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(text.split(" ")))
    roles = (*[Role.SPECIAL] * 4, *[Role.SHARED] * (len(tokens) - 4))
    words = Vocabulary(tokens, roles, SCHEMA_VERSION)
    seen = view("sequence", words, 512)
    config = configure(
        "cloud", "nano", vocabulary_size=len(words), hidden=16, heads=2, layers=1, feed_forward=16
    )
    encoder = architecture("cloud").build(config, torch.Generator().manual_seed(0)).eval()
    published = Model((Net(encoder),), seen, words, "paper", CARD, "cloud")
    [one] = look(published, trained(published, 0), [seen.tokens(text)], 0)
    assert [part.words for part in one.parts] == text.split(" ")
    kinds = [part.kind for part in one.parts]
    assert kinds[:5] == [SPACE_GROUP] * 5  # the O of an axis
    assert kinds[-2:] == ["composition"] * 2  # and the O of oxygen


def scored(values, wanted):
    return Scored(np.array(values, float), np.array(wanted, bool))


def test_the_null_is_that_of_drawing_without_replacement():
    crystals = [scored(range(10), [True] * 6 + [False] * 4)] * 40
    found = top_k(crystals, 3, permutations=3000, generator=np.random.default_rng(0))
    assert found.at_least_one.value == 0  # the four highest scores are of another kind
    assert found.share.value == 0
    assert found.at_least_one.null == pytest.approx(1 - comb(4, 3) / comb(10, 3), abs=0.01)
    assert found.share.null == pytest.approx(0.6, abs=0.01)
    assert found.base == pytest.approx(1 - 0.4**3)
    assert found.share.p > 0.99


def test_scores_that_find_the_kind_are_told_from_chance_and_random_ones_are_not():
    draw = np.random.default_rng(1)
    wanted = [True] * 6 + [False] * 4
    good = [scored([2.0] * 6 + [1.0] * 4, wanted)] * 30
    found = top_k(good, 1, permutations=2000, generator=draw)
    assert found.share.value == found.at_least_one.value == 1
    assert found.share.p < 0.001
    assert found.at_least_one.lo > found.at_least_one.null_hi
    chance = [scored(draw.random(10), wanted) for _ in range(300)]
    found = top_k(chance, 3, permutations=500, generator=draw)
    assert 0.01 < found.share.p < 0.99
    assert found.share.lo < 0.6 < found.share.hi


def test_of_a_short_crystal_all_parts_are_taken():
    found = top_k(
        [scored([1, 2], [True, False])], 5, permutations=10, generator=np.random.default_rng(0)
    )
    assert (found.share.value, found.share.null) == (0.5, 0.5)


@pytest.mark.parametrize("name", ["cloud", "orbit-set"])
@pytest.mark.parametrize("property_head", [False, True])
def test_a_model_is_studied_beside_random_weights(name, property_head):
    model = model_of(name, property_head=property_head)
    state = torch.random.get_rng_state()
    report, looks = study(TEXTS, model, QUICK)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert report.crystals == len(looks) == 3
    assert report.outputs == ("gap" if property_head else report.outputs)
    assert [one.k for one in report.methods["attention"].trained] == [1, 3]
    assert report.methods["attention"].with_attention.mean == pytest.approx(1)
    assert report.verdict[0].startswith("The claim that [CLS] looks at the space group")
    for one in looks:
        assert one.heads.shape == (2, len(one.parts))
        assert (one.heads >= 0).all()
        assert one.heads.sum() < 2
        assert one.scores[GRADIENTS].max() > 0
    assert report == study(TEXTS, model, QUICK)[0]


def test_random_weights_are_other_weights_and_leave_the_model_alone():
    model = model_of("cloud", property_head=True)
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    one, other = trained(model, 0), untrained(model, 5)
    assert other.net.encoder is not one.net.encoder
    assert not torch.equal(other.net.heads["gap"].out.weight, one.net.heads["gap"].out.weight)
    study(TEXTS[:1], model, QUICK)
    assert all(torch.equal(before[k], v) for k, v in model.encoder.state_dict().items())
    assert all(weight.grad is None for weight in model.encoder.parameters())


def test_the_verdict_follows_the_attention():
    """A model whose [CLS] asks for the word i1 looks at the space group."""
    model = model_of("cloud")
    samples = [model.view.tokens(text) for text in TEXTS]
    with torch.no_grad():
        block, words = model.encoder.blocks[0], model.encoder.token_embedding.weight
        kinds = torch.zeros(len(vocabulary()), 16)
        marked = {vocabulary().index[w] for text in TEXTS for w in text.split(" | ")[0].split(" ")}
        kinds[list(marked), 0] = 50.0
        words.add_(kinds)
        block.query_key_value.weight[:32].zero_()
        block.query_key_value.bias[[0, 8]] = 20.0
        block.query_key_value.weight[16, 0] = block.query_key_value.weight[24, 0] = 1.0
    [first, *_] = look(model, trained(model, 0), samples, 0)
    marks = [part.kind == SPACE_GROUP for part in first.parts]
    assert (
        first.scores["attention"][marks].min() > first.scores["attention"][~np.array(marks)].max()
    )
    report, _ = study(TEXTS * 20, model, AttentionOptions(ks=(1, 3), permutations=500))
    assert report.verdict[1].endswith("yes.")
    assert report.methods["attention"].trained[0].at_least_one.value == 1


def test_what_can_not_be_looked_at_is_refused():
    model = model_of("cloud")
    with pytest.raises(InputError, match="no layer 2; the model has 2"):
        study(TEXTS, model, AttentionOptions(layer=2))
    with pytest.raises(InputError, match="no crystal"):
        study([], model)
    with pytest.raises(InputError, match="numbers from 1"):
        study(TEXTS, model, AttentionOptions(ks=(0,)))
    config = configure("roost", "nano")
    roost = architecture("roost").build(config, torch.Generator())
    with pytest.raises(InputError, match="has no attention over words"):
        attend(roost, {"mask": torch.ones(1, 1, dtype=torch.bool)})


def test_the_verb_writes_report_table_and_picture(tmp_path):
    model = model_of("orbit-set", property_head=True)
    bundle = tmp_path / "bundle"
    save_bundle(
        bundle,
        members=model.members,
        architecture="orbit-set",
        view=model.view,
        card=CARD,
    )
    table = tmp_path / "strings.csv"
    table.write_text("id,scope\n" + "\n".join(f"{k},{text}" for k, text in enumerate(TEXTS)))
    out = tmp_path / "out"
    words = ["attention", table, "--model", bundle, "-o", out, "-k", 1, "--permutations", 50]
    done = CliRunner().invoke(app, [*map(str, words), "--workers", "0", "--pictures", "2"])
    assert done.exit_code == 0, done.output
    assert "The claim that [CLS]" in done.output
    report = json.loads((out / "attention.json").read_text())
    assert report["crystals"] == 3
    with (out / "attention.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["scores"] for row in rows} == {"attention", "roll-out", "gradients"}
    assert {row["rank"] for row in rows} == {"1"}
    assert (out / "crystal-0.png").is_file()
    assert (out / "crystal-1.png").is_file()
    wrong = CliRunner().invoke(app, [*map(str, words), "--layer", "9"])
    assert wrong.exit_code == 2
    assert "no layer 9" in wrong.output
