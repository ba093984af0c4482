"""How fast a run is: real tokens a second, and the share of the device's peak that it uses.

Operations are those of :mod:`stratus.training.operations`; work on padding is no work.
Utilisation is as in PaLM (arXiv 2204.02311, appendix B), with attention counted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import nn

PEAK_FLOPS: Final[tuple[tuple[str, dict[str, float]], ...]] = (
    ("H200", {"bf16": 989.4e12, "32": 66.9e12}),
    ("H100 PCIe", {"bf16": 756.0e12, "32": 51.2e12}),
    ("H100", {"bf16": 989.4e12, "32": 66.9e12}),
    ("A100", {"bf16": 312.0e12, "32": 19.5e12}),
    ("L40S", {"bf16": 362.1e12, "32": 91.6e12}),
    ("A10", {"bf16": 125.0e12, "32": 31.2e12}),
)
"""Dense peak FLOP/s of GPUs by a part of their name; NVIDIA's data sheets, without sparsity."""

_SIZES: Final = (128, 256, 512, 1024)
_REPEATS: Final = 8
_ENOUGH_S: Final = 0.5


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Return the peak FLOP/s of a device; None for a GPU that is not in the table.

    That of a CPU is measured: the best of several products of square matrices, larger and larger
    ones while they take little time; bf16 is emulated, and slow, where a processor lacks it.

    Args:
        device: where the model is.
        precision: ``32`` or ``bf16``.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((peak[precision] for part, peak in PEAK_FLOPS if part in name), None)
    return _measured_peak(torch.bfloat16 if precision == "bf16" else torch.float32)


class Meter:
    """Sums work and time, and gives the rates of the whole and of the last stretch.

    Args:
        peak: the peak FLOP/s of all devices, if known.
        unit: of the work, in the plural.
    """

    def __init__(self, peak: float | None, unit: str = "tokens") -> None:
        self._peak = peak
        self._unit = unit
        self._total = [0, 0, 0.0]
        self._stretch = [0, 0, 0.0]
        self._since: float | None = None

    def start(self) -> None:
        """Begin to count time; does nothing if it runs."""
        if self._since is None:
            self._since = time.perf_counter()

    def add(self, amount: int, flops: int) -> None:
        """Count the work of a step; 0 operations where nobody counts them."""
        for sums in (self._total, self._stretch):
            sums[0] += amount
            sums[1] += flops

    def pause(self) -> None:
        """Stop counting time, while something else than training goes on."""
        if self._since is not None:
            passed = time.perf_counter() - self._since
            self._total[2] += passed
            self._stretch[2] += passed
            self._since = None

    def stretch(self) -> dict[str, float]:
        """Return the rates since the last call."""
        running = self._since is not None
        self.pause()
        rates = self._rates(self._stretch)
        self._stretch = [0, 0, 0.0]
        if running:
            self.start()
        return rates

    def total(self) -> dict[str, float]:
        """Return work, seconds and rates of the whole."""
        self.pause()
        amount, _, seconds = self._total
        return {self._unit: amount, "seconds": seconds} | self._rates(self._total)

    def _rates(self, sums: list[float]) -> dict[str, float]:
        amount, flops, seconds = sums
        if seconds <= 0:
            return {}
        rates = {f"{self._unit}_per_s": amount / seconds}
        if flops:
            rates["model_flops_per_s"] = flops / seconds
            if self._peak:
                rates["utilisation"] = flops / seconds / self._peak
        return rates


def _measured_peak(dtype: torch.dtype) -> float:
    best, spent = 0.0, 0.0
    for size in _SIZES:
        a = torch.ones(size, size, dtype=dtype)
        for _ in range(_REPEATS):
            begin = time.perf_counter()
            torch.mm(a, a)
            took = time.perf_counter() - begin
            best, spent = max(best, 2 * size**3 / took), spent + took
            if spent > _ENOUGH_S:
                return best
    return best


def n_parameters(*modules: nn.Module) -> int:
    """Return the number of trained values; tied ones count once."""
    return sum(p.numel() for p in {id(p): p for m in modules for p in m.parameters()}.values())
