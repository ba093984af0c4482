"""The pages that stratus writes, opened in a headless browser and measured there.

Each page is shown at two widths, in frames of a page that measures them when they have loaded. The
browser has a proxy that does not answer, so nothing can come from elsewhere.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from stratus.benchmarks.record import read_run
from stratus.cli.app import app

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chrome", "chromium-browser")
WIDE, NARROW, TALL = 1200, 420, 6000
SHOWN = ("corundum", "diamond", "rock-salt")
METALS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os")

MEASURE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0; } iframe { border: 0; vertical-align: top; height: %(tall)dpx; }</style>
<iframe src="%(page)s" style="width: %(wide)dpx"></iframe
><iframe src="%(page)s" style="width: %(narrow)dpx"></iframe>
<pre></pre>
<script>
const box = (element) => {
  const at = element.getBoundingClientRect();
  return [at.left, at.top, at.right, at.bottom].map(Math.round);
};
const all = (where, what) => [...where.querySelectorAll(what)].filter((e) => e.checkVisibility());
const measured = (frame) => {
  const page = frame.contentDocument, root = page.documentElement, style = frame.contentWindow;
  const align = (cell) => style.getComputedStyle(cell).textAlign;
  return {
    text: page.body.innerText,
    width: root.clientWidth,
    needs: root.scrollWidth,
    height: page.body.getBoundingClientRect().bottom,
    fetched: style.performance.getEntriesByType("resource").map((entry) => entry.name),
    links: all(page, "nav a").map((a) => [a.innerText, page.querySelector(a.hash) !== null]),
    images: all(page, "img").map((i) => ({ box: box(i), natural: i.naturalWidth, alt: i.alt })),
    drawings: all(page, "svg").map((svg) => ({
      box: box(svg), kind: svg.getAttribute("class"), label: svg.ariaLabel,
      empty: all(svg, "circle, rect, text").filter((e) => !e.getBBox().width).length,
    })),
    tables: all(page, "table").map((t) => ({
      box: box(t), room: box(t.parentElement), rows: t.rows.length,
      columns: [...t.tHead.rows[0].cells].map((head, k) => [
        head.innerText, align(head), ...[...t.tBodies[0].rows].map((row) => align(row.cells[k])),
      ]),
    })),
  };
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measured);
  document.querySelector("pre").textContent = JSON.stringify(found);
});
</script>"""


@dataclass(frozen=True, eq=False, repr=False)
class Seen:
    """A page as the browser showed it."""

    wide: dict
    narrow: dict
    picture: np.ndarray  # [rows, columns] of the wide one, a number for each colour
    complaints: list[str]

    def colours(self, box):
        """How many colours there are in a box of the wide page."""
        left, top, right, bottom = box
        assert 0 <= left < right <= WIDE
        assert 0 <= top < bottom <= TALL, "the page is too long for its picture"
        return len(np.unique(self.picture[top:bottom, left:right]))


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium or Chrome is installed; on Debian: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def look(browser, tmp_path_factory):
    """Open a page; return how it is shown."""

    def seen(page):
        room = tmp_path_factory.mktemp("browser")
        words = {"page": page.as_uri(), "wide": WIDE, "narrow": NARROW, "tall": TALL}
        (room / "measure.html").write_text(MEASURE % words, encoding="utf-8")
        done = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--hide-scrollbars", f"--user-data-dir={room / 'profile'}",
                "--proxy-server=127.0.0.1:9", "--allow-file-access-from-files",
                "--enable-logging=stderr", f"--window-size={WIDE + NARROW},{TALL}",
                "--virtual-time-budget=2000", f"--screenshot={room / 'seen.png'}", "--dump-dom",
                (room / "measure.html").as_uri(),
            ],
            capture_output=True, text=True, check=False, timeout=120, cwd=room,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = re.search(r"<pre>(.+?)</pre>", done.stdout, re.DOTALL)
        assert said, done.stderr
        wide, narrow = json.loads(unescape(said[1]))
        picture = np.rint(imread(room / "seen.png")[:, :WIDE, :3] * 255) @ (1, 256, 65536)
        assert picture.shape == (TALL, WIDE)
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Seen(wide, narrow, picture, complaints)

    return seen


@pytest.fixture(scope="module")
def runs(browser, tmp_path_factory):  # noqa: ARG001 - without a browser there is nothing to do
    """Two runs on one small table, one of them with a model."""
    room = tmp_path_factory.mktemp("runs")
    with (room / "oxides.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "formula", "space_group", "gap", "metal"])
        for k, (a, b) in enumerate((a, b) for a in METALS for b in ("O", "S", "Se")):
            gap = METALS.index(a) / 5 + len(b)
            writer.writerow([f"c{k}", f"{a}{b}2", (136, 225)[k % 2], gap, METALS.index(a) % 2])
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    options = {"model": sizes, "epochs": 2, "batch_size": 8}
    (room / "options.yaml").write_text(json.dumps(options), encoding="utf-8")
    learned = ["--target", "gap:eV", "--config", room / "options.yaml"]
    simple = ["--target", "metal", "--set", "tasks.metal.kind=binary", "--simple-only"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stratus.benchmarks.forest.TREES", 3)
        for name, words in (("learned", learned), ("simple", simple)):
            table = ["benchmark", "table", room / "oxides.csv", "--folds", 2, "-o", room / name]
            done = CliRunner().invoke(app, [*map(str, [*table, *words])])
            assert done.exit_code == 0, done.output
    return room / "learned", room / "simple"


@pytest.fixture(scope="module")
def report(look, runs, tmp_path_factory):
    page = tmp_path_factory.mktemp("report") / "report.html"
    done = CliRunner().invoke(app, ["report", *map(str, runs), "-o", str(page)])
    assert done.exit_code == 0, done.output
    return look(page)


@pytest.fixture(scope="module")
def crystals(look, repo_root, example_cifs, tmp_path_factory):
    room = tmp_path_factory.mktemp("crystals")
    for name in SHOWN:
        shutil.copy(example_cifs / f"{name}.cif", room)
    spec = importlib.util.spec_from_file_location("demo", repo_root / "examples" / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.main(room, room / "demo.html", "bundled")
    return look(room / "demo.html")


def sound(seen):
    """Assert what holds for every page, at both widths."""
    assert not seen.complaints
    for page, width in ((seen.wide, WIDE), (seen.narrow, NARROW)):
        assert page["width"] == width
        assert page["needs"] <= width, "the page itself would have to be scrolled sideways"
        assert page["fetched"] == []
        names = [name for name, _ in page["links"]]
        assert len(set(names)) == len(names), "two links have one name"
        assert all(there for _, there in page["links"])
        assert page["tables"]
        for table in page["tables"]:
            assert table["rows"] > 1
            for head, *aligned in table["columns"]:
                assert len({"left" if a == "start" else a for a in aligned}) == 1, head
    for table in seen.wide["tables"]:
        assert table["box"][2] <= table["room"][2], "a table is cut off on a wide page"


def test_the_report_is_shown_whole_with_its_tables_and_pictures(report, runs):
    sound(report)
    assert len(report.wide["links"]) == 2
    heads = [[head for head, *_ in table["columns"]] for table in report.wide["tables"]]
    assert [each[0] for each in heads] == ["set", *["method"] * 4]
    for run in map(read_run, runs):
        for method in run.methods:
            mean = f"{method.over_folds[run.asked.metric].mean:.4g}"
            for page in (report.wide, report.narrow):
                assert method.name in page["text"]
                assert mean in page["text"]
    assert report.wide["text"].count("not an official set") == 2
    assert "from from" not in report.wide["text"]


def test_the_pictures_of_the_report_are_loaded_and_not_blank(report):
    for page in (report.wide, report.narrow):
        assert len(page["images"]) == 5 + 2
        for image in page["images"]:
            left, top, right, bottom = image["box"]
            assert image["natural"] > 300, image["alt"]
            assert right - left > 250, image["alt"]
            assert bottom - top > 90, image["alt"]
            assert left >= 0, image["alt"]
            assert right <= page["width"], image["alt"]
    for image in report.wide["images"]:
        assert report.colours(image["box"]) > 20, image["alt"]


def test_the_crystals_are_drawn_with_their_words_and_predictions(crystals):
    sound(crystals)
    for page in (crystals.wide, crystals.narrow):
        for words in (*SHOWN, "90% interval", "band_gap", "Wyckoff position", "Na\n4a\nCl\n4b"):
            assert words.replace("\n", " ") in page["text"]
        assert [name for name, _ in page["links"]] == list(SHOWN)
        assert len(page["tables"]) == len(SHOWN)
        cells = [each for each in page["drawings"] if each["kind"] == "cell"]
        bars = [each for each in page["drawings"] if each["kind"] == "bar"]
        assert len(cells) == len(SHOWN)
        assert len(bars) == sum(table["rows"] - 1 for table in page["tables"])
        assert not any(each["empty"] for each in page["drawings"])
        for name, cell in zip(SHOWN, cells, strict=True):
            left, top, right, bottom = cell["box"]
            assert name in cell["label"]
            assert left >= 0
            assert right <= page["width"]
            assert min(right - left, bottom - top) > 90
    for drawing in crystals.wide["drawings"]:
        least = 100 if drawing["kind"] == "cell" else 4  # balls are shaded, bars are not
        assert crystals.colours(drawing["box"]) > least, drawing["label"]


def test_crystals_stand_below_each_other(crystals):
    for page in (crystals.wide, crystals.narrow):
        tops = [table["box"][1] for table in page["tables"]]
        bottoms = [table["box"][3] for table in page["tables"]]
        assert all(low < high for low, (_, high) in zip(bottoms, pairwise(tops), strict=False))


def test_the_browser_would_tell_of_what_is_refused_fetched_or_too_wide(look, tmp_path):
    """Silence means something: here are the faults of which the pages above have none."""
    (tmp_path / "faults.html").write_text(
        '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
        '<p style="width: 2000px">here</p><script>document.body.textContent = "run"</script>'
        '<img src="http://example.invalid/a.png" alt="">',
        encoding="utf-8",
    )
    seen = look(tmp_path / "faults.html")
    assert any("script" in line for line in seen.complaints)
    assert seen.wide["text"].strip() == "here"
    assert seen.wide["fetched"] == ["http://example.invalid/a.png"]
    assert seen.wide["needs"] > WIDE
