"""What no encoder serves yet is refused where the run is set up, by a sentence that names both."""

from __future__ import annotations

import pytest

from stratus.errors import InputError
from stratus.tasks.task import make_task
from stratus.training.finetune.run import finetune
from stratus.training.finetune.served import check_served

GRADIENT = {"by": {"of": "energy", "to": "positions"}, "of": "atom", "shape": (3,)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (GRADIENT, "it is a gradient by positions, and this encoder sees no positions"),
        ({"of": "atom"}, "each atom has a label"),
        ({"shape": (3, 3)}, "a label has the shape [3, 3]"),
        ({"references": "elements"}, "references of elements are not fitted yet"),
    ],
)
def test_a_task_without_a_head_is_refused(settings, said):
    with pytest.raises(InputError) as refused:
        check_served(
            [make_task({"column": "gap"}), make_task({"column": "f", **settings})], "roost"
        )
    assert str(refused.value).startswith("f cannot be learned by the encoder roost: ")
    assert said in str(refused.value)


def test_a_run_refuses_it_before_any_work(made, fold, quick):
    task = make_task({"column": "gap", "of": "atom"})
    with pytest.raises(InputError, match="gap cannot be learned by the encoder orbit-set"):
        finetune(made, [fold], [task], quick())
