"""Write ``docs/how-to/tutorial.yaml``: every option of fine-tuning with what it means.

python scripts/make_tutorial.py
"""

from __future__ import annotations

from pathlib import Path

from stratus.training.finetune.options import make_finetune_options
from stratus.training.option_layers import commented

PAGE = Path(__file__).resolve().parents[1] / "docs/how-to/tutorial.yaml"
HEAD = """\
# Every option of stratus finetune with its default, for one target of a table. Written by
# scripts/make_tutorial.py; a file of your own needs those lines only that differ:
#
#     stratus finetune TABLE --config tutorial.yaml -o my-model
#
# On the command line `--set NAME=VALUE` sets any of them, `--set tasks.gap.loss=huber` that of a
# target.

"""
TARGETS = ({"column": "gap", "unit": "eV", "minimum": 0},)


def tutorial() -> str:
    """Return the page."""
    return HEAD + commented(make_finetune_options({"tasks": TARGETS}))


if __name__ == "__main__":
    PAGE.write_text(tutorial(), encoding="utf-8")
