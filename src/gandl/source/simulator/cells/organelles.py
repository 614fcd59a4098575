"""Draws a population: nuclei and dots upon the bodies, and what each channel sees of them.

What infection does is a turn from one texture to another of equal mean and variance, or a move of dots of the same total: it
hardly changes how bright a channel is, nor how much its brightness varies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gandl.source.simulator.cells.bodies import (
    CON_A,
    HOECHST,
    MITOTRACKER,
    PHALLOIDIN,
    SYTO14,
    WGA,
    Drawing,
    draw_bodies,
)
from gandl.source.simulator.cells.canvas import Outline
from gandl.source.simulator.cells.morphology import CHANNELS
from gandl.source.simulator.cells.tissue import Population

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SOFT_UM = 1.0
"""Width of the edge of a nucleus."""
LOST_DNA = 0.10
"""Share of the Hoechst signal that a sick nucleus loses: it shrinks, and without loss its brightness would reveal it."""
NUCLEOLI = 6
GOLGI_DOTS = 14
VESICLES = 12


def draw_channels(drawing: Drawing) -> Array:
    """(6, extent, extent): light of every channel, without nuisance; about 1 in the middle of a cell."""
    bodies = draw_bodies(drawing)
    dna, shade, envelope, plasm = draw_nuclei(drawing)
    nucleoli, golgi, vesicles = draw_nucleoli(drawing), draw_golgi(drawing), draw_vesicles(drawing)
    np.minimum(shade, 1, out=shade)
    light = np.empty((len(CHANNELS), *dna.shape), np.float32)
    light[HOECHST] = dna * (1 - 0.35 * np.minimum(nucleoli, 1))
    light[CON_A] = bodies.er * (1 - 0.6 * shade) + 0.3 * envelope + vesicles
    light[PHALLOIDIN] = bodies.actin * (1 - 0.25 * shade)
    light[SYTO14] = bodies.rna * (1 - 0.7 * shade) + plasm + nucleoli + 0.12 * envelope + 0.4 * vesicles
    light[MITOTRACKER] = bodies.mitochondria * (1 - 0.65 * shade)
    # actin bleeds through into the channel of WGA
    light[WGA] = bodies.membrane * (1 - 0.35 * shade) + 0.45 * envelope + golgi + 0.2 * light[PHALLOIDIN]
    add_debris(drawing, light)
    return light


def draw_nuclei(drawing: Drawing) -> Array:
    """(4, extent, extent): DNA, cover (about 0 or 1), nuclear envelope, RNA of the nucleoplasm."""
    cells, line, canvas, textures = drawing.cells, drawing.line, drawing.canvas, drawing.textures
    planes = canvas.planes(4)
    places = drawing.rng.integers(0, textures.side, (2, cells.n))
    if not cells.n:
        return planes
    reach = float((cells.nucleus * np.sqrt(cells.nucleus_elongation)).max()) * 1.15 + SOFT_UM
    windows = canvas.windows(cells.y, cells.x, reach)
    nuclei = Outline.of(cells.nucleus_angle, cells.nucleus, cells.nucleus_elongation, cells.nucleus_lobes)[
        :, None, None
    ]
    distance = nuclei.distance(*nuclei.position(*canvas.offsets(windows, cells.y, cells.x)))
    turn = (np.pi / 2 * cells.degree)[:, None, None]
    soft = np.maximum(SOFT_UM * (1 + 0.5 * cells.degree), canvas.pixel_um)
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
    windows.add(planes, values)
    return planes


def draw_nucleoli(drawing: Drawing) -> Array:
    """(extent, extent): bright in RNA, dark in DNA; they dissolve into the nucleoplasm."""
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
    return drawing.canvas.dots(*(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def draw_golgi(drawing: Drawing) -> Array:
    """(extent, extent): dots, a compact heap at one pole of the nucleus, or strewn around it."""
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
    return drawing.canvas.dots(*(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def draw_vesicles(drawing: Drawing) -> Array:
    """(extent, extent): bright dots of ConA beside some nuclei, whatever the severity."""
    cells, line, rng = drawing.cells, drawing.line, drawing.rng
    shape = (cells.n, VESICLES)
    there = (rng.random((cells.n, 1)) < 0.6) & (rng.random(shape) < 0.7)
    around = cells.pole[:, None] + np.pi / 2 + rng.normal(0, 0.7, shape)
    distance = 1.1 + rng.exponential(0.45, shape)
    y, x = _in_nucleus(cells, distance, around)
    sigma = 0.5 * np.exp(rng.normal(0, 0.15, shape))
    amount = there * 1.5 * line.reticulum * np.exp(rng.normal(0, 0.5, shape)) * cells.brightness[:, [CON_A]]
    return drawing.canvas.dots(*(np.float32(values).ravel() for values in (y, x, sigma, amount)))


def add_debris(drawing: Drawing, light: Array) -> None:
    """Add to the light (channels, extent, extent) rounded dead cells that float above the others, bright in every channel."""
    cells, canvas, rng = drawing.cells, drawing.canvas, drawing.rng
    n = int(rng.poisson(drawing.debris * cells.n))
    if not n:
        return
    chosen = rng.integers(0, cells.n, n)
    radius, elongation, angle = rng.uniform((2.6, 1.0, 0.0), (6.5, 1.5, np.pi), (n, 3)).astype(np.float32).T
    lobes = rng.normal(0, (0.07, 0.07, 0.02), (n, 3)).astype(np.float32)
    bright = (rng.uniform(0.5, 2.2, (n, 1)) * np.exp(rng.normal(0, 0.35, (n, len(light))))).astype(np.float32)
    y, x = ((place[chosen] + rng.normal(0, 12.0, n)).astype(np.float32) for place in (cells.y, cells.x))
    windows = canvas.windows(y, x, float((radius * np.sqrt(elongation)).max()) * 1.3 + SOFT_UM)
    outlines = Outline.of(angle, radius, elongation, lobes)[:, None, None]
    distance = outlines.distance(*outlines.position(*canvas.offsets(windows, y, x)))
    ball = np.sqrt(np.clip(1.05 - distance * distance, 0, None))
    windows.add(light, ball * bright.T[:, :, None, None])


def _in_nucleus(cells: Population, distance: Doubles, around: Doubles) -> tuple[Doubles, Doubles]:
    """y, x (n, k) in um at a distance (1 on the outline of the nucleus) and an angle from its long axis."""
    stretch = np.sqrt(cells.nucleus_elongation)
    u = distance * np.cos(around) * (cells.nucleus * stretch)[:, None]
    v = distance * np.sin(around) * (cells.nucleus / stretch)[:, None]
    cos, sin = np.cos(cells.nucleus_angle)[:, None], np.sin(cells.nucleus_angle)[:, None]
    return cells.y[:, None] + sin * u + cos * v, cells.x[:, None] + cos * u - sin * v
