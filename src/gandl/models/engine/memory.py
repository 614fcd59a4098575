"""Memory of a GPU: takes the settings of a training that did not fit, finds how many images at a time would.

It is tried, not estimated: a first step holds every penalty, the most that a training ever needs.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gandl.config import RecipeSettings
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.intensity import IntensityScale
from gandl.models.objectives.objective import Objective
from gandl.workflow.words import counted

TOO_MUCH = torch.OutOfMemoryError


@dataclass
class _Blank:
    """A loader of images without content, the size of real ones."""

    scale: IntensityScale
    parts: list[int]
    side: int
    device: torch.device
    site: int = 0

    def batch(self, step: int, course: int) -> list[Tensor]:
        channels = len(self.scale.channels)
        shapes = [(n, channels, self.side, self.side) for n in self.parts]
        return [torch.zeros(shape, device=self.device) for shape in shapes]

    def sites(self, step: int, course: int) -> list[Tensor]:
        return [torch.full((n,), self.site, device=self.device) for n in self.parts]


def try_step(
    objective: Callable[..., Objective], settings: RecipeSettings, scale: IntensityScale, device: torch.device
) -> None:
    """Make the first step of a training on blank images, twice; raises `torch.OutOfMemoryError` where it does not fit."""
    parts = [settings.engine.microbatch] * (settings.batch // settings.engine.microbatch)
    blank = _Blank(scale, parts, settings.crop, device)
    tried = objective(blank, settings, 0, device=device)
    if tried.labels is not None:
        blank.site = int(tried.labels.training[0])
    for _ in range(2):  # the second time beside the moments of the optimisers
        tried.step_number = 0
        tried.step()


def fitting_microbatch(
    objective: Callable[..., Objective],
    settings: RecipeSettings,
    scale: IntensityScale,
    ranks: Ranks,
    device: torch.device,
    attempt: Callable[[Callable[..., Objective], RecipeSettings, IntensityScale, torch.device], None] = try_step,
) -> int | None:
    """The largest number of images at a time that fits on a device; None if not even one group does.

    It tries, from half of what did not fit downwards, every number that divides a process's share in whole groups.

    Parameters
    ----------
    objective, settings : of the training that did not fit; the first makes a new objective.
    attempt : makes one step, or raises `torch.OutOfMemoryError`.
    """
    group = settings.group
    too_many, share = _at_a_time(settings, ranks), settings.batch // ranks.size
    for size in (size for size in range(too_many // 2, 0, -1) if share % size == 0 and size % group == 0):
        _free(device)
        engine = settings.engine.model_copy(update={"microbatch": size, "compile": False, "cuda_graphs": False})
        try:
            attempt(objective, settings.model_copy(update={"engine": engine, "batch": share}), scale, device)
        except TOO_MUCH:
            continue
        return size
    return None


def advice(settings: RecipeSettings, fits: int | None, device: torch.device, ranks: Ranks = ALONE) -> str:
    """The message for a GPU that is too small."""
    total = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
    room = f" ({total / 2**30:.0f} GiB)" if total else ""
    if fits is None:
        return (
            f"this device{room} is too small for these networks, even {counted(settings.group, 'image')} at a time: "
            f"lower {settings.section}.{settings.width_key} or {settings.section}.network.crop"
        )
    return (
        f"{_at_a_time(settings, ranks)} images at a time do not fit on this device{room}; {fits} do: set "
        f"{settings.section}.engine.microbatch to {fits}. The batch size stays {settings.batch}, and so does the result"
    )


def _at_a_time(settings: RecipeSettings, ranks: Ranks) -> int:
    return settings.engine.microbatch or settings.batch // ranks.size


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
