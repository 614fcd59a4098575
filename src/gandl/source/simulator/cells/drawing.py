"""Draws one microscope site: takes a `Field` (what is in it), makes six 8-bit images, a single grey one, or three 16-bit ones
of the cytoskeleton, in micrometres at any pixel size.

Cells are nuclei with chromatin and nucleoli, and bodies that share the ground, with ER, actin fibres, RNA, mitochondria and
Golgi. Severity changes how these are arranged, not how bright they are: see `organelles`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.source.simulator.cells.bodies import Drawing
from gandl.source.simulator.cells.canvas import Canvas
from gandl.source.simulator.cells.cytoskeleton import Skeleton, draw_skeleton
from gandl.source.simulator.cells.morphology import CELL_LINES, CHANNELS, CellLine, Perturbation, draw_perturbation
from gandl.source.simulator.cells.nuisance import (
    BACKGROUND,
    Field,
    PlateNuisance,
    WellNuisance,
    draw_field,
    draw_nuisance_plate,
    draw_nuisance_well,
)
from gandl.source.simulator.cells.optics import expose
from gandl.source.simulator.cells.organelles import draw_channels
from gandl.source.simulator.cells.textures import textures
from gandl.source.simulator.cells.tissue import draw_population
from gandl.source.simulator.cells.transmitted import draw_delay, expose_grey

__all__ = [
    "CELL_LINES",
    "CHANNELS",
    "CellLine",
    "DrawnSite",
    "Field",
    "Perturbation",
    "PlateNuisance",
    "WellNuisance",
    "draw_field",
    "draw_grey_site",
    "draw_nuisance_plate",
    "draw_nuisance_well",
    "draw_perturbation",
    "draw_site",
    "draw_skeleton_site",
]

FINEST_UM = 0.5
BORDER_UM = 6.5
"""Ground drawn around the image, from which blurring takes light."""
TYPICAL = (0.126, 0.614, 0.674, 0.582, 0.679, 0.97)
"""Mean light of sites of the first cell type as drawn, per channel: what `CellLine.brightness` is to be reached with."""

TYPICAL_SKELETON = (0.126, 0.35, 0.45)
"""The same of DNA, tubulin and actin of a cytoskeleton, in healthy MCF7 cells."""
COUNTS = 64.0
"""Counts of a 16-bit camera for one grey level."""


@dataclass(frozen=True)
class DrawnSite:
    """One drawn site.

    Attributes
    ----------
    images : (channels, side, side) uint8 in the order of `CHANNELS`; one channel where no stain was used. Of a cytoskeleton DNA,
        tubulin and actin (3, height, width) uint16.
    cells : whose nucleus is centred in the image.
    """

    images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    cells: int


def draw_site(
    field: Field, side: int, pixel_um: float, rng: np.random.Generator, channels: tuple[str, ...] = CHANNELS
) -> DrawnSite:
    """Draw a site of `side` pixels of `pixel_um`; the same state of the generator gives the same bytes.

    Parameters
    ----------
    pixel_um : at least 0.5. channels : which of `CHANNELS`, in their order there.

    Raises
    ------
    ValueError : a finer pixel size, for which there are no textures.
    """
    drawing, side_um = _drawn(field, side, pixel_um, rng), side * pixel_um
    line, border = drawing.line, drawing.canvas.border
    light = draw_channels(drawing)
    chosen = [CHANNELS.index(channel) for channel in channels]
    for i in chosen:
        light[i] *= np.float32(max(0.5, line.brightness[i] - BACKGROUND[i]) / TYPICAL[i])
    images = np.empty((len(chosen), side, side), np.uint8)
    expose(light[chosen], chosen, border, field, pixel_um, rng, images)
    return DrawnSite(images, drawing.cells.counted(side_um))


def draw_grey_site(field: Field, side: int, pixel_um: float, rng: np.random.Generator) -> DrawnSite:
    """Draw a site as `draw_site` does, but without stains, in transmitted light: one grey image.

    Raises
    ------
    ValueError : as `draw_site`.
    """
    drawing = _drawn(field, side, pixel_um, rng)
    image = expose_grey(*draw_delay(drawing), drawing.canvas.border, field, pixel_um, rng)
    return DrawnSite(image[None], drawing.cells.counted(side * pixel_um))


def draw_skeleton_site(
    field: Field, skeleton: Skeleton, size: tuple[int, int], pixel_um: float, rng: np.random.Generator
) -> DrawnSite:
    """Draw a site of DNA, tubulin and actin, in 16 bits.

    Parameters
    ----------
    size : (height, width) in px, no higher than wide. skeleton : what is changed in its cells beside `field.perturbation`.

    Raises
    ------
    ValueError : as `draw_site`.
    """
    height, width = size
    drawing = _drawn(field, width, pixel_um, rng)
    light = draw_skeleton(drawing, skeleton)
    for i, plane in enumerate(light):
        plane *= np.float32(max(0.5, drawing.line.brightness[i] - BACKGROUND[i]) / TYPICAL_SKELETON[i])
    images = np.empty((len(light), width, width), np.uint16)
    expose(light, [*range(len(light))], drawing.canvas.border, field, pixel_um, rng, images, COUNTS)
    return DrawnSite(images[:, :height], drawing.cells.counted(width * pixel_um, height * pixel_um))


def _drawn(field: Field, side: int, pixel_um: float, rng: np.random.Generator) -> Drawing:
    """The cells of a site, and what is needed to draw them."""
    if pixel_um < FINEST_UM:
        raise ValueError(f"sites are drawn with pixels of at least {FINEST_UM} um, not {pixel_um}")
    line = field.perturbation.applied(field.line)
    cells = draw_population(field, line, side * pixel_um, rng)
    canvas = Canvas(side, pixel_um, border=round(BORDER_UM / pixel_um))
    return Drawing(cells, line, textures(pixel_um), canvas, field.debris, rng)
