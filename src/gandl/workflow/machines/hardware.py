"""Hardware and software of this machine, without its name, its users or its paths. Takes nothing, makes plain dictionaries."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

UNPINNED = ("torch", "gandl")
"""Packages that the lock file does not name: PyTorch is installed before it, gandl after it."""


def hardware() -> dict[str, Any]:
    """CPU model, cores that this process may use, memory (GiB), GPUs (model names, empty without one)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": usable,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": _gpus(),
    }


def _cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or "unknown"


def _gpus() -> list[str]:
    import torch  # here, not above: importing it takes seconds, and only this question needs it

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def versions(lock: Path) -> dict[str, Any]:
    """Versions of Python and of every installed package that the lock file names, and where they differ from it.

    Parameters
    ----------
    lock : requirements file with `name==version` lines.

    Returns
    -------
    `python`, `packages` (name: installed version), `differ_from_lock` (name: "installed, locked"; empty when all is as locked).
    """
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    installed = {name: found for name in [*pinned, *UNPINNED] if (found := _version(name)) is not None}
    return {
        "python": platform.python_version(),
        "packages": dict(sorted(installed.items(), key=lambda item: item[0].lower())),
        "differ_from_lock": {
            name: f"{installed.get(name, 'absent')}, locked {locked}"
            for name, locked in sorted(pinned.items())
            if installed.get(name) != locked
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
