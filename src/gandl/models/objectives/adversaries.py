"""Adversaries: generator and discriminator, the average and the optimiser of each. Takes settings and a seed, makes new ones.

Everything of a training that has a state on the device is here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gandl.config import TrainingSettings
from gandl.models.compute.ema import MovingAverage
from gandl.models.networks.gan import new_networks

PATH_BATCH_SHRINK = 2
"""The path-length penalty looks at this fraction of a batch (Karras et al. 2020, appendix B)."""


class Adversaries:
    """The two networks of a training.

    Parameters
    ----------
    channels : of the images.
    seed : of the initial weights.
    dtype : of all weights; float64 is for comparisons.
    """

    def __init__(
        self, settings: TrainingSettings, channels: int, seed: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        generator, discriminator = new_networks(settings, channels, seed)
        self.generator = generator.to(device, dtype)
        self.discriminator = discriminator.to(device, dtype)
        averages = settings.ema_half_life, settings.ema_rampup
        self.generator_average = MovingAverage(self.generator, *averages)
        self.discriminator_average = MovingAverage(self.discriminator, *averages)
        self._slowed = {
            "generator": _slowed(path_length_interval(settings)),
            "discriminator": _slowed(penalty_interval(settings)),
        }
        self.generator_optimizer = _adam(self.generator, settings, self._slowed["generator"])
        self.discriminator_optimizer = _adam(self.discriminator, settings, self._slowed["discriminator"])
        self.mean_path_length = torch.zeros((), device=device, dtype=dtype)

    def set_learning_rate(self, rate: float) -> None:
        """Adam's learning rate of both networks, before it is slowed down for penalties."""
        self.generator_optimizer.param_groups[0]["lr"] = rate * self._slowed["generator"]
        self.discriminator_optimizer.param_groups[0]["lr"] = rate * self._slowed["discriminator"]

    def average(self, images_seen: int, batch: int) -> None:
        """Move both averages after a step."""
        self.generator_average.update(self.generator, images_seen, batch)
        self.discriminator_average.update(self.discriminator, images_seen, batch)

    def state(self) -> dict[str, Any]:
        """All of it, as tensors and plain values."""
        return {
            "mean_path_length": self.mean_path_length,
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state made by `state`, of whichever device; the learning rate comes with it."""
        self.mean_path_length = state["mean_path_length"].to(self.mean_path_length)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.generator_average.average,
            "discriminator_ema": self.discriminator_average.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No gradient of the network's weights is computed in the block."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def path_length_interval(settings: TrainingSettings) -> int:
    """Steps between two path-length penalties; 0: never."""
    return settings.path_length_interval if settings.path_length_weight else 0


def penalty_interval(settings: TrainingSettings) -> int:
    """Steps between two descents of the discriminator on its penalties; 0: never."""
    return settings.r1_interval if settings.r1_gamma or settings.r2_gamma or settings.lipschitz_weight else 0


def _slowed(interval: int) -> float:
    """c = k / (k + 1), where a penalty every k steps adds a step of its own (Karras et al. 2020, appendix B)."""
    return interval / (interval + 1) if interval else 1.0


def _adam(network: nn.Module, settings: TrainingSettings, c: float) -> torch.optim.Adam:
    """Adam, slowed down for the steps that penalties add: its rate by c, its decay rates to the power of c."""
    betas = (settings.beta1**c if settings.beta1 else 0.0, settings.beta2**c)
    return torch.optim.Adam(network.parameters(), lr=settings.learning_rate * c, betas=betas, eps=1e-8, fused=True)
