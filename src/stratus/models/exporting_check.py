"""Proof that an exported graph gives the numbers of torch, on crystals that are made up for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from stratus.errors import StratusError
from stratus.models.exporting_crystals import batches
from stratus.models.exporting_inputs import CRYSTAL, property_heads
from stratus.models.values import predict_nets
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.predictions import mixture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.models.exporting_crystals import Made
    from stratus.models.exporting_inputs import Inputs
    from stratus.models.model import Model
    from stratus.models.net import Net

TOLERANCE: Final = 1e-4
"""Largest difference from torch, in shares of the spread of the target."""


def feed(model: Model, inputs: Inputs, made: Sequence[Made]) -> dict[str, torch.Tensor]:
    """Return what a graph is fed with for some crystals."""
    batch = model.view.collate([one.sample for one in made])
    return inputs.of(batch, torch.tensor([one.atoms for one in made]))


def differences(
    model: Model, members: Sequence[Net], inputs: Inputs, session: Any, made: Sequence[Made]
) -> dict[str, float]:
    """Compare a graph with torch.

    Torch predicts as the heads of the model do, with the batch of the view as it is and with values
    that NumPy makes from what the heads give; so the graph shares with it the weights alone.

    Args:
        model: what was exported.
        members: those of its members that were.
        inputs: of the graph.
        session: an ``onnxruntime.InferenceSession`` of it.
        made: of :func:`stratus.models.exporting_crystals.make_crystals`.

    Returns:
        by output, the largest difference in shares of the spread: the standard deviation of the
        labels that a regression was trained on, 1 of a probability, and the root mean square of
        the vectors.

    Raises:
        stratus.errors.StratusError: an output has another shape than it should.
    """
    worst: dict[str, float] = {}
    for chosen in batches(made):
        fed = feed(model, inputs, chosen)
        found = session.run(None, {name: tensor.numpy() for name, tensor in fed.items()})
        rights = expected(model, members, chosen)
        for (name, (right, spread)), got in zip(rights.items(), found, strict=True):
            if got.shape != right.shape:
                raise StratusError(
                    f"the exported {name} has the shape {list(got.shape)} where torch has "
                    f"{list(right.shape)}, so the export is wrong; nothing was written"
                )
            off = np.abs(got.astype(np.float64) - right) / spread
            worst[name] = max(worst.get(name, 0.0), _largest(off))
    return worst


def expected(
    model: Model, members: Sequence[Net], made: Sequence[Made]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return what torch gives and its spread by output, in the order of the graph."""
    samples = [one.sample for one in made]
    atoms = np.array([one.atoms for one in made])
    with torch.inference_mode():
        vectors = members[0].encoder(model.view.collate(samples)).crystal.double().numpy()
    found = {CRYSTAL: (vectors, np.sqrt(np.square(vectors).mean(keepdims=True)))}
    heads = property_heads(members[0].heads)
    if heads:
        both = AtomCounts(cell=atoms, formula=np.zeros_like(atoms))  # none is of a formula
        by_net = predict_nets(members, model.view, samples, both.of, batch_size=len(made))
        for name, head in heads.items():
            values, _ = mixture(by_net[name])
            spread = head.normaliser.restore_spread(np.ones(len(made)), atoms)
            found[name] = (values, spread.reshape(-1, *[1] * (values.ndim - 1)))
    return found


def check(found: Mapping[str, float]) -> None:
    """Refuse differences above :data:`TOLERANCE`.

    Raises:
        stratus.errors.StratusError: there is one; the message names the output.
    """
    name = max(found, key=lambda output: found[output])
    if not found[name] <= TOLERANCE:
        raise StratusError(
            f"the exported {name} differs from torch by {found[name]:.2g} of its spread, more than "
            f"{TOLERANCE:g}, so nothing was written; try another opset"
        )


def _largest(off: NDArray[np.float64]) -> float:
    return float(np.where(np.isnan(off), np.inf, off).max())
