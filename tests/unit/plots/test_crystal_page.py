from __future__ import annotations

import re
from html.parser import HTMLParser
from math import inf, nan

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.crystal_page import (
    ROLES,
    CrystalCard,
    RejectCard,
    crystal_page,
    write_page,
)
from stratus.plots.curve_picture import TemperatureCurve
from stratus.plots.interval_bar import Predicted, common_ranges, interval_bar, rounded
from stratus.scope.vocabulary import Role

EVIL = "<script>alert('\"&')</script>"
VOID = {"meta", "circle", "path", "rect", "stop", "br"}


class Reader(HTMLParser):
    """Holds that every element is closed in order, and collects what a test looks at."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags, self.ids, self.links = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert not [name for name in given if name.startswith("on")]
        if "id" in given:
            self.ids.append(given["id"])
        self.links += [given[k] for k in ("href", "src", "xlink:href", "data") if k in given]
        self.links += re.findall(r"url\((.*?)\)", " ".join(v or "" for v in given.values()))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def parsed(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def card(name="rock-salt", **changes):
    given = {
        "name": name,
        "formula": "NaCl",
        "space_group": "225 Fm-3m",
        "lattice": np.eye(3) * 5.6,
        "symbols": ["Na", "Cl"],
        "positions": [[0, 0, 0], [0.5, 0.5, 0.5]],
        "words": [("i1", "inversion"), ("|", "separator"), ("Na", "element"), ("4a", "wyckoff")],
        "predictions": [Predicted("band gap", "eV", 5.123, 0.31, 4.4, 5.9)],
    }
    return CrystalCard(**{**given, **changes})


def test_the_page_shows_what_it_was_given():
    page = crystal_page(
        [card(), card("corundum", formula="Al2O3", space_group="194 P6_3/mmc", note="a warning")],
        title="My crystals", lead="By a model.", level=0.9,
        rejects=[RejectCard("alloy", "is mixed", "partial-occupancy", "alloy.cif")],
    )  # fmt: skip
    found = parsed(page)
    text = " ".join(" ".join(found.text).split())
    for said in (
        "My crystals", "By a model.", "rock-salt", "NaCl , space group 225 Fm-3m", "a warning",
        "band gap", "5.12", "eV", "0.31", "4.40 to 5.90", "90% interval", "i1 | Na 4a", "alloy",
        "is mixed", "partial-occupancy", "alloy.cif",
    ):  # fmt: skip
        assert said.replace(" ", "") in text.replace(" ", ""), said
    assert "Al<sub>2</sub>O<sub>3</sub>" in page
    assert "P6<sub>3</sub>/mmc" in page
    assert found.tags.count("article") == 3
    assert page.startswith("<!doctype html>")


def test_nothing_is_fetched_and_nothing_runs():
    found = parsed(crystal_page([card(), card()], title="t"))
    assert found.links
    assert all(link.startswith("#") for link in found.links)
    assert not {"script", "link", "iframe", "img", "object", "use", "base"} & set(found.tags)
    page = crystal_page([card()], title="t")
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_links_lead_to_ids_that_stand_once():
    found = parsed(crystal_page([card(), card(), card("diamond")], title="t"))
    assert len(set(found.ids)) == len(found.ids)
    assert {link[1:] for link in found.links} <= set(found.ids)


def test_every_text_is_escaped():
    evil = card(
        EVIL, formula=EVIL, space_group=EVIL, symbols=[EVIL, EVIL], words=[(EVIL, EVIL)],
        predictions=[Predicted(EVIL, EVIL, 1.0, 0.1, 0.9, 1.1)], note=EVIL,
        curves=[TemperatureCurve(EVIL, EVIL, [0, 300], [0, 20])],
    )  # fmt: skip
    rejects = [RejectCard(EVIL, EVIL, EVIL, EVIL)]
    page = crystal_page([evil, evil], title=EVIL, lead=EVIL, rejects=rejects)
    found = parsed(page)
    assert "script" not in found.tags
    assert "<script" not in page
    assert sum(EVIL in text for text in found.text) >= 10


def test_words_are_coloured_by_role_and_only_these_are_explained():
    page = crystal_page([card()], title="t")
    assert '<span class="w w-wyckoff">4a</span>' in page
    [key] = re.findall(r'<ul class="key".*?</ul>', page)
    assert ROLES["wyckoff"] in key
    assert ROLES["origin"] not in key
    assert '<span class="w w-other">x</span>' in crystal_page(
        [card(words=[("x", "nonsense")])], title="t"
    )


def test_every_role_of_the_vocabulary_is_explained_or_plain():
    assert {role.value for role in Role} - set(ROLES) == {"separator", "shared"}


def test_a_crystal_without_structure_or_predictions_has_a_place():
    text = " ".join(parsed(crystal_page([card(lattice=None, predictions=[])], title="t")).text)
    assert "No structure is known." in text
    assert "Nothing is predicted." in text
    many = card(symbols=["H"] * 2000, positions=np.zeros((2000, 3)))
    assert "too many for a picture" in crystal_page([many], title="t")


def test_a_crystal_that_can_not_be_drawn_is_named():
    with pytest.raises(InputError, match="crystal 'flat': the lattice has no volume"):
        crystal_page([card("flat", lattice=np.zeros((3, 3)))], title="t")


def test_the_page_stays_small():
    rng = np.random.default_rng(0)
    crowded = card(symbols=["O"] * 160, positions=rng.random((160, 3)))
    assert len(crystal_page([crowded] * 16, title="t").encode()) < 1_000_000


@pytest.mark.parametrize(
    ("found", "texts"),
    [
        (Predicted("x", "", 5.1234, 0.312, 4.412, 5.888), ("5.12", "0.31", "4.41 to 5.89")),
        (Predicted("x", "", 512.34, 31.2, 441.2, 588.8), ("512", "31", "441 to 589")),
        (Predicted("x", "", 0.012345, 0.0012, nan, nan), ("0.0123", "0.0012", "–")),
        (Predicted("x", "", 5.1234, 0.0, 4.5, 5.5), ("5.12", "0.00", "4.50 to 5.50")),
        (Predicted("x", "", 5.1234), ("5.123", "–", "–")),
        (Predicted("x", "", -0.001, 0.1, -1, inf), ("0.00", "0.10", "−1.00 to ∞")),
        (Predicted("x", "", 1, 0.1, -inf, inf), ("1.00", "0.10", "−∞ to ∞")),
        (Predicted("x", "", 1, 0.1, 0.5, nan), ("1.00", "0.10", "–")),
        (Predicted("x", "", -1.5, 0.5), ("−1.50", "0.50", "–")),
        (Predicted("x", "", 0.0), ("0.00", "–", "–")),
        (Predicted("x", "", nan), ("–", "–", "–")),
    ],
)
def test_a_number_has_the_digits_that_its_uncertainty_leaves(found, texts):
    assert rounded(found) == texts


def test_the_interval_says_the_digits_and_a_small_spread_keeps_its_own():
    members_agree = Predicted("cv", "J/mol/K", 24.61987, 0.0037, 24.1115, 25.1283)
    assert rounded(members_agree) == ("24.62", "0.0037", "24.11 to 25.13")


def test_bars_of_one_property_share_a_scale():
    one = Predicted("gap", "eV", 2, low=1, high=3)
    two = Predicted("gap", "eV", 5)
    other = Predicted("gap", "meV", 900, low=nan, high=nan)
    ranges = common_ranges([one, two, other])
    assert ranges == {("gap", "eV"): (1, 5), ("gap", "meV"): (900, 900)}
    bar, dot = interval_bar(one, ranges["gap", "eV"]), interval_bar(two, ranges["gap", "eV"])
    assert 'x="6.0"' in bar
    assert 'width="69.0"' in bar  # half of 150 less the margins
    assert 'cx="144.0"' in dot
    assert "<rect" not in dot
    assert 'aria-label="gap 2.0 eV, 1.0 to 3.0"' in bar
    assert 'cx="75.0"' in interval_bar(other, ranges["gap", "meV"])
    assert not interval_bar(Predicted("gap", "eV", nan), (0, 1))
    assert "<rect" not in interval_bar(Predicted("gap", "eV", 2, low=1, high=inf), (1, 5))


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    write_page("<p>é</p>", tmp_path / "p.html")
    assert [p.name for p in tmp_path.iterdir()] == ["p.html"]
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == "<p>é</p>"
    with pytest.raises(InputError, match="a folder that is there"):
        write_page("", tmp_path / "no" / "p.html")
