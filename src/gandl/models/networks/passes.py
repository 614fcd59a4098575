"""Passes of a network over sites: takes stored pixels, makes the batches that a frozen network sees, each of one size.

Kernels are chosen by the size of a batch: where all passes hold equally many, the last one filled up, a vector is the same, bit
for bit, whatever else is embedded with it and wherever in a batch it lies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gandl.config import Precision
from gandl.models.compute.device import choose_device, prepare
from gandl.models.crops.intensity import IntensityScale, Pixels

TILE = 16
"""A pass holds a multiple of this many crops. With other heights (5 and 9 were seen) a matrix product is shared unevenly among
threads, and the last digit of a row then depends on where it lies."""


def crops_per_pass(batch: int) -> int:
    """Crops in every pass for a setting of `batch`: the next multiple of `TILE`."""
    return -(-batch // TILE) * TILE


@contextmanager
def steady(device: torch.device, precision: Precision) -> Iterator[None]:
    """In the block only shapes decide how a GPU computes: it tries nothing out, and TF32 is as the precision says.

    A training that embeds sites in between gets its own settings back.
    """
    if device.type != "cuda":
        prepare(device, precision)
        yield
        return
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    fast = precision is not Precision.FLOAT32
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = False, True, fast, fast
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before


def on_device(images: Pixels, device: torch.device) -> Tensor:
    """Pixels as they are stored; 16 bits as int16, since PyTorch knows few operations on uint16 (`unsigned` undoes it)."""
    pixels = np.ascontiguousarray(images)
    pixels = pixels.view(np.int16) if pixels.dtype == np.uint16 else pixels
    return torch.from_numpy(pixels).to(device, non_blocking=True)


def unsigned(pixels: Tensor, images: Pixels) -> Tensor:
    """Pixels of `on_device` as they are stored in `images`: never negative."""
    return pixels.to(torch.int32).bitwise_and_(0xFFFF) if images.dtype == np.uint16 else pixels


def moments_on_device(sites: Tensor) -> Tensor:
    """(n, c, 2) mean and standard deviation of whole images, each on its own; a constant one has deviation 1 (`moments_of`)."""
    moments = torch.empty(*sites.shape[:2], 2, device=sites.device)
    for site, of_site in zip(sites, moments, strict=True):
        values = site.flatten(1)
        values = (values.to(torch.int32) & 0xFFFF if values.dtype == torch.int16 else values).to(torch.float64)
        deviation = values.std(dim=1, correction=0)
        of_site[:, 0] = values.mean(dim=1)
        of_site[:, 1] = torch.where(deviation > 0, deviation, 1.0)
    return moments


def filled(crops: Tensor, size: int) -> Tensor:
    """`size` crops: these, and the last one again and again."""
    if len(crops) == size:
        return crops
    filling = crops[-1:].expand(size - len(crops), *crops.shape[1:])
    return torch.cat([crops, filling]).contiguous(memory_format=torch.channels_last)


def pinned(images: npt.NDArray[np.generic], device: torch.device) -> npt.NDArray[np.generic]:
    """The same pixels where a device reads them best: pinned memory for a GPU, which then copies while it computes."""
    if device.type != "cuda":
        return images
    return torch.from_numpy(np.ascontiguousarray(images)).pin_memory().numpy()


def device_of(name: str) -> torch.device:
    """A device by its name; "cuda" is the first GPU, so that one device has one name.

    Raises
    ------
    gandl.models.compute.device.DeviceError : a GPU that does not exist.
    """
    device = torch.device(name)
    if device.type != "cuda":
        return device
    number = device.index or 0
    choose_device(number + 1)
    return torch.device("cuda", number)


def fitting_batch(attempt: Callable[[int], None], batch: int) -> int | None:
    """The largest of half of `batch`, a quarter ... with which `attempt` does not run out of memory; None if none does."""
    size = crops_per_pass(batch)
    while size > crops_per_pass(1):
        size = crops_per_pass(size // 2)
        try:
            attempt(size)
        except torch.OutOfMemoryError:
            continue
        return size
    return None


def digest_of(network: nn.Module, scale: IntensityScale, device: torch.device, settings: object) -> str:
    """Digest of what decides vectors beside settings and code: weights, scale, device, threads and PyTorch.

    Parameters
    ----------
    settings : of the network's shape, as JSON can hold it.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    processor = [torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else processor
    digest.update(json.dumps([asdict(scale), settings, place, torch.__version__], sort_keys=True).encode())
    return digest.hexdigest()
