"""Which device a job computes on, and what it says where that is not there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from gandl.config import Precision
from gandl.models.compute import device
from gandl.models.compute.device import (
    CPU,
    DeviceError,
    autocast,
    choose_device,
    has_fast_bfloat16,
    peak_flops,
    peak_memory,
    resolved,
)


def test_without_gpus_everything_computes_on_the_cpu() -> None:
    assert choose_device(0) == CPU


def test_a_gpu_that_is_not_there_is_reported_with_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"requests 1 GPU.*finds none here: set compute\.gpus to 0"):
        choose_device(1)


def test_more_gpus_than_there_are_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match=r"requests 4 GPUs, but this machine has 2: set compute\.gpus to 2"):
        choose_device(4)
    assert [choose_device(2, rank) for rank in (0, 1)] == [torch.device("cuda", 0), torch.device("cuda", 1)]


@pytest.mark.parametrize(
    ("precision", "kind"), [(Precision.BFLOAT16, torch.bfloat16), (Precision.FLOAT32, torch.float32)]
)
def test_only_bfloat16_mixes_precisions(precision: Precision, kind: torch.dtype) -> None:
    a = torch.ones(2, 2)
    with autocast(CPU, precision):
        assert (a @ a).dtype is kind


def test_a_matrix_product_reports_the_speed_of_the_device() -> None:
    assert 1e8 < peak_flops(CPU, Precision.FLOAT32) < 1e15
    assert peak_memory(CPU) > 50e6


@pytest.mark.parametrize(
    ("products", "fastest"),
    [((10.0, 0.1, 0.05, 0.2), 0.05), ((3.0, 3.0), 3.0), ((0.01, 0.25), 0.25)],
    ids=["a slow start", "slow products", "a fast start"],
)
def test_the_first_product_does_not_count_and_slow_ones_are_few(
    monkeypatch: pytest.MonkeyPatch, products: tuple[float, ...], fastest: float
) -> None:
    readings = iter([reading for seconds in products for reading in (0.0, seconds)])
    monkeypatch.setattr(device, "time", SimpleNamespace(perf_counter=lambda: next(readings)))
    assert peak_flops(CPU, Precision.FLOAT32) == pytest.approx(2 * 1024**3 / fastest)
    assert next(readings, None) is None, "every product was timed, and no other"


@pytest.mark.parametrize(
    ("capabilities", "taken"),
    [
        ({"avx512_bf16": True}, Precision.BFLOAT16),
        ({"amx_bf16": True, "avx512_bf16": False}, Precision.BFLOAT16),
        ({"avx2": True}, Precision.FLOAT32),
    ],
)
def test_auto_takes_what_is_fast_on_this_processor(
    capabilities: dict[str, bool], taken: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    has_fast_bfloat16.cache_clear()
    try:
        assert resolved(Precision.AUTO, CPU) is taken
        assert resolved(Precision.TF32, CPU) is Precision.TF32
        with autocast(CPU, Precision.AUTO):
            mixed = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
        assert mixed == (taken is Precision.BFLOAT16)
    finally:
        has_fast_bfloat16.cache_clear()
