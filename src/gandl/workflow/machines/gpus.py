"""GPUs of this machine: takes how many a job requests, makes those that no other job uses the only ones that it sees.

Snakemake counts GPUs (`profiles/default`), but gives no job one of its own: without more, all compute on the first. A job here
holds a lock for each GPU that it computes on, in a folder of this machine; jobs of other runs wait for it, too. Where a cluster
has chosen the GPUs of a job, there is nothing to choose.
"""

from __future__ import annotations

import logging
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gandl.workflow.locks import LockedError, exclusive
from gandl.workflow.words import counted

VISIBLE = "CUDA_VISIBLE_DEVICES"
PATIENCE = 60.0
"""Seconds that NVIDIA's program may take to list the GPUs."""
POLL = (1.0, 3.0)
"""Seconds between looks for a free GPU; of random length, so that two jobs that need several do not keep each other waiting."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one (MIG).

    visible : its name in CUDA_VISIBLE_DEVICES. key : its name among all of the machine.
    """

    visible: str
    key: str


def visible_gpus() -> list[Gpu]:
    """The GPUs that this process may use, as CUDA would count them; found without CUDA, in a moment."""
    here = _listed()
    named = os.environ.get(VISIBLE)
    if named is None:
        return [Gpu(key, key) for key in here]
    found = []
    for word in map(str.strip, named.split(",")):
        if word.isdigit():
            if here and int(word) >= len(here):
                break
            key = here[int(word)] if here else word
        else:
            key = next((key for key in here if word and key.startswith(word)), "" if here else word)
        if not key or key.startswith("-"):  # CUDA, too, ends at the first name that is none
            break
        found.append(Gpu(word, key))
    return found


def _listed() -> list[str]:
    """The UUID of every GPU that the driver shows to this process; of one that is divided, those of its parts."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[str] = []
    whole = ""
    for kind, rest in re.findall(r"UUID: (GPU|MIG)(-[\w/-]+)", done.stdout):
        if kind == "GPU":
            whole = kind + rest
        elif found and found[-1] == whole:
            found.pop()
        found.append(kind + rest)
    return found


@contextmanager
def own_gpus(count: int, folder: Path | None = None) -> Iterator[None]:
    """Let this process, and those that it starts, see so many GPUs that no other job uses, for the length of the block.

    It must begin before CUDA is used. Waits until as many are free. Where as few are visible as requested because
    CUDA_VISIBLE_DEVICES names them (a cluster, or a person, has chosen them), and where there are fewer, nothing is done.

    Parameters
    ----------
    count : of GPUs; 0: none is needed.
    folder : of the locks; None: one of this user among the machine's temporary files.
    """
    gpus = visible_gpus() if count else []
    if not count or len(gpus) < count or (VISIBLE in os.environ and len(gpus) == count):
        yield
        return
    place = folder or Path(tempfile.gettempdir()) / f"gandl-gpus-{os.getuid()}"
    before = os.environ.get(VISIBLE)
    with ExitStack() as held:
        taken = _take(gpus, count, place, held)
        os.environ[VISIBLE] = ",".join(gpu.visible for gpu in taken)
        logger.info("computing on %s", os.environ[VISIBLE])
        try:
            yield
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def _take(gpus: Sequence[Gpu], count: int, folder: Path, held: ExitStack) -> list[Gpu]:
    """Lock so many of the GPUs until `held` closes; of too few free ones none, so that nobody holds what it cannot use."""
    waiting = False
    while True:
        with ExitStack() as locks:
            taken = []
            for gpu in gpus:
                with suppress(LockedError):
                    locks.enter_context(exclusive(folder / gpu.key.replace("/", "_")))
                    taken.append(gpu)
                if len(taken) == count:
                    held.push(locks.pop_all())
                    return taken
        if not waiting:
            waiting = True
            logger.info(
                "waiting for %s: other jobs compute on the %d of this machine", counted(count, "GPU"), len(gpus)
            )
        time.sleep(random.uniform(*POLL))
