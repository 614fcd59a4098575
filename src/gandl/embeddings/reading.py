"""Reading ahead: takes an image store and views of it, gives the pixels of sites while others are being computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from gandl.embeddings.view import View
from gandl.images.store_reader import ImageStore

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Blocks that are read while one is computed with; memory holds at most these, the current one, and what a thread works on."""

Stage = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
"""Puts pixels where their device reads them best."""


def read_ahead(
    read: Callable[[Item], Result], items: Sequence[Item], ahead: int = AHEAD
) -> Generator[Result, None, None]:
    """`read(item)` of every item in order, made by one thread that is at most `ahead` items ahead.

    An error of `read` is raised where its result is requested. Close the generator (`contextlib.closing`), or let it end: then
    the thread has ended, too.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="gandl-reads-ahead") as thread:
        try:
            for item in items:
                waiting.append(thread.submit(read, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class BlockReader:
    """Reads blocks of sites: called with a range of sites, it gives the pixels of every view. Use it as a context manager.

    Parameters
    ----------
    images : the store.
    views : what is seen of it, and how its pixels are put away for their device (None: as they are); a stored size is read once.
    threads : that share the sites of a block.
    """

    def __init__(self, images: ImageStore, views: dict[View, Stage | None], threads: int = 1) -> None:
        self._images, self._views = images, views
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gandl-reads") if threads > 1 else None

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, block: range) -> dict[View, npt.NDArray[Any]]:
        """Pixels (n, c, y, x) of the block's n sites, per view."""
        if self._pool is None:
            parts = [self._read(block)]
        else:
            step = -(-len(block) // self._threads)
            parts = list(self._pool.map(self._read, [block[i : i + step] for i in range(0, len(block), step)]))
        return {view: self._put_away(view, [part[view] for part in parts]) for view in self._views}

    def _read(self, block: range) -> dict[View, npt.NDArray[Any]]:
        sites = np.arange(block.start, block.stop)
        resolutions = sorted({view.resolution for view in self._views})
        stored = {resolution: self._images.sites(sites, resolution) for resolution in resolutions}
        return {view: view.of(stored[view.resolution]) for view in self._views}

    def _put_away(self, view: View, parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        pixels = parts[0] if len(parts) == 1 else np.concatenate(parts)
        stage = self._views[view]
        return pixels if stage is None else stage(pixels)
