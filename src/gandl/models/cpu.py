"""Settings of the process for heavy work on the CPU: takes nothing, changes no result beyond numbers too small to matter."""

from __future__ import annotations

import ctypes
import sys

import torch

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of the two options in glibc's malloc.h."""


def prepare_cpu() -> None:
    """Treat denormal numbers as zero, and keep freed memory for the next tensor.

    Activations are a few MB each; by default glibc hands such blocks back to the system, and fetching them again (a page fault
    per 4 KB) took 10 to 15 % of a training step. Elsewhere than on Linux with glibc, memory is left as it is.
    """
    torch.set_flush_denormal(True)
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
