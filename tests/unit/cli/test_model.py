"""``stratus model``: what a person and a program see of models on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from stratus import models as _models
from stratus.cli.app import app
from stratus.encoders.cgcnn import CGCNN
from stratus.encoders.table import architecture
from stratus.models.bundle import save_bundle
from stratus.models.card import Card, DataSource, Metric
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.views.graph import GraphView
from stratus.views.token_view import token_view as view

BUNDLED = Path(_models.__file__).parent / "bundled"


def stratus(*words: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command."""
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def models(tmp_path) -> Path:
    for name in ("cloud", "orbit-set"):
        kind = architecture(name)
        config = kind.config(vocabulary_size=595, hidden=4, layers=1, heads=2, feed_forward=4)
        card = Card(
            name=f"[red]{name}[/red]\x1b[31m",
            summary="Tiny.",
            data=(DataSource(name="made up", rows=1234, licence="CC0-1.0", origin="here"),),
            licence_code="MIT",
            licence_weights="CC-BY-4.0",
            metrics=(Metric(name="masked accuracy", value=0.123456, split="test", rows=77),),
            intended_use="Tests [not more].",
            limits="All.",
            citation="Nobody 2026",
        )
        save_bundle(
            tmp_path / name,
            members=[Net(kind.build(config, torch.Generator()))],
            architecture=name,
            view=view(architecture(name).view, vocabulary(), 64),
            card=card,
        )
    return tmp_path


def test_list_shows_a_line_for_each_model(models):
    code, said, _ = stratus("model", "list", models)
    assert code == 0
    for word in ("[red]cloud[/red]", "orbit-set", "orbit", "1,234", "CC-BY-4.0"):
        assert word in said


def test_what_a_model_reads_and_how_is_said_in_words(models):
    config = CGCNN.config(
        hidden=4, element_embedding=4, atom_hidden=4, layers=1, trunk=(), max_neighbours=None
    )
    save_bundle(
        models / "cgcnn",
        members=[Net(CGCNN.build(config, torch.Generator()))],
        architecture="cgcnn",
        view=GraphView.of_encoder(config, "orbit"),
        card=Card(
            name="atoms", summary="Tiny.", data=(), licence_code="MIT", licence_weights="MIT",
            intended_use="Tests.", limits="All.",
        ),
    )  # fmt: skip
    digest = vocabulary().sha256[:12]
    expected = {
        "cloud": (
            "the SCOPE string of a crystal",
            f"sequence: dialect orbit, max length 64, vocabulary {digest}",
        ),
        "cgcnn": ("species and places of its atoms", "graph: cutoff 8 Å, max neighbours all"),
    }
    listed = stratus("model", "list", models)[1]
    for name, (reads, view_words) in expected.items():
        code, said, _ = stratus("model", "info", models / name)
        assert code == 0
        assert reads in said
        assert view_words in said
        assert f"view: {view_words}" in listed


def test_list_looks_in_the_current_folder(models, monkeypatch):
    monkeypatch.chdir(models)
    code, said, _ = stratus("model", "list")
    assert code == 0
    assert "orbit-set" in said


def test_list_says_what_is_broken(models):
    (models / "cloud" / "model.json").write_text("{")
    code, said, _ = stratus("model", "list", models)
    assert code == 0
    assert "broken" in said
    assert "model.json is no JSON" in said
    assert "CC-BY-4.0" in said


def test_list_as_json_can_be_read(models):
    code, said, _ = stratus("model", "list", models, "--json")
    rows = json.loads(said)
    assert code == 0
    assert [row["architecture"] for row in rows] == ["cloud", "orbit-set"]
    assert all(row["parameters"] > 2000 for row in rows)
    assert [row["view"] for row in rows] == ["sequence", "orbit-set"]
    assert all(row["view_config"]["max_length"] == 64 for row in rows)


def test_list_of_nothing_says_so(tmp_path):
    code, said, _ = stratus("model", "list", tmp_path)
    assert (code, said) == (0, f"no models in {tmp_path}\n")


def test_info_shows_the_card_the_sizes_and_that_it_was_checked(models):
    code, said, _ = stratus("model", "info", models / "cloud")
    assert code == 0
    for word in (
        "Tiny.", "made up", "1,234", "CC0-1.0", "CC-BY-4.0", "masked accuracy", "0.1235", "77",
        "Tests [not more].", "Nobody 2026", "weights.safetensors", "hidden 4",
        "verified: all 4 files are unchanged",
    ):  # fmt: skip
        assert word in said, word


def test_text_of_a_card_can_not_colour_or_control_the_terminal(models):
    for verb in ("list", "info"):
        said = stratus("model", verb, models / "cloud")[1]
        assert "[red]cloud[/red]" in said
        assert "\x1b[31m" not in said


def test_info_as_json_can_be_read(models):
    code, said, _ = stratus("model", "info", models / "cloud", "--json")
    values = json.loads(said)
    assert code == 0
    assert values["architecture"] == "cloud"
    assert (values["facet"], values["view"]) == ("scope", "sequence")
    assert values["view_config"]["dialect"] == "orbit"
    assert values["card"]["metrics"][0]["value"] == 0.123456
    assert values["files"]["model.json"]["bytes"] == (models / "cloud/model.json").stat().st_size


def test_info_of_a_changed_bundle_is_one_sentence_and_exit_code_2(models):
    with (models / "cloud" / "card.yaml").open("a") as file:
        file.write("# more\n")
    code, said, error = stratus("model", "info", models / "cloud")
    assert (code, said) == (2, "")
    assert error.startswith("Error: ")
    assert "card.yaml has changed" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("verb", ["info", "list"])
def test_a_folder_that_is_not_there_is_exit_code_2(verb, tmp_path):
    code, _, error = stratus("model", verb, tmp_path / "nothing")
    assert code == 2
    assert "nothing" in error


def test_at_80_columns_nothing_is_cut_and_a_digest_stands_once(monkeypatch):
    """In the metrics of the weights in the package the digest of their split stood 63 times."""
    monkeypatch.chdir(BUNDLED.parent)  # a path is printed whole, however long it is
    for words in (("model", "info", "bundled"), ("model", "list")):
        said = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "80"}).stdout
        assert max(map(len, said.splitlines())) <= 80
        assert "…" not in said
    said = CliRunner().invoke(app, ["model", "info", "bundled"], env={"COLUMNS": "80"}).stdout
    values = json.loads(CliRunner().invoke(app, ["model", "info", "bundled", "--json"]).stdout)
    digests = [file["sha256"] for file in values["files"].values()]
    digests += {metric["split"].split(" ")[-1] for metric in values["card"]["metrics"]}
    assert [said.count(digest) for digest in digests] == [1] * len(digests)
    for metric in values["card"]["metrics"]:
        assert f"{metric['value']:.4g}" in said
