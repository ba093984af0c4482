"""Encoders and views from outside of the package."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stratus.encoders.cgcnn import CGCNN
from stratus.encoders.table import ARCHITECTURES, architecture, configure, register
from stratus.errors import InputError
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.testing import Claim, EncoderSuite
from stratus.views.graph import GraphView
from stratus.views.table import VIEWS, register_view, view_class


@pytest.fixture(autouse=True)
def tables_as_before(monkeypatch):
    for table in (ARCHITECTURES, VIEWS):
        monkeypatch.setattr(table, "_found", dict(table._found))


class OtherView(GraphView):
    name = "other-graph"


def test_an_architecture_from_outside_is_found_by_its_name_and_configured():
    register(replace(CGCNN, name="of-a-friend"))
    assert "of-a-friend" in list(ARCHITECTURES)
    assert architecture("of-a-friend").build is CGCNN.build
    assert configure("of-a-friend", "nano").hidden == CGCNN.presets["nano"]["hidden"]


def test_a_name_that_is_taken_is_refused_and_stays_what_it_was():
    with pytest.raises(InputError, match="there is a 'cgcnn' already; choose another name"):
        register(replace(CGCNN, numerics=7))
    assert architecture("cgcnn").numerics == CGCNN.numerics


def test_an_architecture_of_no_view_is_refused_with_the_close_ones():
    with pytest.raises(InputError, match="no view 'grap'; did you mean graph"):
        register(replace(CGCNN, name="of-a-friend", view="grap"))
    assert "of-a-friend" not in ARCHITECTURES


def test_a_view_from_outside_comes_first_and_then_its_encoder():
    register_view(OtherView)
    register(replace(CGCNN, name="of-a-friend", view="other-graph"))
    assert view_class("other-graph") is OtherView
    with pytest.raises(InputError, match="there is a 'other-graph' already"):
        register_view(OtherView)
    assert EncoderSuite("of-a-friend").measure(Claim.BUNDLE).value == 0


def test_a_bundle_of_an_encoder_from_outside_is_loaded_only_where_it_is_registered(
    tmp_path, monkeypatch
):
    kind = replace(CGCNN, name="of-a-friend")
    before = dict(ARCHITECTURES._found)
    register(kind)
    config = configure("of-a-friend", "nano")
    card = Card(
        name="theirs", summary="Fresh.", licence_code="MIT", licence_weights="MIT",
        intended_use="None.", limits="None.",
    )  # fmt: skip
    save_bundle(
        tmp_path / "model",
        members=[Net(kind.build(config)).eval()],
        architecture="of-a-friend",
        view=GraphView.of_encoder(config, "orbit"),
        card=card,
    )
    assert load_bundle(tmp_path / "model").architecture == "of-a-friend"
    monkeypatch.setattr(ARCHITECTURES, "_found", before)
    with pytest.raises(InputError, match=r"model.json: there is no architecture 'of-a-friend'"):
        load_bundle(tmp_path / "model")
