"""Compilation of first-order steps: takes a function of tensors, makes it faster by `torch.compile`, or leaves it as it is.

Penalties differentiate twice, which compiled functions cannot: they call the networks themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

from gandl.config import EngineSettings

logger = logging.getLogger(__name__)


class FirstOrder:
    """A function, compiled where the settings ask for it.

    Parameters
    ----------
    function : of tensors, differentiated once.
    """

    def __init__(self, function: Callable[..., Any], engine: EngineSettings) -> None:
        self.function = function
        self._call = function
        if engine.compile:
            mode = "reduce-overhead" if engine.cuda_graphs else None
            self._call = torch.compile(function, dynamic=False, mode=mode)

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def fall_back(self, error: Exception) -> None:
        """Go on without compilation, and say why once."""
        if self._call is not self.function:
            logger.warning("torch.compile failed (%s); going on without it", _first_line(error))
            self._call = self.function


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
