"""The views, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.names import Deferred, pick

if TYPE_CHECKING:
    from stratus.views.view import View

VIEWS: Final[Deferred[type[View]]] = Deferred(
    {
        "sequence": "stratus.views.sequence:SequenceView",
        "orbit-set": "stratus.views.orbit_set:OrbitSetView",
        "composition": "stratus.views.composition:CompositionView",
        "cloud-of-atoms": "stratus.views.cloud_of_atoms:CloudOfAtomsView",
        "graph": "stratus.views.graph:GraphView",
    }
)

VIEW_FILES: Final = ("vocabulary.json",)
"""Files that views keep in a bundle, by name."""


def view_class(name: str) -> type[View]:
    """Return the class of a view.

    Raises:
        stratus.errors.InputError: no such view; the message gives the close names.
    """
    return pick(VIEWS, name, "view")


def register_view(view: type[View]) -> None:
    """Add a view from outside of the package to the table, for this process.

    Args:
        view: its class. What a bundle keeps of it is its config; it has no files of its own.

    Raises:
        stratus.errors.InputError: the name is taken.
    """
    VIEWS.add(view.name, view)
