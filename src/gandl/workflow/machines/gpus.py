"""GPUs of this machine: takes how many a job requests, makes those that no other job uses the only ones that it sees.

Snakemake counts GPUs (`profiles/default`), but gives no job one of its own: without more, all compute on the first. A job here
holds a lock for each GPU that it computes on, in a folder of this machine and user; jobs of other runs wait for it, too. Where a
cluster has chosen the GPUs of a job, there is nothing to choose.
"""

from __future__ import annotations

import logging
import os
import random
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gandl.workflow.locks import LockedError, exclusive
from gandl.workflow.words import counted

VISIBLE = "CUDA_VISIBLE_DEVICES"
PLACE = Path("/tmp")
"""Where the folder of the locks is: one for all runs and jobs of the machine, whatever their TMPDIR."""
PATIENCE = 60.0
"""Seconds that NVIDIA's program may take to list the GPUs."""
POLL = (1.0, 3.0)
"""Seconds between looks for a free GPU; of random length, so that two jobs that need several do not keep each other waiting."""
logger = logging.getLogger(__name__)


class LocksError(RuntimeError):
    """The folder of the locks cannot be trusted; the message says what to do."""


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

    It must begin before CUDA is used. Waits until as many are free; where there are fewer, until all of them are. Where
    CUDA_VISIBLE_DEVICES names no more than requested (a cluster, or a person, has chosen them), nothing is done.

    Parameters
    ----------
    count : of GPUs; 0: none is needed.
    folder : of the locks; None: one of this user in `PLACE`.

    Raises
    ------
    LocksError : somebody else can write to that folder.
    """
    gpus = visible_gpus() if count else []
    if not gpus or (VISIBLE in os.environ and len(gpus) <= count):
        yield
        return
    place = _own(folder or PLACE / f"gandl-gpus-{os.geteuid()}")
    before = os.environ.get(VISIBLE)
    with ExitStack() as held:
        taken = _take(gpus, min(count, len(gpus)), place, held)
        names = ",".join(gpu.visible for gpu in taken)
        if count <= len(gpus):  # else all are taken, and other nodes of the job have others
            os.environ[VISIBLE] = names
        logger.info("computing on %s", names)
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(VISIBLE, None)
            else:
                os.environ[VISIBLE] = before


def _own(folder: Path) -> Path:
    """A folder that only this user can write to; made if it is missing. Its parent may be everybody's."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocksError(
            f"{folder}, where locks of this machine's GPUs are, must be a folder of yours that nobody else can write to: remove "
            "it (or have its owner do so), and run again"
        )
    return folder


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
