"""Examples repeat: hypothesis seeds torch's generator before each, as it does Python's and NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from hypothesis import register_random

if TYPE_CHECKING:
    from torch import Tensor


class TorchRandom:
    """The generator of weights and noise, as hypothesis asks for it."""

    def seed(self, seed: Any) -> None:
        torch.manual_seed(seed)

    def getstate(self) -> Tensor:
        return torch.get_rng_state()

    def setstate(self, state: Tensor) -> None:
        torch.set_rng_state(state)


TORCH_RANDOM = TorchRandom()
"""Kept here: hypothesis holds only a weak reference."""

register_random(TORCH_RANDOM)
