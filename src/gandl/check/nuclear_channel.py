"""Which channel shows nuclei: takes images of a few fields, counts objects like nuclei in every channel.

A channel's name says it where it can. Where none does, the channel with the most such objects is proposed, and never silently.
An object is like a nucleus if it is compact (Otsu's threshold, holes filled, as the hand-made floor finds nuclei), neither a
grain nor a large part of the field, and stands out from the background: cytoplasm and fibres give large or frayed objects, noise
faint ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.measure import regionprops_table

from gandl.images.area_mean import area_mean
from gandl.images.nuclei import bright_objects, label_nuclei, smoothed

NUCLEAR = ("dna", "dapi", "hoechst", "draq", "nuclei", "nucleus")
"""Parts of a channel's name that indicate a nuclear stain."""
FIELDS = 6
"""Fields that are looked at, evenly over the sites whose images the check decodes."""
SIDE = 640
"""About the shorter side (px) at which objects are sought: larger images are made smaller by a whole factor."""
SMOOTHING = 1.0
SMALLEST, LARGEST = 30, 0.05
"""Area of an object like a nucleus: at least so many px at that size, at most this share of the field."""
SOLID = 0.9
"""Least share of its convex hull that it fills."""
ROUND = 0.5
"""Least ratio of its axes."""
DISTINCT = 5.0
"""Least height above the background's median, in its robust standard deviations."""
FEWEST = 1.0
"""Objects per field below which a channel does not show nuclei."""
CLEARLY = 2.0
"""So many times the objects of another channel are clearly more."""

Areas = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NucleiOfChannel:
    """Objects like nuclei in one channel: mean number per field, and median area (px of the full image; 0 without any)."""

    channel: str
    per_field: float
    area: float


@dataclass(frozen=True)
class NuclearChoice:
    """Channels that show nuclei, and why; a note where a person should look. No channel: none does."""

    channels: tuple[str, ...]
    why: str
    note: str = ""


def nuclei_by_channel(areas: Mapping[str, Sequence[Areas]]) -> tuple[NucleiOfChannel, ...]:
    """Sum up what was found.

    Parameters
    ----------
    areas : by channel, of every field the areas of its objects (`areas_of_nuclei`).
    """
    found = []
    for name, of_channel in areas.items():
        together = np.concatenate(of_channel)
        area = float(np.median(together)) if len(together) else 0.0
        found.append(NucleiOfChannel(name, len(together) / len(of_channel), area))
    return tuple(found)


def areas_of_nuclei(image: npt.NDArray[np.unsignedinteger]) -> Areas:
    """Areas (px) of the objects like nuclei in an image (h, w)."""
    factor = max(1, round(min(image.shape) / SIDE))
    smooth = smoothed(area_mean(image, factor), SMOOTHING)
    labels, count = label_nuclei(bright_objects(smooth), SMALLEST)
    background = smooth[labels == 0]
    if not count or not background.size:
        return np.empty(0)
    low, middle, high = np.percentile(background, (25, 50, 75))
    wanted = ("area", "solidity", "axis_major_length", "axis_minor_length", "intensity_mean")
    found = regionprops_table(labels, smooth, properties=wanted)
    like = (
        (found["area"] <= LARGEST * smooth.size)
        & (found["solidity"] >= SOLID)
        & (found["axis_minor_length"] >= ROUND * found["axis_major_length"])
        & (found["intensity_mean"] - middle >= DISTINCT * max((high - low) / 1.349, 1e-9))
    )
    return np.asarray(found["area"][like] * factor**2, np.float64)


def choose_nuclear(channels: Sequence[str], counted: Sequence[NucleiOfChannel]) -> NuclearChoice:
    """The channels whose names indicate nuclei; without such a name the one with the most objects like nuclei.

    Parameters
    ----------
    channels : names. counted : of `nuclei_by_channel`; empty where nothing could be looked at.
    """
    named = tuple(name for name in channels if any(part in name.lower() for part in NUCLEAR))
    per_field = {of.channel: of.per_field for of in counted}
    best = max(counted, key=lambda of: of.per_field, default=None)
    if named:
        seen = max((per_field.get(name, 0.0) for name in named), default=0.0)
        doubt = (
            f"channel {best.channel} shows more objects like nuclei ({best.per_field:.1f} per field) than {', '.join(named)} "
            f"({seen:.1f}), whose name indicates nuclei: are the channels in the right order?"
            if best is not None and best.per_field >= max(FEWEST, CLEARLY * seen) and best.channel not in named
            else ""
        )
        return NuclearChoice(named, f"{', '.join(named)}, by name", doubt)
    if best is None or best.per_field < FEWEST:
        why = "no channel's name indicates them, and none looks like them"
        return NuclearChoice((), f"{why}, so the featurizers that need cells are left out")
    others = {name: number for name, number in per_field.items() if name != best.channel}
    beside = f", {max(others.values()):.1f} at most in the others" if others else ""
    found = f"{best.per_field:.1f} compact, bright objects per field in {best.channel}{beside}"
    unsure = "" if best.per_field >= CLEARLY * max(others.values(), default=0.0) else " It is a close choice."
    note = (
        f"no channel's name indicates nuclei; channel {best.channel} looks like them ({found}), so the configuration segments it."
        f"{unsure} If another one shows them, name it in embeddings.segmentation.nuclear_channels and training.nuclear_channels"
    )
    return NuclearChoice(
        (best.channel,), f"{best.channel}, as no channel is named so, but {found}.{unsure}".rstrip("."), note
    )


def nuclei_in_words(counted: Sequence[NucleiOfChannel]) -> str:
    """A line of the check's summary."""
    if not counted:
        return "no image could be looked at"
    most = sorted(counted, key=lambda of: -of.per_field)
    return "objects like nuclei per field: " + ", ".join(f"{of.channel} {of.per_field:.1f}" for of in most)
