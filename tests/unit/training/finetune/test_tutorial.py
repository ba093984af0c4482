"""The file with every option of fine-tuning is what the code says, and is options."""

from __future__ import annotations

import re

import pytest

from stratus.tasks.task import Task
from stratus.training.finetune.options import FinetuneOptions, make_finetune_options
from stratus.training.option_layers import commented, read_options


@pytest.fixture
def page(repo_root):
    return repo_root / "docs/how-to/tutorial.yaml"


def test_the_tutorial_is_current(page):
    options = make_finetune_options({"tasks": [{"column": "gap", "unit": "eV", "minimum": 0}]})
    head, _, body = page.read_text(encoding="utf-8").partition("\n\n")
    assert body == commented(options), "run python scripts/make_tutorial.py"
    assert head.startswith("# Every option")
    names = set(re.findall(r"^(\w+):", body, re.MULTILINE))
    assert names == set(FinetuneOptions.model_fields)
    assert all(f" {name}: " in body or f" {name}:\n" in body for name in Task.model_fields)


def test_the_tutorial_is_options(page):
    options = make_finetune_options(read_options(page))
    assert options == make_finetune_options(options.model_dump(mode="json"))
    assert options.model_copy(update={"tasks": ()}) == FinetuneOptions()
    assert options.tasks[0].minimum == 0.0
