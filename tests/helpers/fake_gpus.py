"""A machine with GPUs that it has not: NVIDIA's program first on the path, which lists as many as requested."""

from __future__ import annotations

import os
from pathlib import Path

DIVIDED = """\
GPU 0: NVIDIA H200 (UUID: GPU-0a)
  MIG 3g.71gb     Device  0: (UUID: MIG-1b)
  MIG 3g.71gb     Device  1: (UUID: MIG-2c)
GPU 1: NVIDIA H200 (UUID: GPU-3d)
"""
"""What the program prints of two GPUs, one of which is divided."""


def listing(count: int) -> str:
    """What the program prints of so many GPUs: `GPU-0`, `GPU-1` ..."""
    return "".join(f"GPU {i}: NVIDIA H200 (UUID: GPU-{i})\n" for i in range(count))


def write_listing(folder: Path, text: str) -> None:
    """A program `nvidia-smi` in a folder that prints a text."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n", encoding="utf-8")
    program.chmod(0o755)


def with_gpus(folder: Path, count: int) -> dict[str, str]:
    """The environment of a process on a machine with so many GPUs, whose temporary files are in a folder, too."""
    write_listing(folder / "bin", listing(count))
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    return {**kept, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(temporary)}
