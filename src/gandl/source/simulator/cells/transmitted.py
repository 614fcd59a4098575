"""Cells without a stain, seen by phase contrast: takes a drawing, makes what light is delayed by; then one grey 8-bit image.

What is dense looks dark, with a bright halo around it; rounded dead cells shine. As a picture of that microscope it is a sketch:
the delay is summed from the parts of cells that the stained screens have, and the halo is the delay's own blur.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gandl.source.simulator.cells.bodies import CON_A, Drawing, share_ground
from gandl.source.simulator.cells.nuisance import Field
from gandl.source.simulator.cells.optics import PIXEL_UM, haze, illumination
from gandl.source.simulator.cells.organelles import add_debris, draw_nuclei, draw_nucleoli

Array = npt.NDArray[np.float32]

LAMP = 118.0
"""Grey level of empty ground."""
LAMP_SHARE = 0.45
"""A lamp varies less than stains do: so large a power of a stain's gain."""
DELAY = 0.34
"""Share of the lamp's light that a cell of thickness 1 takes away."""
HALO = 0.85
"""Share of the delay around a place that is given back as light."""
SHINE = 0.55
"""Light of a rounded dead cell, in shares of the lamp's."""


def draw_delay(drawing: Drawing) -> tuple[Array, Array]:
    """(extent, extent) each: the delay of light, about 1 in the middle of a cell, and the bodies of dead cells."""
    cells, line, textures, canvas = drawing.cells, drawing.line, drawing.textures, drawing.canvas
    ground = share_ground(drawing)
    thick = ground.share * (0.3 + np.float32(0.9 * line.perinuclear) * np.exp(np.float32(-1.7) * ground.distance))
    body = canvas.gather(ground.place, thick * ground.each(np.sqrt(cells.brightness[:, CON_A])))
    seams = canvas.gather(ground.place, 4 * ground.share * (1 - ground.share))
    fibres = canvas.gather(ground.place, ground.share * ground.fibres)
    dna, cover, envelope, _ = draw_nuclei(drawing)
    shade = np.minimum(cover, 1)
    inside = np.float32(0.2 * line.granules) * drawing.tile(textures.granules[0])
    inside += np.float32(0.13 * line.reticulum) * drawing.tile(textures.reticulum[0])
    inside += np.float32(0.1 * line.mitochondria) * drawing.tile(textures.mitochondria[0])
    delay = body * (1 + (1 - np.float32(0.8) * shade) * inside)
    delay += np.float32(0.1 * line.fibres) * fibres + np.float32(0.3 * line.rim) * seams
    delay += 0.12 * dna + 0.25 * envelope + 0.8 * draw_nucleoli(drawing)
    dead = canvas.planes(1)
    add_debris(drawing, dead)
    return delay, dead[0]


def expose_grey(
    delay: Array, dead: Array, border: int, field: Field, pixel_um: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Photograph a delay of light and dead cells (rows, columns), `border` pixels wider than the image; (side, side).

    Of the nuisance of a `Field` the first channel's gain is the lamp's; focus, illumination and noise are as in stained images.
    """
    side = delay.shape[0] - 2 * border
    inner = slice(border, border + side)
    around = haze(delay[None], pixel_um)[0]
    light = 1 - np.float32(DELAY) * (delay - np.float32(HALO) * around) + np.float32(SHINE) * dead
    seen = ndimage.gaussian_filter(light, field.focus_um / pixel_um, mode="nearest", truncate=2.5)[inner, inner]
    seen = seen * np.float32(LAMP * field.gain[0] ** LAMP_SHARE) * illumination(field.illumination, side)
    np.maximum(seen, 0, out=seen)
    noise = rng.standard_normal((side, side), dtype=np.float32)
    area = (pixel_um / PIXEL_UM) ** 2
    seen += noise * np.sqrt((seen / np.float32(field.shot) + np.float32(field.read_noise**2)) / np.float32(area))
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)
