"""Steps of a training by ranks, forked from one process; for `test_distributed.py`.

python -m rank_steps STORE RESULT [DEVICE]
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
import torch.distributed as dist

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU
from gandl.models.compute.ranks import ALONE, Ranks, ranks_of_environment, together
from gandl.models.crops.crop_sampler import CropSampler
from gandl.models.crops.intensity import measure_scale
from gandl.models.crops.loader import Loader
from gandl.models.objectives.gan import Gan
from model_inputs import TRAINING

STEPS = 20
SETTINGS = TRAINING.model_copy(update={"batch": 16, "intensity": Intensity.STORE})


def trainer_of(store: Path, ranks: Ranks, dtype: torch.dtype, device: torch.device) -> Gan:
    stores = [ImageStore(store)]
    sampler = CropSampler(stores, SETTINGS.resolution, SETTINGS.network.crop)
    scale = measure_scale(stores, SETTINGS.resolution, SETTINGS.intensity)
    loader = Loader(sampler, scale, SETTINGS, 1, ranks=ranks, device=device)
    return Gan(loader, SETTINGS, 1, ranks=ranks, device=device, dtype=dtype)


def steps_of(store: Path, ranks: Ranks = ALONE, device: torch.device = CPU) -> dict[str, Any]:
    """Of both precisions: losses and gradients of the first step, weights after the last; and sums of each rank's first crops."""
    reported: dict[str, Any] = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        trainer = trainer_of(store, ranks, dtype, device)
        start = trainer.generator.constant.detach().cpu().clone()
        crops = [f"{float(crop.double().sum()):.6f}" for part in trainer.loader.batch(0, 0) for crop in part]
        first = first_step(trainer)
        for _ in range(STEPS - 1):
            trainer.step()
        state = trainer.state()
        weights = {f"{key}.{of}": t.cpu() for key in ("generator", "discriminator_ema") for of, t in state[key].items()}
        reported[name] = {"first": first, "weights": weights, "start": start}
        trainer.loader.close()
    everybody: list[Any] = [None] * ranks.size
    if ranks.size > 1:
        dist.all_gather_object(everybody, crops)
    reported["crops"] = everybody if ranks.size > 1 else [crops]
    return reported


def first_step(trainer: Gan) -> dict[str, torch.Tensor]:
    """Losses, and gradients as every descent sees them, one after another."""
    seen: dict[str, torch.Tensor] = {}
    for optimizer in (trainer.adversaries.generator_optimizer, trainer.adversaries.discriminator_optimizer):
        optimizer.register_step_pre_hook(lambda optimizer, *_: note(seen, optimizer))
    trainer.step()
    ((_, numbers),) = trainer.drain()
    for optimizer in (trainer.adversaries.generator_optimizer, trainer.adversaries.discriminator_optimizer):
        optimizer._optimizer_step_pre_hooks.clear()
    # The spread of a batch is that within a rank's part: it is looked at, and decides nothing.
    losses = {name: value for name, value in numbers.items() if not name.endswith("_spread")}
    return seen | {name: torch.tensor(value, dtype=torch.float64) for name, value in losses.items()}


def note(seen: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer) -> None:
    for parameter in optimizer.param_groups[0]["params"]:
        if parameter.grad is not None:
            seen[f"gradient.{len(seen)}"] = parameter.grad.cpu().clone()


def main(store: Path, result: Path, device: torch.device = CPU, size: int = 2) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rank = next((rank for rank in range(1, size) if os.fork() == 0), 0)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
    os.environ |= {"MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    ranks = ranks_of_environment()
    with together(ranks, device):
        reported = steps_of(store, ranks, device)
    if ranks.writes:
        torch.save(reported, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(torch.device, sys.argv[3:]))
