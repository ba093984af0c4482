"""Curves of heat capacity, internal energy, entropy and free energy, by the law of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.errors import InputError
from stratus.heads.law import law_head
from stratus.inference.curve_limits import CurveLimits
from stratus.inference.properties import reach_of, tells_reach
from stratus.inference.thermo_curves import Curve, ThermoCurves, ThermoPer
from stratus.models.run_over import run_over
from stratus.physics.effective import debye_temperature
from stratus.physics.laws import Parameters, evaluate
from stratus.physics.quantities import QUANTITIES
from stratus.tasks.atom_counts import AtomCounts
from stratus.tasks.conformal import moments
from stratus.tasks.curves import half_widths
from stratus.tasks.domain import FREQUENCY
from stratus.tasks.predictions import predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from stratus.crystals.facets import Crystal, Detail
    from stratus.heads.law import LawHead
    from stratus.models.model import Model
    from stratus.models.net import Net
    from stratus.physics.quantities import Quantity
    from stratus.views.view import Sample

    Floats = NDArray[np.float64]

THETA_AT_K: Final = 300.0
"""The temperature at which effective Debye temperatures have the heat capacity of the curve."""

_SCALE: Final[dict[Quantity, float]] = {"cv": 1.0, "u": 1e-3, "s": 1.0, "f": 1e-3}


def require_law(model: Model) -> LawHead:
    """Return the head of the law of a model.

    Raises:
        stratus.errors.InputError: it has none.
    """
    head = law_head(model.heads)
    if head is None:
        raise InputError(
            f"the model {model.card.name!r} has no head of a thermodynamic law, so it gives no "
            "curves; train one with stratus finetune TABLE --set law=mixture --target "
            "cv@300K:J/mol/K"
        )
    return head


def check_temperatures(temperatures_k: Iterable[float]) -> Floats:
    """Return temperatures as an array ``[t]``.

    Raises:
        stratus.errors.InputError: there is none, or one is negative or no finite number.
    """
    found = np.fromiter(temperatures_k, np.float64)
    if not len(found):
        raise InputError("there is no temperature; give some, in K, such as [100, 200, 300]")
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise InputError(f"a temperature is not negative, in K; {found[wrong][0]:g} is none")
    return found


def thermo_samples(
    model: Model,
    samples: Sequence[Sample],
    crystals: Sequence[Crystal],
    temperatures_k: Floats,
    *,
    per: ThermoPer = "atom",
    level: float | None = None,
    batch_size: int = 256,
    imposed: bool = True,
) -> ThermoCurves:
    """Give the curves of crystals; those of like length go through the members together.

    This is for some crystals of a stream at a time: memory grows with crystals x temperatures.

    Args:
        model: one with the head of a law.
        samples: n crystals as the view of the model gives them.
        crystals: ``[n]``, what is known of each.
        temperatures_k: of :func:`check_temperatures`, ``[t]``.
        per: ``atom``, ``formula`` or ``cell``.
        level: share of crystals that the intervals are to hold at any one temperature; no
            intervals if None.
        batch_size: crystals that go through an encoder together.
        imposed: whether intervals are kept within what can be, and widened where too little was
            learned; False gives those that were calibrated.
    """
    at = temperatures_k
    n, t = len(samples), len(at)
    atoms, kinds = AtomCounts.of_crystals(crystals), [one.detail for one in crystals]
    ends = 2 if level is None else 4
    arrays: dict[Quantity, list[Floats]] = {
        name: [np.empty((n, t)) for _ in range(ends)] for name in QUANTITIES
    }
    theta, theta_std = np.empty(n), np.empty(n)
    reach = np.full(n, np.nan)
    count = {"cell": atoms.cell, "formula": atoms.formula}.get(per, np.ones(n))
    times = np.where(count >= 1, count, np.nan)[:, np.newaxis]
    for rows, read in run_over(
        model.members, model.view, samples, batch_size=batch_size, read=_read
    ):
        parameters = [of_law for of_law, _ in read]
        known = [kinds[row] for row in rows.tolist()]
        if tells_reach(model):
            frequencies = _frequencies(model, [numbers for _, numbers in read], atoms.take(rows))
            reach[rows] = reach_of(model, frequencies, known)
        theta[rows], theta_std[rows] = _effective(model, parameters)
        for name, into in arrays.items():
            values = _values(model, parameters, name, at)
            for array, found in zip(
                into, _summary(model, name, values, known, at, level), strict=True
            ):
                array[rows] = found
    limits = CurveLimits.of(model.domain, crystals, reach) if imposed else None
    curves: dict[Quantity, Curve] = {}
    for name, parts in arrays.items():
        value, std, *interval = parts
        if limits is not None and interval:
            interval = limits.widened(name, at, value, *interval)
        scale = _SCALE[name] * times
        curves[name] = Curve(*(part * scale for part in (value, std, *interval)))
    return ThermoCurves(
        temperature_k=at,
        per=per,
        theta_k=theta,
        theta_std_k=theta_std,
        notes=() if limits is None else limits.notes,
        cv=curves["cv"],
        u=curves["u"],
        s=curves["s"],
        f=curves["f"],
    )


def _read(net: Net, batch: Mapping[str, Tensor]) -> tuple[Parameters, dict[str, Tensor]]:
    """Return the parameters of the law, and the numbers of the highest frequency if it has them."""
    encoding = net.encode(batch)
    head: LawHead = law_head(net.heads)  # type: ignore[assignment]  # all nets are alike
    numbers = net.heads[FREQUENCY].exact(batch, encoding) if FREQUENCY in net.heads else {}
    return head.parameters_of(encoding), numbers


def _frequencies(model: Model, numbers: Sequence[dict[str, Tensor]], atoms: AtomCounts) -> Floats:
    """Return the highest frequency by each member, ``[members, b]``, in 1/cm."""
    task = model.tasks[FREQUENCY]
    normalisers = [member.normalisers[FREQUENCY] for member in model.members]
    return np.stack(
        [
            predict(task, normaliser, each[FREQUENCY], atoms.of(task)).values
            for normaliser, each in zip(normalisers, numbers, strict=True)
        ]
    )


def _values(
    model: Model, parameters: Sequence[Parameters], quantity: Quantity, at: Floats
) -> Floats:
    """Return a quantity per atom by each member, ``[members, b, t]``."""
    law = require_law(model).law
    temperatures = torch.from_numpy(at)
    return np.stack(
        [
            evaluate(law, quantity, Parameters(*(p[:, None] for p in each)), temperatures).numpy()
            for each in parameters
        ]
    )


def _summary(
    model: Model,
    quantity: Quantity,
    values: Floats,
    kinds: Sequence[Detail],
    at: Floats,
    level: float | None,
) -> list[Floats]:
    """Return value and deviation, and with a level lo and hi, per atom, all ``[b, t]``."""
    mean, std = moments(values)
    found = [mean, std if len(values) > 1 else np.full_like(std, np.nan)]
    if level is None:
        return found
    groups = [member.group for member in model.members]
    names = dict.fromkeys(groups)
    lo, hi = np.zeros_like(mean), np.zeros_like(mean)
    for group in names:
        mu, sigma = moments(values[[each == group for each in groups]])
        half = half_widths(model.calibration, quantity, group, kinds, at, sigma, level)
        lo += (mu - half) / len(names)
        hi += (mu + half) / len(names)
    return [*found, lo, hi]


def _effective(model: Model, parameters: Sequence[Parameters]) -> tuple[Floats, Floats]:
    """Return effective Debye temperatures and how far those of the members differ, ``[b]``."""
    cv = _values(model, parameters, "cv", np.array([THETA_AT_K]))[:, :, 0]
    theta = debye_temperature(torch.from_numpy(cv.mean(axis=0)), THETA_AT_K).numpy()
    if len(cv) == 1:
        return theta, np.full_like(theta, np.nan)
    return theta, debye_temperature(torch.from_numpy(cv), THETA_AT_K).numpy().std(axis=0)
