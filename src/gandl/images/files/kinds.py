"""What is known of an image file before its pixels are read (`ImageInfo`), and how its pixels are read (`Reading`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gandl.config import PlatesSettings, Projection

KINDS = {"i": "signed", "u": "unsigned", "f": "floating"}
"""Kinds of numbers that a pixel may be, by numpy's letter."""


class ImageFileError(ValueError):
    """An image file is missing, damaged or of another kind; the message says what, and begins with the path."""


class ImageInfo(NamedTuple):
    """Of one image of a file.

    height, width, dtype : size (px) and type of its pixels, as they are in the file.
    pages : of the file.
    planes : z planes that make the image. by_setting : whether it was the settings that chose them, not the cell.
    pixel_size_um : as the file states it; None if it does not.
    places : which images of the file they are, from 0; () where a page was named.
    """

    height: int
    width: int
    dtype: str
    pages: int
    planes: int = 1
    by_setting: bool = False
    pixel_size_um: float | None = None
    places: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """`1080 x 1080 px of 16 bit`; of other than unsigned numbers also their kind."""
        kind = np.dtype(self.dtype)
        words = "" if kind in (np.uint8, np.uint16) else f" ({KINDS.get(kind.kind, kind.name)})"
        return f"{self.height} x {self.width} px of {8 * kind.itemsize} bit{words}"


@dataclass(frozen=True)
class Reading:
    """How pixels of all images of a run are read, where their cells do not say it: settings of `source.plates`.

    z, time : what is taken of several planes and time points. scale : factor before rounding; None: values as they are.
    illumination : whether images are divided by illumination functions. jpeg : whether a JPEG, which has lost detail, is taken:
    only where a screen was kept so. proposed : whether nobody chose `z`, so that it holds for
    z planes alone, and not for pages of which a file says nothing.
    """

    z: Projection | int | None = None
    time: int | None = None
    scale: float | None = None
    illumination: bool = False
    jpeg: bool = False
    proposed: bool = False

    @classmethod
    def of(cls, settings: PlatesSettings) -> Reading:
        """The reading that a section `source.plates` states."""
        return cls(settings.z, settings.time, settings.scale, settings.illumination)

    def stored_type(self, dtype: str) -> str:
        """`uint8` for images of 8 bit that are not scaled, else `uint16`."""
        return "uint8" if dtype == "uint8" and self.scale is None else "uint16"

    def described(self, planes: int) -> dict[str, Any]:
        """What was done to pixels, for a store's manifest: only what differs from storing single planes as they are.

        planes : the most z planes that made an image.
        """
        z = {"z": str(self.z) if self.z else "by cell", "z_planes": planes} if planes > 1 or self.z else {}
        time = {"time": self.time} if self.time else {}
        scale = {"scale": self.scale} if self.scale else {}
        return {**z, **time, **scale, **({"illumination": "divided"} if self.illumination else {})}


AS_IT_IS = Reading()
"""Single planes, values as they are."""
