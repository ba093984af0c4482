"""The views, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stratus.names import pick
from stratus.views.composition import CompositionView
from stratus.views.orbit_set import OrbitSetView
from stratus.views.sequence import SequenceView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.scope.vocabulary import Vocabulary
    from stratus.views.view import View

VIEWS: Final[Mapping[str, type[View]]] = MappingProxyType(
    {
        SequenceView.name: SequenceView,
        OrbitSetView.name: OrbitSetView,
        CompositionView.name: CompositionView,
    }
)


def view(name: str, vocabulary: Vocabulary, max_length: int) -> View:
    """Make a view.

    Args:
        name: ``sequence``, ``orbit-set`` or ``composition``.
        vocabulary: the tokens of the dialect.
        max_length: most rows of the encoder that a crystal may have, [CLS] and [SEP] included.

    Raises:
        stratus.errors.InputError: no such view, or it cannot read this vocabulary.
    """
    return pick(VIEWS, name, "view")(vocabulary, max_length)
