"""What may be set for a pre-training run: one grammar for Python, YAML and the command line."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import yaml
from pydantic import Field, model_validator

from stratus.crystals.facets import Facet
from stratus.encoders.encoding import Gives
from stratus.encoders.table import (
    ARCHITECTURES,
    DEFAULT_ATOMS_ENCODER,
    DEFAULT_ENCODER,
    DEFAULT_PRESET,
    architecture,
    default_preset,
)
from stratus.errors import InputError, ResumeError
from stratus.heads.denoising import DENOISING
from stratus.heads.masked_tokens import MASKED_TOKENS
from stratus.names import pick
from stratus.objectives.denoising import DenoisingOptions
from stratus.objectives.masked_tokens import MaskingOptions
from stratus.training.fit_options import FREE, FitOptions
from stratus.training.mixture import MixtureOptions
from stratus.training.option_layers import from_layers
from stratus.views.table import view_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.encoders.architecture import Architecture

PEAK_RATES: Final[Mapping[str, float]] = MappingProxyType(
    {"nano": 1e-3, "small": 5e-4, "base": 1e-4}
)
"""Peak learning rates by preset; that of ``base`` is the paper's."""


class PretrainOptions(FitOptions):
    """How an encoder is pre-trained."""

    objective: Literal["masked-tokens", "denoising"] = Field(
        MASKED_TOKENS, description="What is learned: masked-tokens of strings, denoising of atoms."
    )
    encoder: str = Field(
        DEFAULT_ENCODER,
        description=f"Architecture; of denoising {DEFAULT_ATOMS_ENCODER}, where none is named.",
    )
    preset: str = Field(
        DEFAULT_PRESET, description="Its sizes: nano, small or base; by the encoder if not named."
    )
    model: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Values of its config that differ from the preset."
    )
    epochs: int = Field(50, ge=1, description="Times that each crystal is seen.")
    batch_size: int = Field(
        256, ge=1, description="Crystals in a step on average, over all devices."
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak; by default 1e-3 (nano), 5e-4 (small), 1e-4 (base)."
    )
    betas: tuple[float, float] = Field((0.9, 0.98), description="AdamW's two averaging factors.")
    seed: int = Field(0, ge=0, description="Decides weights, order, masks and dropout.")
    masking: MaskingOptions = Field(default_factory=MaskingOptions, description="What is masked.")
    denoising: DenoisingOptions = Field(
        default_factory=DenoisingOptions, description="How far atoms are displaced."
    )
    mixture: MixtureOptions = Field(
        default_factory=MixtureOptions, description="How much of an epoch each table has."
    )
    fractions: tuple[float, float, float] = Field(
        (0.9, 0.05, 0.05), description="Shares of train, validation and test."
    )
    salt: str = Field("", description="Another text gives another split.")

    @model_validator(mode="before")
    @classmethod
    def _atoms_have_an_encoder_of_their_own(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("objective") == DENOISING:
            encoder = values.get("encoder") or DEFAULT_ATOMS_ENCODER
            preset = values.get("preset") or default_preset(encoder)
            return {**values, "encoder": encoder, "preset": preset}
        return values

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        kind = architecture(self.encoder)
        if not learns(kind, self.objective):
            able = [k.name for k in ARCHITECTURES.values() if learns(k, self.objective)]
            of_tokens = "on masked tokens, since its rows are not words"
            how = of_tokens if self.objective == MASKED_TOKENS else "by denoising: it sees no atoms"
            raise ValueError(
                f"encoder {self.encoder} cannot be pre-trained {how}; choose {' or '.join(able)}"
            )
        pick(kind.presets, self.preset, f"preset of {self.encoder}")
        return self

    @model_validator(mode="after")
    def _what_is_set_is_of_the_objective(self) -> Self:
        if self.objective == DENOISING:
            of_tokens = {
                "masking": self.masking != MaskingOptions(),
                "mixture": self.mixture.is_set,
                "train_share": self.train_shares != (1.0,),
            }
            if wrong := [name for name, is_set in of_tokens.items() if is_set]:
                raise ValueError(f"{wrong[0]} is of masked tokens; leave it out for denoising")
        elif self.denoising != DenoisingOptions():
            raise ValueError("denoising displaces atoms; give --objective denoising, or leave it")
        return self

    @model_validator(mode="after")
    def _no_split_is_left_out(self) -> Self:
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-9:
            raise ValueError(
                f"fractions {self.fractions} cannot be used: give three shares above 0 that add "
                "up to 1, because training, validation and test each need crystals"
            )
        return self

    @model_validator(mode="after")
    def _shares_are_of_one_table(self) -> Self:
        if self.mixture.is_set and self.train_shares != (1.0,):
            raise ValueError(
                "train_share takes rows of all tables alike, and mixture gives each table its own "
                "share; leave one of them out"
            )
        return self

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of train, validation and test; of ``fractions``, unless ``validation_share``."""
        if self.validation_share is None:
            return self.fractions
        rest = 1 - self.fractions[2]
        validation = rest * self.validation_share
        return rest - validation, validation, self.fractions[2]

    @property
    def peak_rate(self) -> float:
        """The peak learning rate: the option's, or that of the preset."""
        return self.learning_rate or PEAK_RATES.get(self.preset, PEAK_RATES["base"])


def require_objective(options: PretrainOptions, name: str) -> None:
    """Refuse options of another objective.

    Raises:
        stratus.errors.InputError: they are of another.
    """
    if options.objective != name:
        raise InputError(f"this learns by {name}, but the options have {options.objective}")


def learns(kind: Architecture, objective: str) -> bool:
    """Return whether an architecture can be pre-trained by an objective."""
    if objective == MASKED_TOKENS:
        return Gives.TOKENS in kind.gives
    return view_class(kind.view).facet is Facet.ATOMS


def make_options(*layers: Mapping[str, Any]) -> PretrainOptions:
    """Make options from layers of plain values, of which later ones win.

    Args:
        layers: nested plain values, such as those of a file, then those of the command line.

    Raises:
        InputError: an unknown name (with the close ones), or a value that cannot be.
    """
    return from_layers(PretrainOptions, *layers)


def write_options(options: PretrainOptions) -> str:
    """Return options as YAML; :func:`stratus.training.option_layers.read_options` reads it."""
    text: str = yaml.safe_dump(options.model_dump(mode="json"), sort_keys=False)
    return text


def check_same(before: PretrainOptions, now: PretrainOptions) -> None:
    """Refuse to go on with options that would give another result.

    Raises:
        ResumeError: the text names the first option that differs.
    """
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    for name in old:
        if name not in FREE and old[name] != new[name]:
            raise ResumeError(
                f"the run was begun with {name} = {old[name]}, now it is {new[name]}: that would "
                "give another result; resume with the old value or begin a new run"
            )
