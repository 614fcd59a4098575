"""Bodies of cells, which share the ground between them: takes a drawing, makes planes of cytoplasm without and with texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.source.simulator.cells.canvas import Canvas, Outline
from gandl.source.simulator.cells.morphology import CHANNELS, CellLine
from gandl.source.simulator.cells.textures import DIRECTIONS, Textures
from gandl.source.simulator.cells.tissue import Population

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

HOECHST, CON_A, PHALLOIDIN, SYTO14, MITOTRACKER, WGA = range(len(CHANNELS))
STEEPNESS = 10.0
"""Sharpness of the border between two bodies."""
EDGE = 1.1
"""Where a body's claim to the ground ends: so many times as far out as its outline."""
WARP_UM = 3.0
"""How far borders stray from the outlines."""


@dataclass(frozen=True)
class Drawing:
    """What every part of a drawing needs. line : the cell type, its perturbation included. debris : dead cells per cell."""

    cells: Population
    line: CellLine
    textures: Textures
    canvas: Canvas
    debris: float
    rng: np.random.Generator

    def tile(self, texture: Array) -> Array:
        """(extent, extent): a texture over a whole plane."""
        return self.textures.spread(texture, self.canvas.extent, self.rng)


@dataclass(frozen=True)
class Ground:
    """Pixels that cells claim; one entry (k,) per cell and pixel.

    Attributes
    ----------
    count : (n,) entries of each cell; those of the first come first. place : number of the pixel. u : position along the
        cell's long axis, 1 on the outline. distance : squared distance from its centre, 1 on the outline. fibres : texture of
        the cell's actin fibres. share : of the pixel that the cell gets.
    """

    count: Index
    place: Index
    u: Array
    distance: Array
    fibres: Array
    share: Array

    def each(self, values: Array) -> Array:
        """(k,): values of the cells (n,), for each of their entries."""
        return np.repeat(values, self.count)


@dataclass(frozen=True)
class Bodies:
    """Planes (extent, extent): what the channels see of cytoplasm and borders."""

    er: Array
    actin: Array
    rna: Array
    mitochondria: Array
    membrane: Array


def draw_bodies(drawing: Drawing) -> Bodies:
    """Draw cytoplasm and borders of every cell.

    A sick cell has cos(t) of the healthy texture and sin(t) of the sick one: of textures of variance 1, again variance 1.
    """
    cells, line, textures, canvas = drawing.cells, drawing.line, drawing.textures, drawing.canvas
    ground = share_ground(drawing)
    turn = np.pi / 2 * cells.degree
    # thick around the nucleus, and thicker towards one end
    middle = ground.share * np.exp(np.float32(-1.7) * ground.distance) * np.float32(line.perinuclear)
    middle *= 1 + np.float32(0.4) * np.clip(ground.u, -1.2, 1.2)

    def body(channel: int, flat: float, thick: float) -> Array:
        amount = np.float32(flat) * ground.share + np.float32(thick) * middle
        return canvas.gather(ground.place, amount * ground.each(cells.brightness[:, channel]))

    sick = np.minimum(canvas.gather(ground.place, ground.share * ground.each(np.sin(turn))), 1)
    healthy = np.sqrt(1 - sick * sick)

    def textured(plane: Array, pair: tuple[Array, Array], contrast: float, lift: float) -> Array:
        # the lift makes up for what sick cells lose in variance elsewhere: RNA its nucleoli, for instance
        turned = healthy * drawing.tile(pair[0]) + np.float32(lift) * sick * drawing.tile(pair[1])
        return plane * (1 + np.float32(contrast) * turned)

    fibres = canvas.gather(ground.place, ground.share * ground.each(np.cos(turn)) * ground.fibres)
    seams = 4 * ground.share * (1 - ground.share) * ground.each(cells.brightness[:, PHALLOIDIN])
    seam = np.float32(line.rim) * canvas.gather(ground.place, seams)
    patches = sick * drawing.tile(textures.patches)
    actin = body(PHALLOIDIN, 0.55, 0.25) * (1 + np.float32(0.25 * line.fibres) * (fibres + np.float32(0.78) * patches))
    rims = 1 - np.float32(0.06) * sick + np.float32(0.25) * patches
    membrane = body(WGA, 0.5, 0.5) * (1 + np.float32(0.12) * drawing.tile(textures.membrane))
    return Bodies(
        er=textured(body(CON_A, 0.22, 0.9), textures.reticulum, 0.21 * line.reticulum, 1.1),
        actin=actin + np.float32(0.35) * seam * rims,
        rna=textured(body(SYTO14, 0.25, 0.75), textures.granules, 0.11 * line.granules, 1.7),
        mitochondria=textured(body(MITOTRACKER, 0.3, 1.0), textures.mitochondria, 0.26 * line.mitochondria, 1.1),
        membrane=membrane + np.float32(0.22) * seam,
    )


def share_ground(drawing: Drawing) -> Ground:
    """How much of every pixel each cell gets: claims fall with distance, and free ground has a claim of 1."""
    # the warp belongs to the ground, so that neighbours share a ragged border
    warp = [np.float32(WARP_UM) * drawing.tile(tile) for tile in drawing.textures.warp]
    cells = drawing.cells
    outlines = Outline.of(cells.angle, cells.size, cells.elongation, cells.lobes)
    starts = drawing.rng.integers(0, drawing.textures.side, (cells.n, 2))
    claimed = [_claimed(drawing, cell, outlines[cell], warp, starts[cell]) for cell in range(cells.n)]
    count = np.array([len(place) for place, *_ in claimed], np.int64)
    nothing = (np.empty(0, np.int64), *(np.empty(0, np.float32),) * 3)
    place, u, distance, fibres = (np.concatenate(parts) for parts in zip(nothing, *claimed, strict=True))
    distance *= distance
    faint = np.exp(np.float32(STEEPNESS * (1 - EDGE**2)))
    claim = np.exp(np.float32(STEEPNESS) * (1 - distance)) - faint
    total = drawing.canvas.gather(place, claim).ravel()
    return Ground(count, place, u, distance, fibres, claim / (1 + total[place]))


def _claimed(
    drawing: Drawing, cell: int, outline: Outline, warp: list[Array], start: Index
) -> tuple[Index, Array, Array, Array]:
    """Pixels (k,) that a cell claims; there, position along its long axis, distance from its centre, texture of its fibres.

    start : (2,) row and column of the texture to begin with.
    """
    cells, canvas, textures = drawing.cells, drawing.canvas, drawing.textures
    bulge = float(np.hypot(cells.lobes[cell, 0], cells.lobes[cell, 1]) + abs(cells.lobes[cell, 2]))
    reach = EDGE / (1 - bulge) * outline.half_sides() + 2 * WARP_UM
    rows, dy = canvas.span(float(cells.y[cell]), reach[0])
    columns, dx = canvas.span(float(cells.x[cell]), reach[1])
    u, v = outline.position(dy[:, None] + warp[0][rows, columns], dx[None, :] + warp[1][rows, columns])
    distance = outline.distance(u, v)
    inside = distance < EDGE
    place = (canvas.extent * np.arange(rows.start, rows.stop))[:, None] + np.arange(columns.start, columns.stop)
    direction = round(float(cells.angle[cell]) / np.pi * DIRECTIONS) % DIRECTIONS
    fibres = textures.fibres[direction, start[0] : start[0] + len(dy), start[1] : start[1] + len(dx)]
    return place[inside], u[inside], distance[inside], fibres[inside]
