"""The page of runs: parsed as a browser would, without links to elsewhere, pictures inside."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from stratus.benchmarks.forest import FOREST
from stratus.benchmarks.record import BenchmarkRun, run_text
from stratus.benchmarks.report_figures import errors_by_group
from stratus.benchmarks.report_page import report_page
from stratus.benchmarks.running import run_benchmark
from stratus.cli.benchmark_report import Report
from stratus.errors import InputError
from stratus.training.simple_models import BOOSTING, KERNEL_RIDGE

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.images = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("stratus.benchmarks.report_page.pictures", lambda _run: [])


@pytest.fixture(scope="module")
def page(learned_run, class_run):
    return Page(report_page([learned_run, class_run], title="Rutiles <& co>"))


def test_every_tag_is_closed_and_nothing_is_fetched_or_run(page):
    assert not page.open
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "base", "form"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "srcset", "action", "data"):
            value = attributes.get(name) or ""
            assert value.startswith(("data:image/png;base64,", "#")) or not value, value[:50]
    assert "url(" not in page.text
    [policy] = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_links_lead_to_places_on_the_page(page):
    there = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    assert len(links) == 2
    assert all(link.removeprefix("#") in there for link in links)


def test_pictures_are_inside_and_have_words(page):
    assert len(page.images) == 5 + 2  # parity, two groups, calibration, curves; two groups
    for image in page.images:
        head, _, data = image["src"].partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert len(image["alt"]) > 10


def test_every_method_and_its_number_is_there(page, learned_run, class_run):
    for run in (learned_run, class_run):
        for method in run.methods:
            assert method.name in page.text
            assert f"{method.over_folds[run.asked.metric].mean:.4g}" in page.text
            assert f"{method.interval[0]:.4g} to {method.interval[1]:.4g}" in page.text
    assert "not an official set" in page.text
    assert learned_run.data.files["rutiles.csv"] in page.text


def test_runs_on_one_set_have_names_of_their_own(page):
    words = " ".join(page.words)
    assert words.count("table: rutiles, gap") == 3  # link, overview, heading
    assert words.count("table: rutiles, metal") == 3
    assert "orbit-set from scratch" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_the_same_question_twice_is_numbered_and_one_run_is_not(class_run):
    found = Page(report_page([class_run, class_run])).text
    assert "table: rutiles, metal (1)" in found
    assert "table: rutiles, metal (2)" in found
    assert "rutiles, metal" not in Page(report_page([class_run])).text


@pytest.mark.usefixtures("no_pictures")
def test_one_fold_has_no_spread(class_run):
    methods = [
        method.model_copy(update={"folds": dict([*method.folds.items()][:1])})
        for method in class_run.methods
    ]
    data = class_run.data.model_copy(update={"splits": {"0": "a hash"}})
    one = class_run.model_copy(update={"methods": tuple(methods), "data": data})
    assert "±" in Page(report_page([class_run] * 2)).text
    found = Page(report_page([one] * 2)).text
    assert "±" not in found
    assert "1 fold." in found


@pytest.mark.usefixtures("no_pictures")
def test_text_from_outside_is_escaped(learned_run):
    asked = learned_run.asked.model_copy(update={"name": "<script>alert(1)</script>"})
    text = report_page([learned_run.model_copy(update={"asked": asked})])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.usefixtures("no_pictures")
def test_published_rows_stand_only_beside_official_sets(learned_run):
    from stratus.benchmarks.matbench import matbench_task

    published = matbench_task("phonons").published
    other = learned_run.model_copy(update={"published": published})
    assert "CLOUD" not in report_page([other])
    asked = learned_run.asked.model_copy(update={"official": True})
    text = report_page([other.model_copy(update={"asked": asked})])
    assert "CLOUD, published (sees symmetry)" in text
    assert "40.69" in text


def test_groups_hold_all_rows_and_their_mean(learned_run):
    method = learned_run.methods[0]
    for name in ("crystal system", "elements"):
        groups = errors_by_group(learned_run, method, name)
        assert sum(group.rows for group in groups) == 45
        whole = sum(group.rows * group.first for group in groups) / 45
        labels, values = np.array(learned_run.rows.labels), np.array(method.values)
        assert whole == pytest.approx(np.abs(labels - values).mean())


def test_no_run_is_no_page():
    with pytest.raises(InputError, match="there is no run to report"):
        report_page([])


@pytest.mark.usefixtures("no_pictures")
def test_models_that_did_not_learn_from_all_rows_say_so_everywhere(gap_question, monkeypatch):
    monkeypatch.setattr("stratus.training.kernel_ridge.KERNEL_ROWS", 12)
    monkeypatch.setattr("stratus.benchmarks.simple.ROWS_PER_TREE", 20)
    run = BenchmarkRun.model_validate_json(run_text(run_benchmark(gap_question)))
    kernel, forest = (run.method(name).capped for name in (KERNEL_RIDGE, FOREST))
    trained = {fold.name: len(fold.train) for fold in gap_question.folds}
    assert {name: (each.of, each.most) for name, each in kernel.items()} == {
        name: (rows, 12) for name, rows in trained.items()
    }
    assert {(each.of, each.most, each.each) for each in forest.values()} == {(30, 20, "tree")}
    assert not run.method(BOOSTING).capped
    page = Page(report_page([run])).text
    printed = io.StringIO()
    report = Report(quiet=False)
    monkeypatch.setattr(report, "_console", Console(file=printed, width=200))
    report.finish(run, Path("there"))
    for text in (page, printed.getvalue()):
        assert f"{KERNEL_RIDGE} learned from 12 of {trained['0']} rows in folds 0, 1, 2" in text
        assert f"{FOREST} learned, each tree, from 20 of 30 rows in folds 0, 1, 2" in text


@pytest.mark.usefixtures("no_pictures")
def test_a_result_of_before_has_its_own_methods_and_no_caps(learned_run):
    before = learned_run.model_dump(mode="json")
    before["methods"] = [m for m in before["methods"] if m["name"] != BOOSTING]
    before["beside"] = [b for b in before["beside"] if b["method"] != BOOSTING]
    for method in before["methods"]:
        del method["capped"]
        if method["name"] == KERNEL_RIDGE:
            method["name"] = f"{KERNEL_RIDGE} (10000 rows)"
    before |= {"rival": "mean", "beside": []}
    page = Page(report_page([BenchmarkRun.model_validate(before)])).text
    assert f"{KERNEL_RIDGE} (10000 rows)" in page
    assert BOOSTING not in page
