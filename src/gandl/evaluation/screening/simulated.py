"""Simulated scores: takes a design and a seed, draws the scores of a screen whose truth is known. No image is drawn.

Negative controls lie around -1 and positive ones around +1; the negative ones have lost nuclei, and the positive ones lie farther
off the axis. A rescue goes from the ones to the others in all three along a Hill curve of the dose; an inactive compound does
nothing; a look-alike of a rescue raises the score, too, and moves wells beyond the positive controls off the axis, or kills cells
beyond the loss of the negative ones, at the same doses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation.screening.toxicity import NUCLEI
from gandl.statistics.hill import Hill

DOSES_UM = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
RESCUE, INACTIVE, LOOK_ALIKE = "rescue", "inactive", "look_alike"
CELL_TYPE, SCHEME = "simulated", "leave_plate_out"
NUCLEI_NOISE = 0.1
"""Standard deviation of a well's number of nuclei, as a share of its mean."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """A screen of compounds on `replicates` plates, a well of every compound and dose on each.

    Attributes
    ----------
    rescues, inactive, look_alikes : compounds of each kind. negatives, positives : control wells of a plate.
    noise : standard deviation of control wells' scores within a plate; that of plates is `plate_noise`. Controls are 2 apart.
    treated_noise : what the noise of treated wells is multiplied by, of score, off-axis distance and nuclei.
    tails : degrees of freedom of Student's t that all wells' scores vary by (standard deviation as above); 0: normal.
    off_noise : standard deviation of the logarithm of off-axis distances; positive controls lie `healthy_off` farther off.
    nuclei : mean number of positive controls, with a standard deviation of a tenth; negative ones have `infected` of it.
    harm : from and to how many standard deviations look-alikes go beyond positive (off the axis) or negative controls (nuclei).
    """

    rescues: int
    inactive: int
    look_alikes: int = 0
    replicates: int = 4
    negatives: int = 16
    positives: int = 8
    noise: float = 0.25
    plate_noise: float = 0.1
    treated_noise: float = 1.0
    tails: int = 0
    off_noise: float = 0.1
    healthy_off: float = 0.3
    nuclei: float = 200.0
    infected: float = 0.7
    harm: tuple[float, float] = (1.0, 6.0)


def simulated_screen(design: Design, seed: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a screen.

    Returns
    -------
    Its wells, with the columns of `tables.WELL_SCORES` that screening reads and `nuclei`; and the truth by compound: kind,
    ec50_um (log-uniform within the doses), hill_slope (log-uniform from 0.8 to 3), top (uniform from 0 to 1), harm of look-alikes
    (uniform within the design's); null where a compound has none.
    """
    rng = np.random.default_rng(seed)
    truth = _truth(design, rng)
    names, doses = truth["compound"], np.array(DOSES_UM)
    curves = [
        Hill(ec50, slope, -1.0, top)(doses) if np.isfinite(ec50) else -np.ones(len(doses))
        for ec50, slope, top in truth[["ec50_um", "hill_slope", "top"]].to_numpy(float)
    ]
    expected = np.array(curves).reshape(-1, len(doses))
    off, alive = _harm(design, truth, expected)
    plates = [f"plate {i}" for i in range(design.replicates)]
    parts = []
    for plate in plates:
        of_treated = pd.DataFrame(
            {
                "control": "none",
                "compound": np.repeat(names, len(doses)),
                "concentration_um": np.tile(doses, len(names)),
                "expected": expected.ravel(),
                "off": off.ravel(),
                "alive": alive.ravel(),
            }
        )
        of_controls = pd.DataFrame(
            {
                "control": ["negative"] * design.negatives + ["positive"] * design.positives,
                "compound": None,
                "concentration_um": np.nan,
                "expected": [-1.0] * design.negatives + [1.0] * design.positives,
                "off": [0.0] * design.negatives + [design.healthy_off] * design.positives,
                "alive": [design.infected] * design.negatives + [1.0] * design.positives,
            }
        )
        wells = pd.concat([of_treated, of_controls], ignore_index=True)
        n = len(wells)
        wider = np.where(wells["control"] == "none", design.treated_noise, 1.0)
        drawn = _varying(rng, design.tails, n)
        wells["on"] = wells["expected"] + design.plate_noise * rng.standard_normal() + design.noise * wider * drawn
        wells["off_norm"] = np.exp(wells["off"] + design.off_noise * wider * rng.standard_normal(n))
        counted = np.maximum(1 + NUCLEI_NOISE * wider * rng.standard_normal(n), 0.1)
        wells[NUCLEI] = design.nuclei * wells["alive"] * counted
        parts.append(wells.assign(plate_id=plate, well_id=[f"{plate} {i:05d}" for i in range(n)]))
    screen = pd.concat(parts, ignore_index=True)
    return screen.assign(treatment=screen["compound"], scheme=SCHEME, cell_type=CELL_TYPE), truth


def _truth(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Compounds of a screen, by kind."""
    kinds = [RESCUE] * design.rescues + [INACTIVE] * design.inactive + [LOOK_ALIKE] * design.look_alikes
    n = len(kinds)
    truth = pd.DataFrame({"compound": [f"{kind} {place:04d}" for place, kind in enumerate(kinds)], "kind": kinds})
    truth["ec50_um"] = np.exp(rng.uniform(np.log(DOSES_UM[0]), np.log(DOSES_UM[-1]), n))
    truth["hill_slope"] = np.exp(rng.uniform(np.log(0.8), np.log(3.0), n))
    truth["top"], truth["harm"] = rng.uniform(0.0, 1.0, n), rng.uniform(*design.harm, n)
    truth.loc[truth["kind"] == INACTIVE, ["ec50_um", "hill_slope", "top"]] = np.nan
    truth.loc[truth["kind"] != LOOK_ALIKE, "harm"] = np.nan
    return truth


def _harm(design: Design, truth: pd.DataFrame, expected: Floats) -> tuple[Floats, Floats]:
    """(compounds, doses) logarithms of off-axis distances, and nuclei as a share of those of positive controls.

    Rescues go from the negative controls to the positive ones as far as their scores do. Look-alikes go so far with their doses
    as their curves do, every second one off the axis, the others in their nuclei.
    """
    way = (expected + 1) / 2
    alike = (truth["kind"] == LOOK_ALIKE).to_numpy()[:, None]
    off_axis = alike & (np.arange(len(truth)) % 2 == 0)[:, None]
    reached = way / np.where(alike, (truth["top"].to_numpy(float)[:, None] + 1) / 2, 1.0)
    harm = truth["harm"].fillna(0.0).to_numpy(float)[:, None]
    off = np.where(off_axis, reached * (design.healthy_off + harm * design.off_noise), way * design.healthy_off)
    saved = design.infected + way * (1 - design.infected)
    alive = np.where(alike & ~off_axis, design.infected * (1 - reached * harm * NUCLEI_NOISE), saved)
    return off, alive


def _varying(rng: np.random.Generator, tails: int, n: int) -> Floats:
    """(n,) draws of variance 1, normal or of Student's t with more than 2 degrees of freedom."""
    return rng.standard_t(tails, n) / np.sqrt(tails / (tails - 2)) if tails else rng.standard_normal(n)
