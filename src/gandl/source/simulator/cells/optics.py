"""From light to numbers: haze, focus, illumination, gain, background, noise, whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gandl.source.simulator.cells.nuisance import Field, Illumination

Array = npt.NDArray[np.float32]

PIXEL_UM = 0.65
"""Pixel size (um) to which the noise of a `Field` belongs."""
HAZE_UM = 9.0
HAZE_STEP_UM = 5.2


def expose(
    light: Array,
    chosen: list[int],
    border: int,
    field: Field,
    pixel_um: float,
    rng: np.random.Generator,
    images: npt.NDArray[np.unsignedinteger],
    unit: float = 1.0,
) -> None:
    """Photograph light (channels, rows, columns), in grey levels before gain and `border` pixels wider than the image.

    Parameters
    ----------
    chosen : which of `CHANNELS` the planes of `light` are.
    images : (channels, side, side), filled; values beyond what its type holds are cut off. unit : its value of one grey level.
    """
    most = np.iinfo(images.dtype).max
    side = light.shape[1] - 2 * border
    inner = slice(border, border + side)
    sigma = field.focus_um / pixel_um
    # a larger pixel gathers as many more electrons as several small ones whose mean is taken
    area = np.float32((pixel_um / PIXEL_UM) ** 2)
    evenly = illumination(field.illumination, side)
    around = haze(light, pixel_um)[:, inner, inner]
    for i, (channel, plane) in enumerate(zip(chosen, light, strict=True)):
        seen = ndimage.gaussian_filter(plane, sigma, mode="nearest", truncate=2.5)[inner, inner] * np.float32(
            1 - field.haze[channel]
        )
        seen += np.float32(field.haze[channel]) * around[i]
        seen *= np.float32(field.gain[channel]) * evenly
        seen += np.float32(field.background[channel])
        np.maximum(seen, 0, out=seen)
        noise = rng.standard_normal((side, side), dtype=np.float32)
        noise *= np.sqrt((seen / np.float32(field.shot) + np.float32(field.read_noise**2)) / area)
        seen += noise
        seen *= np.float32(unit)
        np.clip(np.rint(seen, out=seen), 0, most, out=seen)
        images[i] = seen


def illumination(light: Illumination, side: int) -> Array:
    """(side, side) factor on the brightness."""
    along = np.linspace(-1, 1, side, dtype=np.float32)
    y, x = along[:, None], along[None, :]
    away = (y - light.centre[0]) ** 2 + (x - light.centre[1]) ** 2
    return (1 + light.tilt[0] * y + light.tilt[1] * x - light.vignette * away).astype(np.float32)


def haze(light: Array, pixel_um: float) -> Array:
    """Planes (n, side, side) blurred by `HAZE_UM`: made coarse, blurred, and interpolated back."""
    step = max(1, round(HAZE_STEP_UM / pixel_um))
    side = light.shape[1]
    blocks = -(-side // step)
    whole = np.pad(light, ((0, 0), *((0, blocks * step - side),) * 2), mode="edge")
    # sums over rows first: they lie apart in memory, so whole lines are added
    coarse = whole.reshape(-1, blocks, step, blocks * step).mean(2).reshape(-1, blocks, blocks, step).mean(3)
    sigma = HAZE_UM / (step * pixel_um)
    blurred = ndimage.gaussian_filter(coarse, (0, sigma, sigma), mode="nearest")
    wide = np.pad(blurred, ((0, 0), (1, 1), (1, 1)), mode="edge")
    # between the centres of two blocks, `step` pixels; half a step lies before the first centre
    part = (np.arange(step, dtype=np.float32) + np.float32(0.5)) / np.float32(step)
    skip = step // 2
    lines = wide[:, :-1, None] * (1 - part[:, None]) + wide[:, 1:, None] * part[:, None]
    lines = lines.reshape(len(light), -1, blocks + 2)[:, skip : skip + side]
    fine = lines[:, :, :-1, None] * (1 - part) + lines[:, :, 1:, None] * part
    return fine.reshape(len(light), side, -1)[:, :, skip : skip + side]
