"""``model.json`` of this format and of the one before; every other is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from stratus.encoders.cgcnn import CGCNN
from stratus.encoders.table import architecture
from stratus.errors import InputError
from stratus.files import sealed
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.description import FORMAT, read_description
from stratus.models.loading import BUNDLED, folder_of, load_model
from stratus.models.net import Net
from stratus.scope import Vocabulary, vocabulary
from stratus.views.graph import GraphConfig, GraphView
from stratus.views.token_view import TokenView, token_view

HYDROGEN = "i0 | H 1a | H 1 | 1"
ENCODERS = {"sequence": "cloud", "orbit-set": "orbit-set", "composition": "roost"}


def save(folder: Path, view: TokenView, card) -> None:
    """Save a small model of the architecture that reads a view."""
    kind = architecture(ENCODERS[view.name])
    values = {**kind.presets["nano"], "vocabulary_size": len(view.vocabulary)}
    fields = kind.config.model_fields
    config = kind.config.model_validate({k: v for k, v in values.items() if k in fields})
    encoder = kind.build(config, torch.Generator().manual_seed(1))
    save_bundle(folder, members=[Net(encoder)], architecture=kind.name, view=view, card=card)


def as_format_2(folder: Path) -> dict:
    """Write ``model.json`` of a bundle as format 2 had it, by hand, and seal the folder again."""
    path = folder / "model.json"
    values = json.loads(path.read_text())
    config = values["view"]["config"]
    before = {
        "format": 2,
        "architecture": values["architecture"],
        "numerics": values["numerics"],
        "config": values["config"],
        "view": values["view"]["name"],
        "dialect": config["dialect"],
        "max_length": config["max_length"],
        "vocabulary_sha256": config["vocabulary_sha256"],
        "members": values["members"],
    }
    path.write_text(json.dumps(before, indent=1))
    sealed._write_manifest(folder)
    return before


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("sequence", "orbit"),
        ("sequence", "paper"),
        ("orbit-set", "orbit"),
        ("composition", "orbit"),
    ],
)
def test_a_bundle_of_format_2_is_the_same_model(tmp_path, card, name, dialect):
    words = vocabulary()
    if dialect == "paper":  # published vocabularies are those of their tokenizers
        words = Vocabulary(words.tokens[:-1], words.roles[:-1], words.schema_version)
    view = token_view(name, words, 20, dialect)
    save(tmp_path / "b", view, card)
    now, described = load_bundle(tmp_path / "b"), read_description(tmp_path / "b")
    as_format_2(tmp_path / "b")
    before = load_bundle(tmp_path / "b")
    assert read_description(tmp_path / "b") == described
    assert described.format == FORMAT == 3
    assert type(before.view) is type(view)
    assert before.view.config == now.view.config == view.config
    assert before.view.vocabulary == words
    batch = view.collate([view.tokens(HYDROGEN)])
    with torch.no_grad():
        assert torch.equal(before.encoder(batch).crystal, now.encoder(batch).crystal)


def test_the_bundled_model_is_of_format_2_and_is_saved_in_this_format(tmp_path):
    model = load_model(BUNDLED)
    assert json.loads((folder_of(BUNDLED) / "model.json").read_text())["format"] == 2
    assert (model.view.name, model.view.dialect, model.view.max_length) == (
        "orbit-set",
        "orbit",
        512,
    )
    save_bundle(
        tmp_path / "again",
        members=model.members,
        architecture=model.architecture,
        view=model.view,
        card=model.card,
        calibration=model.calibration,
        domain=model.domain,
    )
    assert json.loads((tmp_path / "again" / "model.json").read_text())["format"] == FORMAT
    again = load_bundle(tmp_path / "again")
    assert again.view.config == model.view.config
    assert again.tasks == model.tasks


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 1}, "has format 1; this version of stratus reads 2 and 3"),
        ({"format": 4}, "has format 4; this version of stratus reads 2 and 3"),
        ({"format": 3}, "view: Input should be an object, not 'sequence'"),
        ({"view": "orbit-sett"}, "no view 'orbit-sett'; did you mean orbit-set"),
        ({"view": "graph"}, "cloud reads the view 'sequence', not 'graph'"),
        ({"view": {"name": "sequence", "config": {}}}, "view.name: .* valid string"),
        ({"view": None}, "view.name: .* valid string, not None"),
        ({"colour": "red"}, "the key 'view.config.colour' is unknown; remove it"),
        ({"dialect": "french"}, "view.config.dialect: .*, not 'french'"),
        ({"max_length": "20"}, "view.config.max_length: .*, not '20'"),
        ({"max_length": 10**6}, "max_length is 1000000, but the encoder takes"),
        ({"vocabulary_sha256": "0" * 64}, "not the one the model was made with"),
        ({"members": []}, "members"),
    ],
)
def test_a_wrong_description_of_format_2_is_refused(bundles, changes, sentence):
    values = as_format_2(bundles / "cloud") | changes
    (bundles / "cloud" / "model.json").write_text(json.dumps(values))
    sealed._write_manifest(bundles / "cloud")
    with pytest.raises(InputError, match=sentence) as refused:
        load_bundle(bundles / "cloud")
    assert "model.json" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["dialect", "max_length", "vocabulary_sha256", "config", "members"])
def test_a_description_of_format_2_that_lacks_a_key_is_refused(bundles, key):
    values = as_format_2(bundles / "cloud")
    del values[key]
    (bundles / "cloud" / "model.json").write_text(json.dumps(values))
    sealed._write_manifest(bundles / "cloud")
    with pytest.raises(InputError, match=rf"the key '(view\.config\.)?{key}' is missing"):
        load_bundle(bundles / "cloud")


def graph_bundle(folder: Path, card) -> None:
    """Save a small model of atoms."""
    config = CGCNN.config(hidden=4, element_embedding=4, atom_hidden=4, layers=1, trunk=())
    save_bundle(
        folder,
        members=[Net(CGCNN.build(config, torch.Generator().manual_seed(1)))],
        architecture="cgcnn",
        view=GraphView.of_encoder(config, "orbit"),
        card=card,
    )


def test_a_model_of_atoms_keeps_no_vocabulary(tmp_path, card):
    graph_bundle(tmp_path / "b", card)
    assert not (tmp_path / "b" / "vocabulary.json").exists()
    described = json.loads((tmp_path / "b" / "model.json").read_text())
    assert described["view"] == {"name": "graph", "config": {"cutoff_a": 8.0, "max_neighbours": 12}}
    assert load_bundle(tmp_path / "b").view.config == GraphConfig()


def test_a_file_that_the_view_has_not_is_refused_even_if_the_manifest_agrees(tmp_path, card):
    graph_bundle(tmp_path / "b", card)
    (tmp_path / "b" / "vocabulary.json").write_text(vocabulary().to_json())
    sealed._write_manifest(tmp_path / "b")
    with pytest.raises(InputError, match=r"vocabulary\.json is no file of the view 'graph'"):
        load_bundle(tmp_path / "b")


def test_a_description_of_format_2_has_no_graph(tmp_path, card):
    graph_bundle(tmp_path / "b", card)
    path = tmp_path / "b" / "model.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "format": 2}))
    sealed._write_manifest(tmp_path / "b")
    with pytest.raises(InputError, match=r"view\.name: .* valid string"):
        load_bundle(tmp_path / "b")
