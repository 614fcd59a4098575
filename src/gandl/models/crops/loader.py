"""Loader: takes a sampler of crops, gives every step its batch of real crops on the device, read ahead by threads.

What a batch holds follows from seed, course and step alone (`gandl.models.compute.randomness`): reading ahead, the number of
threads, and rolling back after a trouble change nothing but the time it takes.

Threads, not processes: reading a file and decompressing it leave Python's global lock, so that two threads read more crops than
one (`benchmarks/speed/loader.py` reports how many).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Intensity, Pairs, RecipeSettings, TrainingSettings
from gandl.models.compute.device import CPU
from gandl.models.compute.randomness import Purpose, numpy_rng
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.crop_sampler import ORIENTATIONS, CropSampler, Pixels, Places, orient
from gandl.models.crops.intensity import IntensityScale
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)


def deal(settings: RecipeSettings, ranks: Ranks) -> list[Tensor]:
    """A rank's parts of a recipe's batch, as positions within it (`Ranks.deal`).

    Raises
    ------
    gandl.models.compute.ranks.PartsError : the batch cannot be split among ranks and microbatches.
    """
    key = settings.group_key.rpartition(".")[2]
    return ranks.deal(settings.batch, settings.group, settings.engine.microbatch, settings.section, key)


class ClosedError(RuntimeError):
    """A batch is requested from a closed loader."""


@dataclass(frozen=True)
class _Batch:
    """A rank's share of a batch while it is read: its tensors lie in (for a GPU: pinned) main memory and are being filled.

    Attributes
    ----------
    crops : (m, c, s, s) stored pixels.
    moments : (m, c, 2) of the images they are cut from, where the scale needs them.
    orientation : (m,), where crops are turned.
    dropped : set when the batch is no longer needed.
    reading : one per part of the crops.
    """

    course: int
    step: int
    crops: Tensor
    moments: Tensor | None
    orientation: Tensor | None
    dropped: Event = field(default_factory=Event)
    reading: list[Future[None]] = field(default_factory=list)

    def drop(self) -> None:
        """Its readers stop after the current crop."""
        self.dropped.set()
        for part in self.reading:
            part.cancel()


class Loader:
    """Batches of real crops, for one thread at a time; to be closed, best by `with`.

    Fewer images than a batch are not an error: crops are drawn with replacement, so that a batch may hold several of one image.
    But networks memorise so few, so this is logged once, as a warning.

    Parameters
    ----------
    sampler : of the sites to train on.
    scale : from stored values to what networks see.
    settings : batch, symmetry, groups and microbatches.
    seed : of the training.
    ranks : this process among those that share every batch.
    device : where the crops go.
    threads : that read.
    ahead : batches that are read before they are requested.

    Raises
    ------
    gandl.models.compute.ranks.PartsError : the batch cannot be split among ranks and microbatches.
    """

    def __init__(
        self,
        sampler: CropSampler,
        scale: IntensityScale,
        settings: RecipeSettings,
        seed: int,
        *,
        ranks: Ranks = ALONE,
        device: torch.device = CPU,
        threads: int = 1,
        ahead: int = 2,
    ) -> None:
        self.sampler, self.scale = sampler, scale
        self._batch, self._symmetry, self._seed = settings.batch, settings.symmetry, seed
        self._pairs = settings.pairs
        parts = deal(settings, ranks)
        self._mine = torch.cat(parts).numpy()
        self._sizes = [len(part) for part in parts]
        self._device, self._threads, self._ahead = device, threads, ahead
        self._on_gpu = device.type == "cuda"
        self._copying = torch.cuda.Stream(device) if self._on_gpu else None
        self._queue: deque[_Batch] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="loader")
        self._closed = False
        if len(sampler) < settings.batch and ranks.writes:
            logger.warning(
                "training on %s, fewer than a batch of %d (%s.batch): images repeat within a batch, and networks memorise so "
                "few; give more images%s",
                *(counted(len(sampler), "image"), settings.batch, settings.section),
                ", or set training.augmentation.kind: adaptive" if isinstance(settings, TrainingSettings) else "",
            )

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was read ahead and end the threads; each finishes the current crop."""
        self._closed = True
        self._drop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, step: int, course: int) -> list[Tensor]:
        """This rank's microbatches of a step: float32 (m, c, s, s) each, channels-last, on the device, turned by symmetry.

        Quick for the step after the last one; any other may be requested, and what was read ahead is then dropped.

        Raises
        ------
        gandl.images.store_reader.StoreError : a crop of this batch cannot be read.
        ClosedError : after `close`.
        """
        if self._closed:
            raise ClosedError("this loader is closed and reads no more batches")
        while self._queue and (self._queue[0].course, self._queue[0].step) != (course, step):
            self._queue.popleft().drop()
        for following in range(step + len(self._queue), step + self._ahead + 1):
            self._queue.append(self._start(following, course))
        try:
            for part in self._queue[0].reading:
                part.result()
        except BaseException:
            self._drop()
            raise
        return self._finish(self._queue.popleft())

    def sites(self, step: int, course: int) -> list[Tensor]:
        """Numbers of the sites that the crops of `batch` are cut from: int64 (m,) per microbatch, on the device.

        Sites are counted through all stores. They follow from seed, course and step, so nothing is read, and nothing that was
        read ahead is dropped.
        """
        positions = torch.from_numpy(self.sampler.positions_of(self._places(step, course)))
        return list(positions.to(self._device).split(self._sizes))

    def _places(self, step: int, course: int) -> Places:
        """This rank's share of the places that a step draws."""
        rng = numpy_rng(self._seed, course, step, Purpose.CROPS)
        if self._pairs is Pairs.NONE:
            return self.sampler.draw(self._batch, rng)[self._mine]
        return self.sampler.draw_pairs(self._batch, rng, self._pairs)[self._mine]

    def _drop(self) -> None:
        while self._queue:
            self._queue.popleft().drop()

    def _start(self, step: int, course: int) -> _Batch:
        """Draw the batch of all ranks, and have this rank's share read."""
        places = self._places(step, course)
        orientation = None
        if self._symmetry:
            drawn = numpy_rng(self._seed, course, step, Purpose.SYMMETRY).integers(ORIENTATIONS, size=self._batch)
            orientation = torch.from_numpy(drawn[self._mine])
            orientation = orientation.pin_memory() if self._on_gpu else orientation
        channels, side, dtype = len(self.scale.channels), self.sampler.crop, self.sampler.stores[0].dtype
        shape = (len(places), channels, side, side)
        crops = torch.empty(shape, dtype=getattr(torch, dtype.name), pin_memory=self._on_gpu)
        moments = None
        if self.scale.kind is Intensity.SITE:
            moments = torch.empty((len(places), channels, 2), pin_memory=self._on_gpu)
        batch = _Batch(course, step, crops, moments, orientation)
        for part in np.array_split(np.arange(len(places)), min(self._threads, len(places))):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            filled = None if moments is None else moments.numpy()[rows]
            batch.reading.append(
                self._pool.submit(self._read, places[rows], crops.numpy()[rows], filled, batch.dropped)
            )
        return batch

    def _read(self, places: Places, crops: Pixels, moments: npt.NDArray[np.float32] | None, dropped: Event) -> None:
        """What a thread does: fill its part of a batch, crop by crop, while it is needed."""
        for i in range(len(places)):
            if dropped.is_set():
                return
            one = slice(i, i + 1)
            self.sampler.read(places[one], crops[one], None if moments is None else moments[one])

    def _finish(self, batch: _Batch) -> list[Tensor]:
        """Move to the device, scale, and turn."""
        crops, moments, orientation = self._move([batch.crops, batch.moments, batch.orientation])
        assert crops is not None
        images = self.scale.apply(crops, moments)
        if orientation is not None:
            images = orient(images, orientation)
        return list(images.split(self._sizes))

    def _move(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Copy to the GPU beside its other work (on the CPU there is nothing to do).

        The pinned memory is used again only when the copy is over: PyTorch's allocator of such memory sees to that.
        """
        if self._copying is None:
            return list(tensors)
        with torch.cuda.stream(self._copying):
            moved = [None if one is None else one.to(self._device, non_blocking=True) for one in tensors]
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._copying)
        for one in moved:
            if one is not None:
                one.record_stream(computing)
        return moved
