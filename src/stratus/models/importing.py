"""Published checkpoints, Hugging Face folders of a BERT, become bundles.

Source of the layout: transformers' ``BertModel`` and ``BertForMaskedLM``, as the published CLOUD
weights have it. Nothing of the folder is run, and whatever is not taken over is reported by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from stratus.corpora.cards.card import DataSource
from stratus.corpora.documents import read_json, validated
from stratus.encoders.cloud import Cloud, CloudConfig, from_bert
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.heads.masked_tokens import MaskedTokenHead, MaskedTokenHeadConfig, from_bert_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.models.published_tokenizer import read_tokenizer
from stratus.models.skeleton import check_bounds
from stratus.scope.dialects import Dialect
from stratus.views.sequence import SequenceView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.heads.head import Head

WEIGHT_FILES: Final = ("model.safetensors", "pytorch_model.bin")

_SIZES: Final = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feed_forward": "intermediate_size",
    "max_length": "max_position_embeddings",
    "dropout": "hidden_dropout_prob",
    "layer_norm_eps": "layer_norm_eps",
}
_ONLY: Final[dict[str, tuple[object, object]]] = {  # (what we have, what an absent key means)
    "model_type": ("bert", None),
    "hidden_act": ("gelu", None),
    "position_embedding_type": ("absolute", "absolute"),
    "is_decoder": (False, False),
    "add_cross_attention": (False, False),
    "tie_word_embeddings": (True, True),
}
_ROWS: Final = (  # the tensors with one row a token
    "embeddings.word_embeddings.weight",
    "cls.predictions.decoder.weight",
    "cls.predictions.decoder.bias",
    "cls.predictions.bias",
)
_UNKNOWN: Final = "not stated in the published folder"


@dataclass(frozen=True)
class Imported:
    """What became of a published folder.

    Attributes:
        bundle: where the bundle is.
        tokens: words of the tokenizer.
        rows_left_out: rows of the published embedding that stand for no token.
        heads: names of the heads that were taken over.
        not_used: names of the published tensors that were not.
        notes: whatever else a person should know, one sentence each.
    """

    bundle: Path
    tokens: int
    rows_left_out: int
    heads: tuple[str, ...]
    not_used: tuple[str, ...]
    notes: tuple[str, ...]


def import_published(
    folder: str | Path,
    bundle: str | Path,
    *,
    name: str | None = None,
    licence: str | None = None,
) -> Imported:
    """Turn published weights of a BERT on ``paper`` strings into a bundle.

    Args:
        folder: with ``config.json``, ``model.safetensors`` or ``pytorch_model.bin``, and the
            files of the tokenizer.
        bundle: the folder to write; it must not be there yet.
        name: name of the model; that of the folder by default.
        licence: licence of the weights, if you know it.

    Raises:
        stratus.errors.InputError: a file, tensor or token is missing or damaged, or the model
            does something that is not done here; the message names it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the folder that holds config.json")
    words = read_tokenizer(folder)
    path = _weights_path(folder)
    tensors, notes = _in_float32(_read_tensors(path))
    settings = _settings(folder / "config.json")
    tensors, left_out = _without_spare_rows(tensors, len(words), settings["vocab_size"], path)
    config = _config(settings, len(words), folder / "config.json")
    weights, not_encoder = from_bert(tensors, config)
    encoder = Cloud(config, torch.Generator())
    encoder.load_state_dict(weights)
    heads: dict[str, Head] = {}
    not_used = set(not_encoder)
    if any(tensor.startswith("cls.predictions.") for tensor in tensors):
        heads["masked"], not_head = _masked_head(tensors, config)
        not_used &= set(not_head)
    if settings.get("attention_probs_dropout_prob", config.dropout) != config.dropout:
        notes.append(
            f"attention dropout was {settings['attention_probs_dropout_prob']} in training; this "
            f"encoder has one dropout, {config.dropout}, which only matters if it is trained on"
        )
    save_bundle(
        bundle,
        members=[Net(encoder, heads)],
        architecture="cloud",
        view=SequenceView(words, config.max_length, Dialect.PAPER),
        card=_card(name or folder.resolve().name, licence, path, config),
    )
    return Imported(
        Path(bundle), len(words), left_out, tuple(heads), tuple(sorted(not_used)), tuple(notes)
    )


def _masked_head(
    tensors: Mapping[str, Tensor], config: CloudConfig
) -> tuple[MaskedTokenHead, list[str]]:
    sizes = MaskedTokenHeadConfig(
        hidden=config.hidden,
        vocabulary_size=config.vocabulary_size,
        layer_norm_eps=config.layer_norm_eps,
    )
    weights, not_used = from_bert_head(tensors, sizes)
    head = MaskedTokenHead(
        sizes.hidden,
        sizes.vocabulary_size,
        layer_norm_eps=sizes.layer_norm_eps,
        generator=torch.Generator(),
    )
    head.load_state_dict(weights)
    return head, not_used


def _weights_path(folder: Path) -> Path:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} has no weights: neither {' nor '.join(WEIGHT_FILES)}")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} is no safetensors file that can be read: {error}") from None
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged file can raise anything
        reason = str(error).split("\n", maxsplit=1)[0]
        raise InputError(
            f"{path} cannot be read as plain tensors, and nothing else is read from it: {reason}"
        ) from None
    if not isinstance(tensors, dict):
        raise InputError(f"{path} holds no table of tensors")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path} holds {name!r}, which is no tensor with a name")
    return dict(tensors)


def _in_float32(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    kinds = {t.dtype for t in tensors.values() if t.is_floating_point()} - {torch.float32}
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    notes = [f"weights in {names} were converted to float32"] if kinds else []
    return {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, notes


def _settings(path: Path) -> dict[str, Any]:
    settings = read_json(path)
    if not isinstance(settings, dict):
        raise InputError(f"{path} holds no table of settings")
    for key, (ours, absent) in _ONLY.items():
        found = settings.get(key, absent)
        if found != ours:
            raise InputError(f"{path}: {key} is {found!r}; only {ours!r} can be imported")
    for key in (*_SIZES.values(), "vocab_size"):
        if key not in settings:
            raise InputError(f"{path} has no {key}")
    return settings


def _config(settings: Mapping[str, Any], tokens: int, path: Path) -> CloudConfig:
    sizes = {ours: settings[theirs] for ours, theirs in _SIZES.items()}
    config = validated(CloudConfig, {**sizes, "vocabulary_size": tokens}, path)
    check_bounds(config, path)
    return config


def _without_spare_rows(
    tensors: Mapping[str, Tensor], tokens: int, vocab_size: object, path: Path
) -> tuple[dict[str, Tensor], int]:
    """Keep only the rows that belong to a token, wherever there is a row for each."""
    kept = dict(tensors)
    left_out = 0
    for name, tensor in tensors.items():
        if name.removeprefix("bert.") not in _ROWS:
            continue
        rows = len(tensor) if tensor.dim() else 0
        if rows != vocab_size:
            raise InputError(
                f"{path}: {name} has {rows} rows, but vocab_size in config.json is {vocab_size!r}"
            )
        if rows < tokens:
            raise InputError(f"{path}: {name} has {rows} rows for a tokenizer of {tokens} words")
        kept[name] = tensor[:tokens]
        left_out = rows - tokens
    return kept, left_out


def _card(name: str, licence: str | None, weights: Path, config: CloudConfig) -> Card:
    return Card(
        name=name,
        summary=(
            f"BERT of {config.layers} layers x {config.hidden} on paper strings, imported from "
            f"published weights ({weights.name}, SHA-256 {sha256(weights)})."
        ),
        data=(
            DataSource(
                name="corpus of the published weights",
                rows=None,
                licence=_UNKNOWN,
                origin=_UNKNOWN,
            ),
        ),
        licence_code="MIT",
        licence_weights=licence or _UNKNOWN,
        intended_use="Vectors of crystals written in the paper dialect, as the published code has.",
        limits=(
            "It has the faults of the paper dialect: the order of the atoms in the input decides "
            "the order of the words, so other settings of a crystal get other vectors. Words that "
            "the published tokenizer does not hold are refused."
        ),
    )
