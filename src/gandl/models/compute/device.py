"""The device that networks compute on: takes the number of GPUs requested, makes a prepared device, and states what it can do."""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from torch import Tensor

from gandl.config import Precision
from gandl.workflow.words import counted

CPU = torch.device("cpu")
ENOUGH_SECONDS = 0.25
"""After so much time in them no further matrix product is timed: some CPUs take seconds for one in bfloat16."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of the two options in glibc's malloc.h."""


class DeviceError(RuntimeError):
    """A requested device does not exist; the message says what to change."""


def choose_device(gpus: int, local_rank: int = 0) -> torch.device:
    """The device of a process.

    Parameters
    ----------
    gpus : GPUs that the job requests (`compute.gpus`); 0: the CPU.
    local_rank : which process on this machine; it takes the GPU of its number (processes share GPUs where there are fewer).

    Raises
    ------
    DeviceError : a GPU is requested but none exists.
    """
    if not gpus:
        return CPU
    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        raise DeviceError(
            f"compute.gpus requests {counted(gpus, 'GPU')}, but PyTorch {torch.__version__} (built with {built}) finds none "
            "here: set compute.gpus to 0 to compute on the CPU, or run the job on a node with a GPU and a CUDA build of PyTorch"
        )
    there = torch.cuda.device_count()
    if gpus > there:
        raise DeviceError(
            f"compute.gpus requests {counted(gpus, 'GPU')}, but this machine has {there}: set compute.gpus to {there}"
        )
    return torch.device("cuda", local_rank % there)


def prepare(device: torch.device, precision: Precision = Precision.FLOAT32) -> None:
    """Set this process up for heavy work on a device; on the CPU no result changes beyond numbers too small to matter.

    On the CPU, denormal numbers count as zero, and freed memory is kept for the next tensor: activations are a few MB each; by
    default glibc hands such blocks back to the system, and fetching them again (a page fault per 4 KB) took 10 to 15 % of a
    training step. On a GPU convolution algorithms are tried out, and those in float32 use TensorFloat-32 unless the precision is
    float32; matrix products (styles, demodulation, logits: they cost little) do so with `tf32` only.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = precision is Precision.TF32
        torch.backends.cudnn.allow_tf32 = precision is not Precision.FLOAT32
        torch.backends.cudnn.benchmark = True
        return
    torch.set_flush_denormal(True)
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, 2**30)
            mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def resolved(precision: Precision, device: torch.device) -> Precision:
    """What `auto` takes on a device: bfloat16 where it is fast (a GPU; a CPU with AVX-512 BF16 or AMX), else float32."""
    if precision is not Precision.AUTO:
        return precision
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else has_fast_bfloat16()
    return Precision.BFLOAT16 if fast else Precision.FLOAT32


@lru_cache(maxsize=1)
def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies matrices in bfloat16 by instructions of its own."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Mixed precision in the block, where the precision is bfloat16 (or `auto` takes it here)."""
    if resolved(precision, device) is not Precision.BFLOAT16:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def peak_memory(device: torch.device) -> int:
    """Most bytes that this process has held so far: of the GPU's memory, or of main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak_flops(device: torch.device, precision: Precision) -> float:
    """Floating-point operations per second of one large matrix product: what a training's speed is compared with.

    It is the fastest of as many as fit a quarter of a second, at least one, after a first one, in which a GPU's library starts.
    """
    side = 8192 if device.type == "cuda" else 1024
    kind = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
    a = torch.linspace(-1, 1, side * side, device=device).to(kind).reshape(side, side)

    def seconds() -> float:
        start = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    seconds()
    fastest = spent = seconds()
    while spent < ENOUGH_SECONDS:
        again = seconds()
        fastest, spent = min(fastest, again), spent + again
    return 2 * side**3 / fastest


def wide(x: Tensor) -> Tensor:
    """float32 for half precision; float32 and float64 as they are."""
    return x.float() if x.dtype.itemsize < 4 else x
