"""Bundles that somebody made to do harm: each loads as what it is, or is refused with a sentence.

Their manifests agree with their files, so it is the files that are looked into.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from stratus.corpora.documents import read_json, read_yaml
from stratus.crystals.facets import Detail
from stratus.encoders.table import architecture
from stratus.errors import InputError
from stratus.files import sealed
from stratus.files.sealed import SealError, verify
from stratus.heads.property import make_property_head
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import CARD_FILE, Card, read_card
from stratus.models.description import read_description
from stratus.models.listing import list_bundles
from stratus.models.net import Net
from stratus.models.seen import SeenFormulas
from stratus.scope import vocabulary
from stratus.scope.partial import partial_scope
from stratus.tasks.conformal import Calibration, calibrate
from stratus.tasks.domain import Domain, Learned
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view

FILES = (
    "card.yaml", "calibration.json", "domain.json", "metrics.json", "model.json",
    "vocabulary.json",
)  # fmt: skip
SALT = partial_scope("NaCl")
LONGEST_S = 20.0
"""Whatever a file holds, it is refused or read in this time."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A tiny model with everything that a bundle may hold."""
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    kind = architecture("orbit-set")
    config = kind.config(vocabulary_size=595, hidden=4, layers=1, heads=2, feed_forward=4)
    generator = torch.Generator().manual_seed(0)
    task = make_task({"column": "gap", "unit": "eV"})
    head = make_property_head(task, Normaliser(mean=1.0, std=2.0, rows=9), 4, generator)
    scores = calibrate(np.linspace(-1, 1, 19), np.zeros(19), np.full(19, 0.1))
    save_bundle(
        folder,
        members=[Net(kind.build(config, generator), {"gap": head})],
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), 64),
        card=Card(
            name="n", summary="s", licence_code="MIT", licence_weights="MIT", intended_use="u",
            limits="l",
        ),
        metrics={"gap": {"mae": 0.5}},
        calibration=Calibration(tasks={"gap": {"": dict.fromkeys(Detail, scores)}}),
        domain=Domain(
            targets={"gap": Learned(rows=9, elements={"Na": 0.5, "O": 1.0}, lowest=0, highest=9)},
            metal_below={Detail.WHOLE: 0.2},
            widening=2.0,
            before=Learned(rows=9, elements={"Cl": 0.5}),
        ),
        seen=SeenFormulas.of(["Na 1 Cl 1", "O 2"]),
    )  # fmt: skip
    return folder


def reseal(folder: Path) -> None:
    sealed._write_manifest(folder)


def outcome(folder: Path) -> str:
    """Return ``loaded``, or the sentence of the refusal; nothing else may happen, nor last."""
    started = time.monotonic()
    try:
        found = Predictor(load_bundle(folder)).predict(SALT, interval=0.9)["gap"]
        assert np.isfinite(found.value).all()
        assert not (found.lo > found.hi).any()  # either may be NaN: it was not calibrated
    except InputError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        assert len(said) < 2000, said[:200]
    else:
        said = "loaded"
    assert time.monotonic() - started < LONGEST_S
    return said


# -------------------------------------------------------------------------------- mutated documents


def places(value, path=()):
    """Yield the path of each value of a document."""
    yield path
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in list(inside)[:40]:
            yield from places(inner, (*path, key))


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


RAW = [
    "null", "true", "-1", "0", "1", "2", "1e308", "-1e308", "1e-320", "1e999", "-1e999", "NaN",
    "Infinity", "9" * 4000, "9" * 5000, "9" * 30, '""', '"x"', '"\\ud800"', '"\\u001b[2J"', "[]",
    "{}", "[null]", '{"a": 1, "a": 2}', deep(50), deep(100_000), "[" * 100_000, '{"a":' * 50_000,
    '"' + "x" * 100_000 + '"', json.dumps(dict.fromkeys(map(str, range(30_000)), 1)),
    json.dumps(list(range(30_000))),
]  # fmt: skip
"""JSON that no document of a bundle holds where it is put."""


def mutated(text: str, rng: random.Random) -> str:
    """Put something else in the place of one value of a JSON document, or change its characters."""
    if rng.random() < 0.3:
        at = rng.randrange(len(text))
        piece = rng.choice([*'{}[]",:0-e.\0\n', "\ufeff", "\u2028", '"a"', "NaN", "1e999"])
        return text[:at] + piece + text[at + rng.randrange(3) :]
    document = json.loads(text)
    path = rng.choice(list(places(document)))
    if not path:
        return rng.choice(RAW)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(inner, dict) and rng.random() < 0.3:
        inner[rng.choice(["x", "", "__class__", "x" * 10_000])] = "@@"
    else:
        inner[path[-1]] = "@@"
    return json.dumps(document).replace('"@@"', rng.choice(RAW))


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("json")])
def test_a_mutated_document_is_refused_with_a_sentence_or_read(whole, tmp_path, name):
    bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
    text = (bundle / name).read_text()
    rng = random.Random(name)
    outcomes = []
    for _ in range(70):  # for each of four files
        (bundle / name).write_text(mutated(text, rng), encoding="utf-8")
        reseal(bundle)
        outcomes.append(outcome(bundle))
    assert sum(said != "loaded" for said in outcomes) > 20
    (bundle / name).write_text(text)
    reseal(bundle)
    assert outcome(bundle) == "loaded"


def test_mutated_manifests_are_refused_with_a_sentence(whole, tmp_path):
    bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
    text = (bundle / sealed.MANIFEST).read_text()
    rng = random.Random(0)
    refused = 0
    for _ in range(200):
        (bundle / sealed.MANIFEST).write_text(mutated(text, rng), encoding="utf-8")
        try:
            verify(bundle)
        except SealError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017 - not every one is refused
    assert refused > 150


YAML = st.one_of(
    st.sampled_from(
        [
            "!!python/object/apply:os.system ['touch broken']", "!!python/name:os.system",
            "!!binary aGk=", "!!set {a}", "!!int x", "!!timestamp x", "!!bool x", "!!float x",
            "!!omap [a: 1]", "&a [*a]", "&a x", "*a", "1:59:59", "1" + ":59" * 30_000,
            "1" + ":59" * 300, "0b" + "1" * 90_000, "9" * 5000, "9" * 4000, ".inf", ".nan",
            "2026-01-01", "2026-13-41", "[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000,
            "\t", "\x00", "\ufeff", "'", "|", ">", "%YAML 9.9", "---", "...", "<<: {a: 1}",
            "{[a]: b}", "{{a: b}: c}", "'" + "x" * 200_000 + "'", "x" * 200_000,
        ]
    ),
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
)  # fmt: skip


@settings(max_examples=300)
@given(st.data())
def test_a_hostile_card_is_a_card_or_is_refused_with_a_sentence(whole, data):
    lines = (whole / CARD_FILE).read_text().splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    key = lines[at].split(":")[0]
    lines[at] = data.draw(st.sampled_from([f"{key}: ", "", "x: ", "- ", f"{key}:\n  - "])) + (
        data.draw(YAML)
    )
    folder = whole.parent / "cards"
    folder.mkdir(exist_ok=True)
    (folder / CARD_FILE).write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    started = time.monotonic()
    try:
        assert isinstance(read_card(folder), Card)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - not every one raises
        assert len(str(error)) < 2000  # noqa: PT017
    assert time.monotonic() - started < LONGEST_S
    assert not Path("broken").exists()


def test_a_card_of_megabytes_is_not_looked_into(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text("".join(f"k{i}: {{a: [1, 2, 3]}}\n" for i in range(60_000)))
    started = time.monotonic()
    with pytest.raises(InputError, match="larger than"):
        read_yaml(path)
    assert time.monotonic() - started < 1
    path.write_text(yaml.safe_dump({f"file-{i}": {"bytes": i} for i in range(3000)}))
    assert len(read_yaml(path)) == 3000


def test_a_key_that_stands_twice_among_many_is_found_in_no_time(tmp_path):
    path = tmp_path / "x.json"
    pairs = [f'"{i}":0' for i in range(200_000)]
    path.write_text("{" + ",".join([*pairs, pairs[-1]]) + "}")
    started = time.monotonic()
    with pytest.raises(InputError, match="stands twice"):
        read_json(path)
    assert time.monotonic() - started < LONGEST_S


# ------------------------------------------------------------------------------------------ weights


@settings(max_examples=200)
@given(st.data())
def test_weights_that_are_no_finite_numbers_are_refused(whole, data):
    tensors = load_file(whole / "weights.safetensors")
    name = data.draw(st.sampled_from(sorted(n for n, t in tensors.items() if t.size)))
    flat = tensors[name].reshape(-1).copy()
    places = st.lists(st.integers(0, flat.size - 1), min_size=1, max_size=5, unique=True)
    at = data.draw(places)
    if flat.dtype != np.float32:
        return
    flat[at] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    bundle = whole.parent / "spoilt"
    if not bundle.exists():
        shutil.copytree(whole, bundle)
    shape = tensors[name].shape
    save_file(tensors | {name: flat.reshape(shape)}, bundle / "weights.safetensors")
    reseal(bundle)
    said = outcome(bundle)
    assert f"the tensor {name} holds {len(at)} values that are no finite numbers" in said


@pytest.mark.parametrize("size", [1e20, 1e30, 3e38])
def test_weights_so_large_that_nothing_comes_out_give_a_sentence(whole, tmp_path, size):
    bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
    tensors = load_file(bundle / "weights.safetensors")
    tensors = {n: np.full_like(t, size) if "head" in n else t for n, t in tensors.items()}
    save_file(tensors, bundle / "weights.safetensors")
    reseal(bundle)
    assert "so large that what it works out is no finite number" in outcome(bundle) or size == 1e20


def test_a_model_that_learned_nothing_finite_is_not_saved(whole, tmp_path):
    model = load_bundle(whole)
    with torch.no_grad():
        next(model.encoder.parameters())[0] = torch.nan
    with pytest.raises(InputError, match=r"cannot be saved: .* no finite numbers"):
        save_bundle(
            tmp_path / "b",
            members=model.members,
            architecture="orbit-set",
            view=model.view,
            card=model.card,
        )
    assert not (tmp_path / "b").exists()


# ----------------------------------------------------------------------- numbers, layers, odd files


@settings(max_examples=200)
@given(
    st.sampled_from(["floor", "scores", "mean", "std", "minimum", "rows", "layers", "members"]),
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([1e308, 1e200, 1e101, 1e99, -1e308, 5e-324, 0.0, -0.0]),
        st.integers(-(10**30), 10**30),
        st.sampled_from([999, 1000, 10**9, 2**63, 10**4000]),
    ),
)
def test_absurd_numbers_are_refused_or_give_finite_predictions(whole, what, number):
    bundle = whole.parent / "absurd"
    if not bundle.exists():
        shutil.copytree(whole, bundle)
    described = json.loads((whole / "model.json").read_text())
    calibrated = json.loads((whole / "calibration.json").read_text())
    scores = calibrated["tasks"]["gap"][""]["formula"]
    head = described["members"][0]["heads"]["gap"]["config"]
    if what == "floor":
        scores["floor"] = number
    elif what == "scores":
        scores["scores"][-1] = number
    elif what == "members":
        described["members"] *= int(min(abs(number), 1100))
    elif what == "minimum":
        head["task"]["minimum"] = float(number) if abs(number) < 1e300 else 0.0
    elif what == "layers":
        head["layers"] = head["task"]["by"]["layers"] = int(number)
    else:
        head["normaliser"][what] = number
    (bundle / "model.json").write_text(json.dumps(described))
    (bundle / "calibration.json").write_text(json.dumps(calibrated))
    reseal(bundle)
    outcome(bundle)


KINDS = ("pipe", "device", "folder", "nothing", "socket link", "itself")


def put(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "nothing":
        path.symlink_to({"device": "/dev/zero", "itself": path}.get(kind, "/dev/tty"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", [*FILES, "seen.safetensors", "weights.safetensors", "MANIFEST.json"]
)
def test_what_is_no_file_is_refused_at_once_by_every_reader(whole, tmp_path, name, kind):
    bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
    put(bundle / name, kind)
    started = time.monotonic()
    assert name in outcome(bundle)
    with pytest.raises(SealError, match=name):
        verify(bundle)
    listed = list_bundles(tmp_path)
    if name in {"card.yaml", "model.json", "weights.safetensors"} and listed:
        assert name in listed[0].problem
    for read in (read_card, read_description):
        try:
            read(bundle)
        except InputError as error:
            assert name in str(error)  # noqa: PT017 - of the other files it reads nothing
    assert time.monotonic() - started < LONGEST_S


def test_a_bundle_behind_many_folders_does_not_end_the_list(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "a" / "bundle")
    tmp_path.joinpath(*"d" * 150).mkdir(parents=True)
    found = list_bundles(tmp_path)
    assert [one.problem == "" for one in found] == [True, False]
    assert "folders deep" in found[1].problem
