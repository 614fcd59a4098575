"""Ranks: the processes that train one model together. Takes torchrun's environment; splits batches, averages their results.

Every rank draws the same batch and computes its own part of it, so that any number of ranks (and of microbatches within them)
makes the same steps, up to the order of summation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import _get_default_store

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others: the first may look at the probe meanwhile, or compile."""
POLL = 0.2
"""Seconds between looks whether the first rank has come."""


class PartsError(ValueError):
    """A batch cannot be split; the message says which numbers do not fit."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes
    ----------
    rank, size : which one of how many.
    local_rank : which one on this machine: its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def writes(self) -> bool:
        """Whether this process writes files and reports: exactly one does."""
        return self.rank == 0

    def deal(self, n: int, group: int, microbatch: int = 0, section: str = "training", key: str = "") -> list[Tensor]:
        """This rank's parts of a batch, as positions within it, one tensor per microbatch.

        Images of a group, which share statistics (i, i + n/g, i + 2 n/g ...), stay together, and lie in a part as they would in a
        whole batch; all parts of all ranks together are the batch.

        Parameters
        ----------
        n : images of the batch.
        group : images that share statistics (such as the minibatch deviation); at most n of them do.
        microbatch : images per part; 0: the rank's share at once.
        section, key : of the settings and of the group in them, for messages.

        Raises
        ------
        PartsError : groups cannot be shared out evenly.
        """
        size = min(group, n)
        whole = f" in whole groups of {size} ({key or 'group'})" if size > 1 else ""
        if n % (size * self.size):
            raise PartsError(
                f"a batch of {n} images cannot be split among {self.size} process(es){whole}: {section}.batch must be a multiple "
                f"of {size * self.size}"
            )
        share = n // self.size
        part = microbatch or share
        if part % size or share % part:
            multiple = f"be a multiple of {size} that divides" if size > 1 else "divide"
            raise PartsError(
                f"{share} images per process cannot be computed {part} at a time{whole}: {section}.engine.microbatch must "
                f"{multiple} {share}"
            )
        columns = torch.arange(n).reshape(size, n // size)
        mine = columns[:, self.rank * share // size : (self.rank + 1) * share // size]
        return [block.reshape(-1) for block in mine.split(part // size, dim=1)]

    def follow_first(self, place: str) -> None:
        """Wait until the first rank is at this place of the program, for as long as that takes; it waits for nobody.

        In an exchange, the others would fail after `PATIENCE`. A signal is heard while they wait.

        Parameters
        ----------
        place : its name, another one at every call.
        """
        if self.size == 1:
            return
        store = _get_default_store()  # by which the ranks were connected
        if self.rank == 0:
            store.set(place, "reached")
        while not store.check([place]):
            time.sleep(POLL)

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one kind by their mean over ranks, in one exchange."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def mean(self, tensor: Tensor) -> Tensor:
        """Mean of a tensor over ranks; it carries no gradient."""
        mean = tensor.detach().clone()
        self.average_([mean])
        return mean

    def any(self, flag: bool) -> bool:
        """Whether it is true on any rank."""
        return self.largest(int(flag)) > 0

    def largest(self, value: int) -> int:
        """The largest of a number over ranks."""
        if self.size == 1:
            return value
        among = torch.tensor(value, device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(among, dist.ReduceOp.MAX)
        return int(among)


ALONE = Ranks()


def largest_part(share: int, most: int) -> int:
    """The largest number of images, at most this many, that divides a rank's share; at least 1."""
    return max(size for size in range(1, max(most, 1) + 1) if share % size == 0)


def ranks_of_environment() -> Ranks:
    """What torchrun sets (RANK, WORLD_SIZE, LOCAL_RANK); a single rank if unset."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(name in os.environ for name in names):
        return ALONE
    return Ranks(*(int(os.environ[name]) for name in names))


@contextmanager
def together(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Connect the ranks for the length of the block: by NCCL where each has a GPU of its own, else by gloo."""
    if ranks.size == 1:
        yield
        return
    here = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.size))
    own = device.type == "cuda" and torch.cuda.device_count() >= here
    dist.init_process_group(
        "nccl" if own else "gloo",
        rank=ranks.rank,
        world_size=ranks.size,
        timeout=PATIENCE,
        device_id=device if own else None,
    )
    try:
        yield
    except BaseException:
        if not own:
            dist.destroy_process_group()
        raise  # NCCL would wait here for ranks that wait for this one: the end of the process ends it
    dist.destroy_process_group()
