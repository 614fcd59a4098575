"""What differs between images without any biology: gain, background, illumination, focus, density of plates, wells, sites.

Takes random generators, makes the `Field` that `draw_site` draws. Every spread is larger than what infection does to the
mean of a channel, so that no channel's brightness and no cell count separates infected from healthy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gandl.source.simulator.cells.morphology import CHANNELS, UNPERTURBED, CellLine, Perturbation

PLATE_GAIN = 0.22
WELL_GAIN = 0.13
SITE_GAIN = 0.04
COMMON_GAIN = 0.10
PLATE_DENSITY = 0.12
WELL_DENSITY = 0.14
EDGE_DENSITY = 0.18
EDGE_GAIN = 0.12
EDGE_REACH = 1.5
"""Wells from the border at which the effects of the edge have fallen to a third."""
BACKGROUND = (1.1, 2.2, 2.0, 1.8, 3.0, 2.6)
FOCUS_UM = 0.55
HAZE = (0.03, 0.12, 0.22, 0.15, 0.3, 0.35)
"""Share of each channel's light that comes from out of focus."""


@dataclass(frozen=True)
class Illumination:
    """Brightness over the field: 1 + tilt . position - vignette |position - centre|^2, positions from -1 to 1.

    Attributes
    ----------
    tilt : (rows, columns). centre : (row, column).
    """

    tilt: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class PlateNuisance:
    """What the wells of a plate share. Entries of tuples belong to `CHANNELS`.

    Attributes
    ----------
    gain : factors. background : grey levels. haze : shares of light from out of focus. density : factor.
    focus_um : blur (standard deviation, um).
    """

    gain: tuple[float, ...]
    background: tuple[float, ...]
    haze: tuple[float, ...]
    illumination: Illumination
    density: float
    focus_um: float


@dataclass(frozen=True)
class WellNuisance(PlateNuisance):
    """The same for a well, its plate's included."""


@dataclass(frozen=True)
class Field:
    """What one site shows.

    Attributes
    ----------
    severity : of the infection in this site, 0 healthy to 1 (a little beyond is allowed); every cell changes at its own
        threshold of severity.
    density : factor on the cell type's density (toxic compounds: below 1). perturbation : of an siRNA.
    gain : factors. background : grey levels. haze : shares of light from out of focus.
    focus_um : blur (standard deviation, um), the microscope's own included.
    debris : expected share of dead, rounded cells. shot : electrons that make one grey level in a pixel
        of 0.65 um; fewer are noisier. read_noise : standard deviation there, grey levels.
    """

    line: CellLine
    severity: float = 0.0
    density: float = 1.0
    perturbation: Perturbation = UNPERTURBED
    gain: tuple[float, ...] = (1.0,) * len(CHANNELS)
    background: tuple[float, ...] = BACKGROUND
    haze: tuple[float, ...] = HAZE
    illumination: Illumination = Illumination()
    focus_um: float = FOCUS_UM
    debris: float = 0.04
    shot: float = 14.0
    read_noise: float = 0.3


def draw_nuisance_plate(rng: np.random.Generator) -> PlateNuisance:
    """What a plate's staining and microscope add."""
    return PlateNuisance(
        gain=_varied(rng, (1.0,) * len(CHANNELS), PLATE_GAIN),
        background=_varied(rng, BACKGROUND, 0.25),
        haze=_varied(rng, HAZE, 0.2),
        illumination=Illumination(
            tilt=_pair(rng, 0.08), vignette=float(rng.uniform(0.02, 0.16)), centre=_pair(rng, 0.25)
        ),
        density=_factor(rng, PLATE_DENSITY),
        focus_um=FOCUS_UM * _factor(rng, 0.12),
    )


def draw_nuisance_well(rng: np.random.Generator, plate: PlateNuisance, edge_distance: float) -> WellNuisance:
    """What a well adds to its plate.

    Parameters
    ----------
    edge_distance : wells between this one and the plate's border; 0 on the border, where cells are fewer and stains stronger.
    """
    edge = float(np.exp(-edge_distance / EDGE_REACH))
    common = _factor(rng, COMMON_GAIN) * (1 + EDGE_GAIN * edge)
    return WellNuisance(
        gain=tuple(common * gain for gain in _varied(rng, plate.gain, WELL_GAIN)),
        background=_varied(rng, plate.background, 0.25),
        haze=tuple(min(0.6, share) for share in _varied(rng, plate.haze, 0.25)),
        illumination=plate.illumination,
        density=plate.density * _factor(rng, WELL_DENSITY) * (1 - EDGE_DENSITY * edge),
        focus_um=plate.focus_um * _factor(rng, 0.15),
    )


def draw_field(
    rng: np.random.Generator,
    line: CellLine,
    well: PlateNuisance,
    severity: float = 0.0,
    *,
    perturbation: Perturbation | None = None,
    density: float = 1.0,
    debris: float = 1.0,
) -> Field:
    """One site of a well, with what differs between sites.

    Parameters
    ----------
    severity : of the well, noise included; about 0 to 1.
    density, debris : factors beside the well's nuisance, of a compound's toxicity for instance (0.5 and 4).
    """
    light = well.illumination
    return Field(
        line=line,
        severity=severity,
        density=well.density * density * _factor(rng, 0.08),
        perturbation=perturbation or UNPERTURBED,
        gain=_varied(rng, well.gain, SITE_GAIN),
        background=well.background,
        haze=well.haze,
        illumination=Illumination(
            tilt=(light.tilt[0] + rng.normal(0, 0.04), light.tilt[1] + rng.normal(0, 0.04)),
            vignette=light.vignette,
            centre=light.centre,
        ),
        focus_um=well.focus_um * _factor(rng, 0.12),
        debris=min(0.6, debris * 0.04 * _factor(rng, 0.5)),
    )


def _varied(rng: np.random.Generator, values: tuple[float, ...], spread: float) -> tuple[float, ...]:
    """The values, each times a log-normal factor of its own."""
    return tuple(
        value * float(factor) for value, factor in zip(values, np.exp(rng.normal(0, spread, len(values))), strict=True)
    )


def _factor(rng: np.random.Generator, spread: float) -> float:
    """A log-normal factor around 1."""
    return float(np.exp(rng.normal(0, spread)))


def _pair(rng: np.random.Generator, spread: float) -> tuple[float, float]:
    first, second = rng.normal(0, spread, 2)
    return float(first), float(second)
