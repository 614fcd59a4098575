"""Randomness of a training: takes its seed, course, step and a purpose, makes the random generator of just that.

No generator lives longer than what it is for, so that there is no state of one to save: a training resumed from step 1,000 draws
what would have been drawn then, identically on every rank, and reading ahead changes nothing.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What is drawn; within an objective, a number is never reused for something else."""

    CROPS = 0
    SYMMETRY = 1
    GENERATOR = 2
    PATH_LENGTH = 3
    DISCRIMINATOR = 4
    PENALTY = 5
    AUGMENTATION_OF_REALS = 6
    AUGMENTATION_OF_FAKES = 7
    AUGMENTATION_FOR_GENERATOR = 8


def numpy_rng(seed: int, course: int, step: int, purpose: Purpose) -> np.random.Generator:
    """NumPy's generator for one purpose in one step.

    Parameters
    ----------
    seed : of the training.
    course : how often it has rolled back so far; another course draws other numbers, so that it need not fail in the same way.
    """
    return np.random.default_rng([seed, course, step, purpose])


def torch_rng(device: torch.device, seed: int, course: int, step: int, purpose: Purpose) -> torch.Generator:
    """PyTorch's generator, on a device, for one purpose in one step; what it draws differs between kinds of device."""
    (number,) = np.random.SeedSequence([seed, course, step, purpose]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(number))
