"""Draws a population: bodies that share the ground between them, nuclei, and what lies inside, one plane per channel.

Every structure is drawn for several cells at once in square windows around them (n, w, w), then added to the planes. What
infection does is a turn from one texture to another of equal mean and variance, or a move of dots of the same total: it
hardly changes how bright a channel is, nor how much its brightness varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.source.simulator.morphology import CHANNELS, CellLine
from gandl.source.simulator.textures import DIRECTIONS, Textures
from gandl.source.simulator.tissue import Population
from gandl.source.simulator.windows import Canvas, Windows, outline

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

HOECHST, CON_A, PHALLOIDIN, SYTO14, MITOTRACKER, WGA = range(len(CHANNELS))
ER, ACTIN, RNA, POWER, MEMBRANE, SEAM, FIBRES, SICK = range(8)
"""Planes of the bodies: five kinds of cytoplasm, borders, texture of the actin fibres, sine of the turn of `degree`."""
PLANES = 8
CHUNK = 8
"""Cells drawn together: few enough for their windows to stay in the processor's cache."""
STEEPNESS = 10.0
"""Sharpness of the border between two bodies."""
FAINT = 0.02
"""Claim to the ground below which a body ends."""
WARP_UM = 3.0
SOFT_UM = 1.0
"""Width of the edge of a nucleus."""
LOST_DNA = 0.08
"""Share of the Hoechst signal that a sick nucleus loses: it shrinks, and without loss its brightness would give it away."""
NUCLEOLI = 6
GOLGI_DOTS = 14
VESICLES = 12


@dataclass(frozen=True)
class Drawing:
    """What every part of a drawing needs. line : the cell type, its perturbation included. debris : dead cells per cell."""

    cells: Population
    line: CellLine
    textures: Textures
    canvas: Canvas
    debris: float
    rng: np.random.Generator


def draw_channels(drawing: Drawing) -> Array:
    """(6, rows, columns): light of every channel, the image and its border, without nuisance; about 1 in the middle of a cell."""
    bodies = draw_bodies(drawing)
    dna, shade, envelope, plasm = draw_nuclei(drawing)
    nucleoli, golgi, vesicles = draw_dots(drawing)
    np.minimum(shade, 1, out=shade)
    actin, membrane = _textured(drawing, bodies)
    light = np.empty((len(CHANNELS), *dna.shape), np.float32)
    light[HOECHST] = dna * (1 - 0.35 * np.minimum(nucleoli, 1))
    light[CON_A] = bodies[ER] * (1 - 0.6 * shade) + 0.3 * envelope + vesicles
    light[PHALLOIDIN] = actin * (1 - 0.25 * shade)
    light[SYTO14] = bodies[RNA] * (1 - 0.7 * shade) + plasm + nucleoli + 0.12 * envelope + 0.4 * vesicles
    light[MITOTRACKER] = bodies[POWER] * (1 - 0.65 * shade)
    light[WGA] = membrane * (1 - 0.35 * shade) + 0.45 * envelope + golgi + 0.2 * light[PHALLOIDIN]
    add_debris(drawing, light)
    return light


def _textured(drawing: Drawing, bodies: Array) -> tuple[Array, Array]:
    """Put textures on the bodies, in place; returns what phalloidin and WGA see.

    A sick cell has cos(t) of the healthy texture and sin(t) of the sick one: for textures of variance 1, of variance 1.
    """
    line, textures, rng = drawing.line, drawing.textures, drawing.rng
    sick = np.minimum(bodies[SICK], 1)
    healthy = np.sqrt(1 - sick * sick)

    def tile(texture: Array) -> Array:
        return textures.spread(texture, bodies.shape[-1], rng)

    # the lift makes up for what sick cells lose in variance elsewhere: RNA the nucleoli, for instance
    for plane, pair, contrast, lift in (
        (ER, textures.reticulum, 0.21 * line.reticulum, 1.1),
        (RNA, textures.granules, 0.11 * line.granules, 1.7),
        (POWER, textures.mitochondria, 0.26 * line.mitochondria, 1.1),
    ):
        bodies[plane] *= 1 + np.float32(contrast) * (healthy * tile(pair[0]) + np.float32(lift) * sick * tile(pair[1]))
    patches = sick * tile(textures.patches)
    actin = bodies[ACTIN] * (1 + np.float32(0.25 * line.fibres) * (bodies[FIBRES] + np.float32(0.78) * patches))
    actin += np.float32(0.35 * line.rim) * bodies[SEAM] * (1 - 0.06 * sick + np.float32(0.25) * patches)
    membrane = bodies[MEMBRANE] * (1 + np.float32(0.12) * tile(textures.membrane))
    return actin, membrane + np.float32(0.22 * line.rim) * bodies[SEAM]


def draw_bodies(drawing: Drawing) -> Array:
    """(8, rows, columns), without texture: what the entries of `PLANES` name."""
    cells, canvas, textures = drawing.cells, drawing.canvas, drawing.textures
    planes = canvas.planes(PLANES)
    shift = drawing.rng.integers(0, textures.side, (2, 1))
    places = drawing.rng.integers(0, textures.side, (2, cells.n))
    if not cells.n:
        return canvas.image(planes)
    total = canvas.planes(1)[0]
    bulge = np.hypot(cells.lobes[:, 0], cells.lobes[:, 1]) + np.abs(cells.lobes[:, 2])
    reach = cells.size * np.sqrt(cells.elongation) * np.float32(1.1) / (1 - bulge) + np.float32(1.2 * WARP_UM)
    # cells of a like size together, so that their windows are no larger than needed
    order = np.argsort(reach, kind="stable")
    bodies = []
    for start in range(0, cells.n, CHUNK):
        chunk = order[start : start + CHUNK]
        windows = canvas.windows(cells.y[chunk], cells.x[chunk], float(reach[chunk].max()))
        claim, distance, u = _claims(drawing, chunk, windows, shift)
        windows.add(total, claim, *canvas.drawn)
        bodies.append((chunk, windows, claim, distance, u))
    for chunk, windows, claim, distance, u in bodies:
        share = claim / (1 + windows.cut(total))
        windows.add(planes, _body(drawing, chunk, places[:, chunk], share, distance, u), *canvas.drawn)
    return canvas.image(planes)


def _claims(drawing: Drawing, chunk: Index, windows: Windows, shift: Index) -> tuple[Array, Array, Array]:
    """(n, w, w) each: claims of some cells to the ground, squared distance (1 on the outline), position along the axis."""
    cells, textures = drawing.cells, drawing.textures
    # the warp belongs to the ground, so that neighbours share a ragged border
    ground = ((windows.rows + shift[0]) % textures.side, (windows.columns + shift[1]) % textures.side)
    bend = [np.float32(WARP_UM) * textures.cut(tile, ground, windows.side) for tile in textures.warp]
    dy, dx = drawing.canvas.offsets(windows, cells.y[chunk], cells.x[chunk])
    form = (cells.angle[chunk], cells.size[chunk], cells.elongation[chunk], cells.lobes[chunk])
    distance, u = outline(dy + bend[0], dx + bend[1], *form)
    distance *= distance
    return np.maximum(np.exp(np.float32(STEEPNESS) * (1 - distance)) - np.float32(FAINT), 0), distance, u


def _body(drawing: Drawing, chunk: Index, places: Index, share: Array, distance: Array, u: Array) -> Array:
    """(8, n, w, w): what some cells add to the planes of the bodies.

    share : of the ground, 0 to 1. distance : squared, 1 on the outline. u : position along the long axis.
    """
    cells, line, textures = drawing.cells, drawing.line, drawing.textures
    turn = (np.pi / 2 * cells.degree[chunk])[:, None, None]
    brightness = cells.brightness[chunk][:, :, None, None]
    direction = np.round(cells.angle[chunk] / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    # thick around the nucleus, and thicker towards one end
    middle = share * np.exp(np.float32(-1.7) * distance) * (1 + np.float32(0.4) * np.clip(u, -1.2, 1.2))
    made = np.empty((PLANES, *share.shape), np.float32)
    for plane, channel, flat, thick in (
        (ER, CON_A, 0.22, 0.9),
        (ACTIN, PHALLOIDIN, 0.55, 0.25),
        (RNA, SYTO14, 0.25, 0.75),
        (POWER, MITOTRACKER, 0.3, 1.0),
        (MEMBRANE, WGA, 0.5, 0.5),
    ):
        np.multiply(middle, np.float32(thick * line.perinuclear) * brightness[:, channel], out=made[plane])
        made[plane] += share * (np.float32(flat) * brightness[:, channel])
    np.multiply(4 * brightness[:, PHALLOIDIN], share * (1 - share), out=made[SEAM])
    np.multiply(share, np.sin(turn), out=made[SICK])
    fibres = textures.cut(textures.fibres, (direction, places[0], places[1]), share.shape[-1])
    np.multiply(share * np.cos(turn), fibres, out=made[FIBRES])
    return made


def draw_nuclei(drawing: Drawing) -> Array:
    """(4, rows, columns): DNA, cover (about 0 or 1), nuclear envelope, RNA of the nucleoplasm."""
    cells, line, canvas, textures = drawing.cells, drawing.line, drawing.canvas, drawing.textures
    planes = canvas.planes(4)
    places = drawing.rng.integers(0, textures.side, (2, cells.n))
    if not cells.n:
        return canvas.image(planes)
    reach = float((cells.nucleus * np.sqrt(cells.nucleus_elongation)).max()) * 1.15 + SOFT_UM
    windows = canvas.windows(cells.y, cells.x, reach)
    dy, dx = canvas.offsets(windows, cells.y, cells.x)
    form = (cells.nucleus_angle, cells.nucleus, cells.nucleus_elongation, cells.nucleus_lobes)
    distance, _ = outline(dy, dx, *form)
    turn = (np.pi / 2 * cells.degree)[:, None, None]
    soft = np.maximum(SOFT_UM * (1 + cells.degree), canvas.pixel_um)
    depth = (1 - distance) * cells.nucleus[:, None, None]
    cover = np.clip(depth / soft[:, None, None] + 0.5, 0, 1)
    ring = np.exp(np.float32(-0.5 / SOFT_UM**2) * depth * depth)
    chromatin = textures.cut(textures.chromatin[0], (places[0], places[1]), windows.side) * np.cos(turn)
    chromatin += textures.cut(textures.chromatin[1], (places[0], places[1]), windows.side) * np.sin(turn)
    usual = (line.nucleus / cells.nucleus) ** 2 * cells.dna * (1 - np.float32(LOST_DNA) * cells.degree)
    values = np.stack(
        [
            cover * (1 + np.float32(0.17 * line.chromatin) * chromatin) * usual[:, None, None],
            cover,
            ring * cells.brightness[:, WGA, None, None],
            cover * (cells.brightness[:, SYTO14] * (0.22 + 0.16 * cells.degree))[:, None, None],
        ]
    )
    windows.add(planes, values, *canvas.drawn)
    return canvas.image(planes)


def draw_dots(drawing: Drawing) -> Array:
    """(3, rows, columns): nucleoli, Golgi, vesicles."""
    planes = drawing.canvas.planes(3)
    _nucleoli(drawing, planes[0])
    _golgi(drawing, planes[1])
    _vesicles(drawing, planes[2])
    return drawing.canvas.image(planes)


def _nucleoli(drawing: Drawing, plane: Array) -> None:
    """Bright in RNA, dark in DNA; they dissolve into the nucleoplasm."""
    cells, line, rng = drawing.cells, drawing.line, drawing.rng
    shape = (cells.n, NUCLEOLI)
    there = rng.random(shape) < line.nucleoli / NUCLEOLI
    there[:, 0] |= ~there.any(axis=1)
    distance = 0.66 * rng.random(shape) ** 0.4
    around = rng.uniform(-np.pi, np.pi, shape)
    sigma = 0.8 * line.nucleolus * np.exp(rng.normal(0, 0.2, shape))
    peak = 1.0 * np.exp(rng.normal(0, 0.15, shape)) * (1 - 0.9 * cells.degree[:, None]) * cells.brightness[:, [SYTO14]]
    y, x = _in_nucleus(cells, distance, around)
    amount = there * peak * 2 * np.pi * sigma**2
    drawing.canvas.stamp(plane, *(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def _golgi(drawing: Drawing, plane: Array) -> None:
    """Dots: a compact heap at one pole of the nucleus, or strewn around it."""
    cells, line, rng = drawing.cells, drawing.line, drawing.rng
    shape = (cells.n, GOLGI_DOTS)
    strewn = rng.random(shape) < cells.degree[:, None]
    along = rng.normal(0, 0.5, shape)
    around = np.where(strewn, rng.uniform(-np.pi, np.pi, shape), cells.pole[:, None] + along)
    beyond = np.where(strewn, rng.uniform(0.5, 9.0, shape), np.abs(rng.normal(1.2, 0.45 * line.golgi_spread, shape)))
    distance = 1 + beyond / cells.nucleus[:, None]
    y, x = _in_nucleus(cells, distance, around)
    sigma = np.where(strewn, 0.60, 1.05) * np.exp(rng.normal(0, 0.1, shape))
    whole = 700 * line.golgi * cells.brightness[:, [WGA]]
    amount = whole / GOLGI_DOTS * np.exp(rng.normal(0, 1, shape) * np.where(strewn, 0.5, 0.3))
    drawing.canvas.stamp(plane, *(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def _vesicles(drawing: Drawing, plane: Array) -> None:
    """Bright dots of ConA beside some nuclei, whatever the severity."""
    cells, line, rng = drawing.cells, drawing.line, drawing.rng
    shape = (cells.n, VESICLES)
    there = (rng.random((cells.n, 1)) < 0.6) & (rng.random(shape) < 0.7)
    around = cells.pole[:, None] + np.pi / 2 + rng.normal(0, 0.7, shape)
    distance = 1.1 + rng.exponential(0.45, shape)
    y, x = _in_nucleus(cells, distance, around)
    sigma = 0.5 * np.exp(rng.normal(0, 0.15, shape))
    amount = there * 1.5 * line.reticulum * np.exp(rng.normal(0, 0.5, shape)) * cells.brightness[:, [CON_A]]
    drawing.canvas.stamp(plane, *(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def add_debris(drawing: Drawing, light: Array) -> None:
    """Add to the light (6, rows, columns) rounded dead cells that float above the others, bright in every channel."""
    cells, canvas, rng = drawing.cells, drawing.canvas, drawing.rng
    n = int(rng.poisson(drawing.debris * cells.n))
    if not n:
        return
    chosen = rng.integers(0, cells.n, n)
    radius, elongation, angle = rng.uniform((2.0, 1.0, 0.0), (6.5, 1.5, np.pi), (n, 3)).astype(np.float32).T
    lobes = rng.normal(0, 0.08, (n, 3)).astype(np.float32)
    bright = (rng.uniform(0.5, 2.2, (n, 1)) * np.exp(rng.normal(0, 0.35, (n, len(CHANNELS))))).astype(np.float32)
    y, x = ((place[chosen] + rng.normal(0, 12.0, n)).astype(np.float32) for place in (cells.y, cells.x))
    windows = canvas.windows(y, x, float((radius * np.sqrt(elongation)).max()) * 1.3 + SOFT_UM)
    distance, _ = outline(*canvas.offsets(windows, y, x), angle, radius, elongation, lobes)
    ball = np.sqrt(np.clip(1.05 - distance * distance, 0, None))
    windows.moved(-canvas.pad).add(light, ball * bright.T[:, :, None, None])


def _in_nucleus(
    cells: Population, distance: npt.NDArray[np.float64], around: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """y, x (n, k) in um at a distance (1 on the outline of the nucleus) and an angle from its long axis."""
    stretch = np.sqrt(cells.nucleus_elongation)
    u = distance * np.cos(around) * (cells.nucleus * stretch)[:, None]
    v = distance * np.sin(around) * (cells.nucleus / stretch)[:, None]
    cos, sin = np.cos(cells.nucleus_angle)[:, None], np.sin(cells.nucleus_angle)[:, None]
    return cells.y[:, None] + sin * u + cos * v, cells.x[:, None] + cos * u - sin * v
