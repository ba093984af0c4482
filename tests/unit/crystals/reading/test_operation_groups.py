"""Lists that no space group has are refused; comparing all of their pairs would take minutes."""

from __future__ import annotations

import pytest

from stratus.crystals.reading.operation_groups import group_of_list
from stratus.crystals.reading.refusal import Refusal


def test_translations_of_a_large_cell_are_a_group():
    listed = tuple(f"x+{k}/4,y+{m}/4,z+{n}/4" for k in range(4) for m in range(4) for n in range(4))
    assert group_of_list(listed).added == 0


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (tuple(f"x+{k}/9999,y,z" for k in range(9999)), "translations alone, more than the 256"),
        (tuple(f"x+{k}y,y,z" for k in range(9999)), "form no space group"),
        (tuple(f"x+{k}y,y,z+{m}/24" for k in range(400) for m in range(24)), "form no space group"),
    ],
    ids=["translations", "rotations", "both"],
)
def test_a_list_beyond_all_groups_is_refused_at_once(listed, said):
    with pytest.raises(Refusal, match=said):
        group_of_list(listed)
