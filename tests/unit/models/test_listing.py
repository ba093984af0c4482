"""A list of models tells what each is, and which is broken, without reading a weight."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stratus.errors import InputError
from stratus.models.bundle import load_bundle
from stratus.models.listing import list_bundles


def test_bundles_are_found_below_a_folder_by_path(bundles):
    (bundles / "deep" / "er").mkdir(parents=True)
    (bundles / "cloud").rename(bundles / "deep" / "er" / "cloud")
    found = list_bundles(bundles.parent)
    assert [one.path.relative_to(bundles).as_posix() for one in found] == [
        "deep/er/cloud",
        "orbit-set",
    ]
    for one in found:
        model = load_bundle(one.path)
        assert one.problem == ""
        assert one.parameters == model.parameters
        assert (one.name, one.architecture, one.view) == (
            "tiny",
            model.architecture,
            model.view.name,
        )
        assert one.view_config == model.view.config.model_dump()
        assert (one.rows, one.licence) == (1234, "CC-BY-4.0")


def test_a_bundle_itself_is_listed(bundles):
    assert len(list_bundles(bundles / "cloud")) == 1


def test_drafts_and_folders_that_are_no_bundles_are_passed_over(bundles):
    (bundles / "cloud").rename(bundles / ".cloud.part-1")
    (bundles / "orbit-set" / "MANIFEST.json").unlink()
    assert list_bundles(bundles) == []


@pytest.mark.parametrize("name", ["model.json", "card.yaml", "weights.safetensors"])
def test_a_broken_bundle_is_listed_with_what_is_wrong(bundles, name):
    (bundles / "cloud" / name).write_text("{")
    broken, whole = list_bundles(bundles)
    assert name in broken.problem
    assert whole.problem == ""


def test_what_is_no_folder_is_refused(bundles):
    with pytest.raises(InputError, match="is no folder"):
        list_bundles(bundles / "nothing")


def test_a_list_is_made_without_torch():
    code = "import sys, stratus.models.listing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
