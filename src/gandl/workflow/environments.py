"""Environments of jobs: `envs/*.yaml` from the same pins as the lock, and the way in which scripts find gandl in them.

`python -m gandl.workflow.environments` (run by `make lock`) rewrites the files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

TORCH = "torch==2.13.0"
HEADINGS = {
    "cpu": "Jobs without a GPU.",
    "gpu": "Jobs that train or embed: the same pins; PyTorch's wheel of this version brings its CUDA libraries.",
}


def environment(heading: str, pins: list[str]) -> str:
    """One environment file: Python from conda-forge, everything else from pip at the lock's versions."""
    lines = [
        f"# {heading} Used with `--software-deployment-method conda`; `make` uses .venv instead. Written by `make lock`.",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
        *(f"      - {pin}" for pin in [TORCH, *pins]),
    ]
    return "\n".join(lines) + "\n"


def pins_of(lock: Path) -> list[str]:
    """`name==version` of every package of a lock file."""
    return re.findall(r"^([A-Za-z0-9._-]+==[^\s\\]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)


def share_source(home: Path) -> None:
    """Let scripts find the gandl of the workflow's folder, in whichever environment they run (.venv, conda, a container)."""
    source = str(Path(home, "src").resolve())
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *(path for path in known if path and path != source)])


def share_gpus(gpus: int) -> None:
    """Let profiles of clusters see what a training job requests (`compute.gpus`): they choose the queue by it."""
    os.environ["GANDL_GPUS"] = str(gpus)


def main() -> None:
    """Rewrite envs/*.yaml."""
    for name, heading in HEADINGS.items():
        Path("envs", f"{name}.yaml").write_text(
            environment(heading, pins_of(Path("requirements.lock"))), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
