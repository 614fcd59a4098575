"""DNA, tubulin and actin: takes a drawing and what is changed in its cells, makes three planes of light.

Healthy cells have microtubules that radiate from beside the nucleus, and actin along their borders. Tubulin can lose its fibres
or gather them in bright bundles, actin can clump, nuclei can fall into pieces, cells can stop in mitosis, round and bright.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from gandl.source.simulator.cells.bodies import CON_A, PHALLOIDIN, Drawing, Ground, share_ground
from gandl.source.simulator.cells.organelles import add_debris, draw_nuclei
from gandl.source.simulator.cells.tissue import Population

Array = npt.NDArray[np.float32]

UNEVEN = 0.25
"""Standard deviation, between cells, of how strongly each responds, in shares of the mean."""
AROUND_UM = 15.0
"""Distance from the centre at which microtubules are as far apart as the texture's fibres."""
BEND = 0.12
"""Standard deviation (radians) of the bends of microtubules."""
PIECES = 4
"""Nuclei of a cell whose nucleus fell into pieces."""
CLUMPS = 10
"""Clumps of actin in a cell."""


@dataclass(frozen=True)
class Skeleton:
    """What is changed beside shapes and sizes (`Perturbation`); 0: nothing.

    Attributes
    ----------
    diffuse : share of the tubulin that is in no fibre. bundled : share of it in thick bundles around the nucleus.
    clumped : share of the actin in clumps. fragmented : share of cells with a nucleus in pieces. arrested : share of cells that
        stopped in mitosis. tubulin : natural logarithm of the factor on the amount of tubulin.
    """

    diffuse: float = 0.0
    bundled: float = 0.0
    clumped: float = 0.0
    fragmented: float = 0.0
    arrested: float = 0.0
    tubulin: float = 0.0

    def scaled(self, strength: float) -> Skeleton:
        """The same change, so many times as strong; shares are at most 1."""
        values = {field.name: strength * getattr(self, field.name) for field in fields(self)}
        return Skeleton(**{name: value if name == "tubulin" else min(value, 1.0) for name, value in values.items()})


def draw_skeleton(drawing: Drawing, skeleton: Skeleton) -> Array:
    """(3, extent, extent): light of DNA, tubulin and actin, without nuisance; about 1 in the middle of a cell."""
    rng = drawing.rng
    arrested = rng.random(drawing.cells.n) < skeleton.arrested
    drawing = replace(drawing, cells=_rounded(drawing.cells, arrested))
    response = np.clip(rng.normal(1, UNEVEN, drawing.cells.n), 0, 2)
    ground = share_ground(drawing)
    nuclei = replace(drawing, cells=_nuclei(drawing.cells, ~arrested, skeleton.fragmented, rng))
    dna, cover, _, _ = draw_nuclei(nuclei)
    cover = np.minimum(cover, 1)
    light = np.stack([dna, _tubulin(drawing, ground, skeleton, response), _actin(drawing, ground, skeleton, response)])
    light[1] *= 1 - np.float32(0.6) * cover
    light[2] *= 1 - np.float32(0.3) * cover
    add_debris(drawing, light)
    return light


def _rounded(cells: Population, arrested: npt.NDArray[np.bool_]) -> Population:
    """The cells, some of which stopped in mitosis: round, with dense DNA."""

    def instead(values: Array, other: Array | float) -> Array:
        return np.where(arrested, other, values).astype(np.float32)

    return replace(
        cells,
        size=instead(cells.size, 0.5 * cells.size),
        elongation=instead(cells.elongation, 1.05),
        lobes=np.where(arrested[:, None], 0, cells.lobes).astype(np.float32),
        nucleus=instead(cells.nucleus, 0.68 * cells.nucleus),
        nucleus_elongation=instead(cells.nucleus_elongation, 1.35),
        nucleus_lobes=np.where(arrested[:, None], 2.5 * cells.nucleus_lobes, cells.nucleus_lobes).astype(np.float32),
        brightness=np.where(arrested[:, None], 1.9 * cells.brightness, cells.brightness).astype(np.float32),
        dna=instead(cells.dna, 1.2 * cells.dna),
    )


def _nuclei(cells: Population, whole: npt.NDArray[np.bool_], fragmented: float, rng: np.random.Generator) -> Population:
    """The nuclei as cells of their own: those of some cells lie there in pieces, together of the same DNA."""
    broken = whole & (rng.random(cells.n) < fragmented)
    pieces = np.flatnonzero(broken).repeat(PIECES - 1)
    order = np.concatenate([np.arange(cells.n), pieces])
    size = np.where(broken, 0.66, 1.0)[order]
    size[cells.n :] = rng.uniform(0.3, 0.6, len(pieces))
    away = np.zeros(len(order))
    away[cells.n :] = rng.uniform(0.75, 1.1, len(pieces))
    around = np.tile(2 * np.pi * np.arange(1, PIECES) / (PIECES - 1), len(pieces) // (PIECES - 1))
    angle = np.zeros(len(order))
    angle[cells.n :] = around + rng.normal(0, 0.4, len(pieces)) + cells.pole[pieces]
    radius = cells.nucleus[order]
    values = {field.name: getattr(cells, field.name)[order] for field in fields(cells)}
    values["y"] = values["y"] + away * radius * np.sin(angle)
    values["x"] = values["x"] + away * radius * np.cos(angle)
    values["nucleus"] = radius * size
    values["dna"] = values["dna"] * size**2  # as bright as before: a smaller nucleus has less DNA
    return Population(**{name: np.asarray(value, np.float32) for name, value in values.items()})


def _tubulin(drawing: Drawing, ground: Ground, skeleton: Skeleton, response: npt.NDArray[np.float64]) -> Array:
    """(extent, extent): microtubules from a centre beside the nucleus, a haze without them, or bundles around the nucleus."""
    cells, canvas, textures = drawing.cells, drawing.canvas, drawing.textures
    centre = 0.7 * cells.nucleus
    away, angle = _polar(drawing, ground, cells.y + centre * np.sin(cells.pole), cells.x + centre * np.cos(cells.pole))
    around, _ = _polar(drawing, ground, cells.y, cells.x)
    angle += np.float32(BEND) * drawing.tile(textures.warp[0]).ravel()[ground.place]
    start = np.repeat(drawing.rng.integers(0, textures.side, cells.n), ground.count)
    tile, um = textures.fibres[0], canvas.pixel_um

    def cut(across: Array, along: Array) -> Array:
        rows, columns = (np.rint(values / um).astype(np.int64) for values in (across, along))
        return np.asarray(tile[(rows + start) % textures.side, (columns + start) % textures.side], np.float32)

    radial = cut(np.float32(AROUND_UM) * angle, away)
    bundles = np.clip(ground.fibres - np.float32(0.2), 0, None)
    diffuse = ground.each(np.clip(skeleton.diffuse * response, 0, 1).astype(np.float32))
    bundled = ground.each(np.clip(skeleton.bundled * response, 0, 1).astype(np.float32))
    fibrous = (1 - diffuse) * (1 - bundled)
    spread = np.float32(0.15) + np.float32(0.85) * np.exp(np.float32(-1.3) * ground.distance)
    even = np.float32(0.3) + np.float32(0.25) * np.exp(np.float32(-0.8) * ground.distance)
    near = np.exp(-((around / np.float32(2.0 * drawing.line.nucleus)) ** 2))
    amount = fibrous * spread * np.clip(1 + np.float32(0.45) * radial, 0.1, None)
    amount += diffuse * even
    amount += bundled * (np.float32(0.12) + near * (np.float32(0.3) + np.float32(1.5) * bundles))
    amount *= ground.share * ground.each(cells.brightness[:, CON_A])
    return canvas.gather(ground.place, amount) * np.float32(np.exp(skeleton.tubulin))


def _actin(drawing: Drawing, ground: Ground, skeleton: Skeleton, response: npt.NDArray[np.float64]) -> Array:
    """(extent, extent): actin under the membrane and in a few fibres, or in clumps."""
    cells, line, canvas = drawing.cells, drawing.line, drawing.canvas
    clumped = np.clip(skeleton.clumped * response, 0, 1).astype(np.float32)
    intact = ground.each(1 - clumped)
    body = np.float32(0.3) * (1 + np.float32(0.35 * line.fibres) * intact * ground.fibres)
    seam = np.float32(1.3 * line.rim) * intact * ground.share * (1 - ground.share)
    amount = (ground.share * body + seam) * ground.each(cells.brightness[:, PHALLOIDIN])
    return canvas.gather(ground.place, amount) + _clumps(drawing, clumped)


def _clumps(drawing: Drawing, clumped: Array) -> Array:
    """(extent, extent): dots of actin in the cells that have such."""
    cells, rng = drawing.cells, drawing.rng
    shape = (cells.n, CLUMPS)
    around = rng.uniform(-np.pi, np.pi, shape)
    away = cells.size[:, None] * rng.uniform(0.35, 0.95, shape)
    sigma = rng.uniform(0.7, 1.5, shape)
    amount = clumped[:, None] * cells.brightness[:, [PHALLOIDIN]] * rng.uniform(4.0, 14.0, shape)
    y, x = cells.y[:, None] + away * np.sin(around), cells.x[:, None] + away * np.cos(around)
    return drawing.canvas.dots(*(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def _polar(drawing: Drawing, ground: Ground, y: Array, x: Array) -> tuple[Array, Array]:
    """(k,) each: distance (um) and angle of every entry of the ground from a point (n,) of its cell."""
    canvas = drawing.canvas
    rows, columns = np.divmod(ground.place, canvas.extent)
    dy = (rows + (0.5 - canvas.border)) * canvas.pixel_um - ground.each(y)
    dx = (columns + (0.5 - canvas.border)) * canvas.pixel_um - ground.each(x)
    return np.hypot(dy, dx).astype(np.float32), np.arctan2(dy, dx).astype(np.float32)
