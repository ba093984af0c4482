"""What an epoch hides is drawn anew, repeats, is what the words say, and is of use."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from stratus import Scope
from stratus.corpora.tables.table import Kind, Table
from stratus.crystals.facets import Detail
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError
from stratus.heads.property import make_property_head
from stratus.models.net import Net
from stratus.models.values import predict_nets
from stratus.objectives.hiding import KINDS, Hiding
from stratus.objectives.supervised import LabelledRows, Supervised
from stratus.scope import vocabulary
from stratus.scope.dialects import Dialect
from stratus.scope.partial import hide
from stratus.tasks.normalise import fit_normaliser
from stratus.tasks.task import make_task
from stratus.training.epochs import plan_epoch
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.start import make_start
from stratus.training.fit import fit
from stratus.training.loader import Endless, Loader
from stratus.views.token_view import token_view as view

SEQUENCE = view("sequence", vocabulary(), 512)


def hiding(texts, share, seed=0, seen=SEQUENCE):
    samples = [seen.tokens(text) for text in texts]
    return Hiding(seen, samples, seen.sizes(samples), share, seed)


@pytest.mark.parametrize("name", ["sequence", "orbit-set", "composition"])
def test_a_hidden_row_is_the_hidden_string(made, name):
    seen = view(name, vocabulary(), 512)
    texts = [*made.scopes, *(hide(text, kind) for text in made.scopes[:9] for kind in Detail)]
    shown = hiding(texts, 0.7, seen=seen)
    kinds = shown.kinds(0)
    assert set(kinds.tolist()) == {0, 1, 2}
    found = shown.samples(np.arange(len(texts)), 0)
    for text, kind, sample in zip(texts, kinds, found, strict=True):
        assert seen.vocabulary.text(sample.tolist()) == hide(text, KINDS[kind])
    assert shown.sizes(0).tolist() == seen.sizes(found).tolist()
    some = np.array([7, 2, 30])
    assert shown.sizes(0, some).tolist() == shown.sizes(0)[some].tolist()


def test_shares_are_as_asked_and_half_of_them_are_formulas(made):
    kinds = hiding(made.scopes * 300, 0.3).kinds(5)
    counts = np.bincount(kinds, minlength=3) / len(kinds)
    np.testing.assert_allclose(counts, [0.7, 0.15, 0.15], atol=0.01)
    assert set(hiding(made.scopes, 1.0).kinds(0).tolist()) == {1, 2}


def test_rows_are_drawn_anew_each_epoch_and_the_same_again(made):
    one, again = (hiding(made.scopes, 0.5, seed=4) for _ in range(2))
    kinds = [one.kinds(epoch).tolist() for epoch in range(3)]
    assert [again.kinds(epoch).tolist() for epoch in (2, 1, 0)] == kinds[::-1]
    assert kinds[0] != kinds[1] != kinds[2]
    assert hiding(made.scopes, 0.5, seed=5).kinds(0).tolist() != kinds[0]


def test_strings_of_another_dialect_are_refused():
    sample = np.array([5, 6, 7], dtype=np.uint16)
    with pytest.raises(InputError, match="orbit dialect"):
        Hiding(SEQUENCE, [sample], np.array([5]), 0.5, 0)


def rows_of(table: Table) -> LabelledRows:
    samples = [SEQUENCE.tokens(text) for text in table.scopes]
    places = np.arange(len(table), dtype=np.float64)  # the label says which row it is
    here = np.ones(len(table), dtype=np.bool_)
    return LabelledRows(SEQUENCE, samples, SEQUENCE.sizes(samples), {"y": places}, {"y": here})


def test_batches_hold_what_the_epoch_shows_with_the_labels_of_the_rows(made):
    loader = Loader(rows_of(made).hidden(0.5, 3), 16, 3)
    stream = iter(Endless(loader))
    shown = hiding(made.scopes, 0.5, seed=3)
    for epoch in range(2):
        plan = plan_epoch(shown.sizes(epoch), 16, 3, epoch)
        for number, step in enumerate(islice(stream, len(loader))):
            places = plan.rows(number)
            assert step.targets["y"].tolist() == places.tolist()
            expected = SEQUENCE.collate(shown.samples(places, epoch))
            assert all(torch.equal(step.inputs[key], expected[key]) for key in expected)
            assert step.sizes.tolist() == shown.sizes(epoch)[places].tolist()


def test_nothing_is_hidden_if_not_asked(made):
    rows = rows_of(made)
    assert rows.hidden(0.0, 3) is rows


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(InputError, match="hide cannot be"):
        make_finetune_options({"hide": share})


ELEMENTS = ("Li", "O", "Na", "Cl", "Fe", "Ti")
GROUPS = (221, 225, 166, 194)


def formulas_to_test(seed: int = 0) -> Table:
    """Make 300 crystals, then 100 formulas, of a property of composition, group and size."""
    random = np.random.default_rng(seed)
    crystals: dict[str, Scope] = {}
    while len(crystals) < 400:
        group = int(random.choice(GROUPS))
        letters = random.choice(
            list(wyckoff_positions(group)), size=int(random.integers(1, 4)), replace=False
        )
        one = Scope.from_orbits(group, [(str(random.choice(ELEMENTS)), w) for w in letters])
        crystals.setdefault(str(one), one)
    texts, all_ = list(crystals), list(crystals.values())
    n_atoms = np.array([one.n_atoms for one in all_])
    n_atoms[300:] = 0
    weights = dict(zip(ELEMENTS, random.normal(size=len(ELEMENTS)), strict=True))
    labels = [
        sum(weights[e] * n for e, n in one.composition) / sum(n for _, n in one.composition)
        + np.log(one.n_atoms) + 0.5 * GROUPS.index(one.space_group)
        for one in all_
    ]  # fmt: skip
    return Table(
        ids=tuple(f"c{k}" for k in range(400)),
        crystals=Dialect.ORBIT.crystals(
            (*texts[:300], *(hide(text, Detail.FORMULA) for text in texts[300:])), n_atoms
        ),
        targets=("y",),
        kinds=(Kind.REGRESSION,),
        labels=np.array(labels)[:, None],
    )


def error_on_formulas(table: Table, share: float) -> float:
    """Return the mean absolute error of a model that learned from whole crystals."""
    tiny = {"layers": 2, "hidden": 32, "heads": 2, "feed_forward": 64}
    options = make_finetune_options(
        {"encoder": "cloud", "model": tiny, "epochs": 10, "learning_rate": 5e-3, "hide": share}
    )
    task = make_task({"column": "y"})
    start = make_start(options, None)
    labels, here = table.labels[:, 0], np.ones(400, dtype=np.bool_)
    normaliser = fit_normaliser(task, labels, here, np.arange(260))
    samples = [start.view.tokens(text) for text in table.scopes]
    targets = normaliser.normalise(labels, here)

    def part(a, b):
        sizes, labels = start.view.sizes(samples[a:b]), {"y": targets[a:b]}
        return LabelledRows(start.view, samples[a:b], sizes, labels, {"y": here[a:b]})

    generator = torch.Generator().manual_seed(0)
    encoder = start.make_encoder(generator)
    head = make_property_head(task, normaliser, 32, generator)
    net = Net(encoder, {"y": head}).train()
    fit(
        net, Supervised([task]), part(0, 260).hidden(share, 0), part(260, 300), options,
        seed=0, dropout_key=lambda rank, step: (0, step, rank),
    )  # fmt: skip
    [one] = predict_nets([net], start.view, samples[300:], lambda _: None, batch_size=32)["y"]
    found = one.values
    return float(np.abs(found - table.labels[300:, 0]).mean())


def test_a_model_that_saw_formulas_predicts_formulas_better():
    table = formulas_to_test()
    assert error_on_formulas(table, 0.5) < 0.8 * error_on_formulas(table, 0.0)
