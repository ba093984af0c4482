"""An encoder with its heads: what is trained, and what a model is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from stratus.errors import InputError
from stratus.heads.head import require_finite
from stratus.physics.strain import strained
from stratus.views.keys import CELLS, DISPLACED, OWNER, POSITIONS, STRAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from stratus.encoders.encoding import Encoding
    from stratus.heads.head import Head
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task

_NO_HEADS: Final[Mapping[str, Head]] = MappingProxyType({})


class Net(nn.Module):
    """An encoder with heads by name; its tensors are ``encoder.*`` and ``heads.NAME.*``.

    Args:
        encoder: gives an ``Encoding`` for the batch of a view; it has a ``config``.
        heads: what reads its encodings, by name: that of the task, of the law, or
            ``masked-tokens``.
        group: nets of one group learned from the same rows, with other seeds; empty where nothing
            was divided.
    """

    def __init__(
        self, encoder: nn.Module, heads: Mapping[str, Head] = _NO_HEADS, group: str = ""
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = Heads(heads)
        self.group = group
        for head in self.heads.values():
            head.tie(encoder)

    @property
    def config(self) -> Any:
        """The config of the encoder."""
        return self.encoder.config

    @property
    def tasks(self) -> dict[str, Task]:
        """What its heads predict, by the name of the task."""
        return {name: task for head in self.heads.values() for name, task in head.tasks.items()}

    @property
    def normalisers(self) -> dict[str, Normaliser]:
        """How the numbers of its heads become values, by task."""
        return {name: one for head in self.heads.values() for name, one in head.normalisers.items()}

    @property
    def differentiates(self) -> bool:
        """Whether a head takes gradients by the places of atoms."""
        return any(head.differentiates for head in self.heads.values())

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the numbers that losses are of, normalised, by task.

        Where a head takes gradients by the places of atoms they are switched on for it, and
        ``positions`` and ``cells`` of the batch are made to depend on what they are taken by.

        Args:
            batch: of the view of the encoder.

        Returns:
            ``[B, outputs]`` each; of atoms ``[N, 3]``, of the stress ``[B, 3, 3]``.
        """
        learns = torch.is_grad_enabled()
        with self._differentiable(batch) as inputs:
            encoding = self.encoder(inputs)
            found = {
                name: numbers
                for head in self.heads.values()
                for name, numbers in head(inputs, encoding).items()
            }
        return found if learns else {name: numbers.detach() for name, numbers in found.items()}

    def exact(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the numbers that predictions are made of, by task, in float64 on the CPU.

        Heads without tasks, those of pre-training, are left out.

        Raises:
            stratus.errors.InputError: one is not finite.
        """
        with self._differentiable(batch) as inputs:
            encoding: Encoding = self.encoder(inputs)
            require_finite(encoding.crystal)
            return {
                name: numbers
                for head in self.heads.values()
                if head.tasks
                for name, numbers in head.exact(inputs, encoding).items()
            }

    def encode(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Return the encoding of a batch.

        Raises:
            stratus.errors.InputError: the vector of a crystal is not finite.
        """
        encoding: Encoding = self.encoder(batch)
        require_finite(encoding.crystal)
        return encoding

    @contextmanager
    def _differentiable(self, batch: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
        """Let an energy of the atoms be differentiated inside, if a head does that."""
        if not self.differentiates:
            yield batch
            return
        with torch.enable_grad():
            of = strained(batch[POSITIONS], batch[CELLS], batch[OWNER])
            leaves = {DISPLACED: of.displaced, STRAIN: of.strain}
            yield {**batch, POSITIONS: of.positions, CELLS: of.cells, **leaves}


class Heads(nn.Module, Mapping[str, "Head"]):
    """Heads by names of any kind; ``nn.ModuleDict`` refuses some, such as ``values``."""

    def __init__(self, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self._modules.update(heads)

    def __getitem__(self, name: str) -> Head:
        """Return a head."""
        head: Any = self._modules[name]
        return head  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._modules)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._modules)

    __eq__ = nn.Module.__eq__
    __hash__ = nn.Module.__hash__


def check_alike(nets: Sequence[Net], where: object) -> None:
    """Refuse nets that could not answer together.

    Raises:
        stratus.errors.InputError: there is none, or one has another encoder or other heads than
            the first; the message says which.
    """
    if not nets:
        raise InputError(f"{where}: there is no member; a model has one at least")
    first = nets[0]
    for number, net in enumerate(nets):
        who = f"{where}: members.{number}"
        if net.config != first.config:
            raise InputError(f"{who} has another config than members.0; all have the same")
        if net.heads.keys() != first.heads.keys():
            raise InputError(
                f"{who} has the heads {_names(net)}, but members.0 has {_names(first)}"
            )
        for name, head in net.heads.items():
            other = first.heads[name]
            same = all(
                getattr(head, what, None) == getattr(other, what, None) for what in ("tasks", "law")
            )
            if type(head) is not type(other) or not same:
                raise InputError(
                    f"{who}.heads.{name} predicts something else than that of members.0"
                )


def _names(net: Net) -> str:
    return ", ".join(net.heads) or "none"
