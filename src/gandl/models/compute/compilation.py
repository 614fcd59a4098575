"""Compilation of first-order steps: takes a function of tensors, makes it faster by `torch.compile`, or leaves it as it is.

Penalties differentiate twice, which compiled functions cannot: they call the networks themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_map

from gandl.config import EngineSettings

logger = logging.getLogger(__name__)


class FirstOrder:
    """A function, compiled where the settings request it.

    Parameters
    ----------
    function : of tensors, differentiated once.
    """

    def __init__(self, function: Callable[..., Any], engine: EngineSettings) -> None:
        self.function = function
        self._call = function
        self._graphs = engine.cuda_graphs
        if engine.compile:
            mode = "reduce-overhead" if engine.cuda_graphs else None
            self._call = torch.compile(function, dynamic=False, mode=mode)

    @property
    def compiled(self) -> bool:
        """Whether it is compiled (still)."""
        return self._call is not self.function

    def __call__(self, *arguments: Any) -> Any:
        if not self.compiled:
            return self.function(*arguments)
        try:
            made = self._call(*arguments)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a compiler may raise; a mistake of ours comes again without it
            self.fall_back(error)
            return self.function(*arguments)
        # A CUDA graph replays into the same memory: what it made must not lie there when it does.
        return tree_map(torch.clone, made) if self._graphs else made

    def fall_back(self, error: Exception) -> None:
        """Continue without compilation, and log why, once."""
        if self.compiled:
            logger.warning("torch.compile failed (%s); continuing without it", _first_line(error))
            self._call = self.function


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
