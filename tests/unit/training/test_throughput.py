"""Rates are those of training alone, and a peak is measured or known, never guessed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.training import throughput
from stratus.training.throughput import Meter, n_parameters, peak_flops


def test_rates_leave_out_what_is_not_training(monkeypatch):
    now = iter([0.0, 2.0, 10.0, 13.0, 13.0, 14.0])
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(now))
    meter = Meter(peak=100.0)
    meter.start()
    meter.pause()  # 2 s of training, then 8 s of validation
    meter.start()
    meter.add(50, 200)
    assert meter.stretch() == {"tokens_per_s": 10, "model_flops_per_s": 40, "utilisation": 0.4}
    total = meter.total()
    assert (total["tokens"], total["seconds"], total["tokens_per_s"]) == (50, 6, 50 / 6)


def test_the_peak_of_a_processor_is_measured_and_that_of_an_unknown_gpu_not_guessed(monkeypatch):
    assert (peak_flops(torch.device("cpu"), "32") or 0) > 1e8
    device = torch.device("cuda")
    for name, expected in (
        ("NVIDIA H200", 989.4e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("X", None),
    ):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _, name=name: name)
        assert peak_flops(device, "bf16") == expected


def test_measuring_the_peak_of_a_slow_processor_ends_soon(monkeypatch):
    ticks = iter(range(100))  # a second for each product
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: float(next(ticks)))
    sizes: list[int] = []
    monkeypatch.setattr(torch, "mm", lambda a, _: sizes.append(len(a)))
    assert peak_flops(torch.device("cpu"), "bf16") == 2 * sizes[0] ** 3
    assert len(sizes) == 1


def test_measuring_the_peak_of_a_quick_processor_ends_with_large_products(monkeypatch):
    ticks = iter(k / 1000 for k in range(1000))
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(torch, "mm", lambda _a, _b: None)
    assert peak_flops(torch.device("cpu"), "32") == pytest.approx(2 * 1024**3 / 1e-3)


def test_tied_weights_are_counted_once():
    layer = torch.nn.Linear(3, 4)
    assert n_parameters(layer, layer) == 16
    assert n_parameters(layer) == np.prod((3, 4)) + 4
