"""The form of a submission: written, read back, and refused when something in it is changed."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from stratus.benchmarks.matbench import matbench_task
from stratus.benchmarks.matbench_data import matbench_question
from stratus.benchmarks.official_results import official_results, read_official_results
from stratus.benchmarks.record import read_run
from stratus.benchmarks.run_folder import write_run
from stratus.benchmarks.running import run_benchmark
from stratus.errors import InputError

WHEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def steels(data_dir):
    return run_benchmark(matbench_question(matbench_task("steels"), data_dir))


def test_a_submission_is_read_back_with_every_official_id(steels, tmp_path):
    write_run(steels, tmp_path / "run")
    content = (tmp_path / "run" / "results.json.gz").read_bytes()
    found = read_official_results(content)
    [task] = found["tasks"].values()
    assert found["user_metadata"]["algorithm"] == steels.rival
    assert found["benchmark_name"] == "matbench_v0.1"
    predictions = {}
    for k in range(5):
        fold = task["results"][f"fold_{k}"]
        predictions |= fold["data"]
        assert fold["scores"] == pytest.approx(steels.method(steels.rival).folds[str(k)])
    assert predictions == steels.predictions(steels.rival)
    assert read_run(tmp_path / "run").asked.official


def test_the_mean_is_the_published_dummy(steels):
    found = steels.method("mean").over_folds["mae"]
    [published] = [row for row in steels.published if row.model == "dummy"]
    assert (round(found.mean, 4), round(found.std, 4)) == (published.mean, published.std)


def test_the_hash_is_that_of_the_package(steels):
    """As ``hash_dictionary`` of matbench: keys sorted, JSON, SHA-256."""
    whole = json.loads(gzip.decompress(official_results([steels], "mean", WHEN, {"b": 1, "a": 2})))
    said = whole.pop("hash")
    assert said == hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    assert whole["datestamp"] == "2026.11.21 12:00.00"
    again = official_results([steels], "mean", WHEN, {"a": 2, "b": 1})
    assert again == official_results([steels], "mean", WHEN, {"b": 1, "a": 2})


def changed(content, change):
    whole = json.loads(gzip.decompress(content))
    del whole["hash"]
    change(whole)
    text = json.dumps(whole, sort_keys=True).encode()
    whole["hash"] = hashlib.sha256(text).hexdigest()
    return gzip.compress(json.dumps(whole).encode())


def test_a_changed_submission_is_refused(steels):
    content = official_results([steels], "mean", WHEN, {})
    whole = json.loads(gzip.decompress(content))
    whole["tasks"]["matbench_steels"]["results"]["fold_0"]["data"]["mb-steels-003"] = 0.5
    with pytest.raises(InputError, match="the hash of the results is another"):
        read_official_results(gzip.compress(json.dumps(whole).encode()))

    def fold(whole):
        return whole["tasks"]["matbench_steels"]["results"]["fold_0"]

    def drop(whole):
        fold(whole)["data"].popitem()

    def text(whole):
        first = next(iter(fold(whole)["data"]))
        fold(whole)["data"][first] = "much"

    def score(whole):
        del fold(whole)["scores"]["mape"]

    for change, said in (
        (drop, "not one for each official id"),
        (text, "a prediction that is no number"),
        (score, "has not the scores"),
        (lambda whole: whole.update(extra=1), "and no others"),
    ):
        with pytest.raises(InputError, match=said):
            read_official_results(changed(content, change))
    with pytest.raises(InputError, match="no gzipped JSON"):
        read_official_results(b"text")


def test_what_is_not_official_has_no_submission(learned_run, steels, tmp_path):
    with pytest.raises(InputError, match="rutiles is not an official set"):
        official_results([learned_run], "mean", WHEN, {})
    with pytest.raises(InputError, match="stands twice"):
        official_results([steels, steels], "mean", WHEN, {})
    write_run(learned_run, tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["MANIFEST.json", "run.json"]
    assert np.isfinite(learned_run.methods[0].values).all()
