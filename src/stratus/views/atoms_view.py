"""What views of atoms have in common: their config is all they keep, and they read no strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from pydantic import BaseModel

from stratus.crystals.facets import Facet, ReadFacet
from stratus.errors import InputError
from stratus.views.keys import CENTRES, NUMBERS
from stratus.views.stored_config import stored_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.views.collate import FlatSample

Config = TypeVar("Config", bound=BaseModel)


class AtomsView(Generic[Config]):
    """The part of a view of atoms that is the same for all of them.

    Args:
        config: its config; the defaults if None.
    """

    facet: ClassVar[Facet] = Facet.ATOMS
    config_kind: ClassVar[type[BaseModel]]

    def __init__(self, config: Config | None = None) -> None:
        self._config: Any = config or self.config_kind()

    @classmethod
    def of_encoder(cls, config: BaseModel, strings: str) -> Self:  # noqa: ARG003 - it reads none
        """Return the view that an encoder of a config reads; see :class:`View`."""
        values: Any = cls.config_kind.model_validate(shared_values(config, cls.config_kind))
        return cls(values)

    @classmethod
    def stored(cls, config: Mapping[str, Any], files: Mapping[str, str]) -> Self:  # noqa: ARG003 - it keeps none
        """Return a view that a bundle holds; see :class:`View`."""
        values: Any = stored_config(cls.config_kind, config)
        return cls(values)

    @classmethod
    def encoder_values(cls, strings: str) -> Mapping[str, object]:  # noqa: ARG003 - it reads none
        """Return nothing: atoms ask for no value of an encoder."""
        return {}

    @property
    def config(self) -> Config:
        """What a bundle keeps of it."""
        config: Config = self._config
        return config

    @property
    def reads(self) -> ReadFacet:
        """The atoms of a crystal."""
        return ReadFacet(self.facet, None)

    def files(self) -> Mapping[str, str]:
        """Return nothing: the config is all of it."""
        return {}

    def check_encoder(self, config: BaseModel) -> None:
        """Refuse an encoder whose values of the view are others; see :class:`View`."""
        ours = self.config.model_dump()
        for name, theirs in shared_values(config, self.config_kind).items():
            if ours[name] != theirs:
                raise InputError(f"the view has {name} {ours[name]}, but the encoder {theirs}")


def shared_values(config: BaseModel, of_view: type[BaseModel]) -> dict[str, Any]:
    """Return what the config of an encoder says of its view.

    Args:
        config: of the encoder.
        of_view: the config of the view.
    """
    return {name: getattr(config, name) for name in of_view.model_fields if hasattr(config, name)}


def alone_note(sample: FlatSample, cutoff_a: float) -> tuple[str, ...]:
    """Say how many atoms have no neighbour, if any."""
    atoms = len(sample[NUMBERS])
    alone = atoms - len(np.unique(sample[CENTRES]))
    if not alone:
        return ()
    who = f"{alone} of {atoms} atoms have" if atoms > 1 else "its one atom has"
    return (f"{who} no neighbour within {cutoff_a:g} Å",)
