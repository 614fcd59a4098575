"""Simulated scores: takes a design and a seed, draws the scores of a screen whose truth is known. No image is drawn.

Negative controls lie around -1 and positive ones around +1. A rescue raises the score along a Hill curve of the dose; an inactive
compound does nothing; a look-alike of a rescue raises it, too, and moves wells off the axis or kills cells at the same doses.
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

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """A screen of compounds on `replicates` plates, a well of every compound and dose on each.

    Attributes
    ----------
    rescues, inactive, look_alikes : compounds of each kind. negatives, positives : control wells of a plate.
    noise : standard deviation of wells' scores within a plate; that of plates is `plate_noise`. Controls are 2 apart.
    off_noise : standard deviation of the logarithm of off-axis distances; look-alikes reach `off_gain` more at the highest doses.
    nuclei : mean number of a well, with a standard deviation of a tenth; look-alikes lose up to `loss` of them.
    """

    rescues: int
    inactive: int
    look_alikes: int = 0
    replicates: int = 4
    negatives: int = 16
    positives: int = 8
    noise: float = 0.25
    plate_noise: float = 0.1
    off_noise: float = 0.1
    off_gain: float = 0.6
    nuclei: float = 200.0
    loss: float = 0.6


def simulated_screen(design: Design, seed: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a screen.

    Returns
    -------
    Its wells, with the columns of `tables.WELL_SCORES` that screening reads and `nuclei`; and the truth by compound: kind,
    ec50_um (log-uniform within the doses), hill_slope (log-uniform from 0.8 to 3), top (uniform from 0 to 1; of inactive ones
    all null).
    """
    rng = np.random.default_rng(seed)
    kinds = [RESCUE] * design.rescues + [INACTIVE] * design.inactive + [LOOK_ALIKE] * design.look_alikes
    acts = np.array([kind != INACTIVE for kind in kinds])
    ec50 = np.exp(rng.uniform(np.log(DOSES_UM[0]), np.log(DOSES_UM[-1]), len(kinds)))
    slope, top = np.exp(rng.uniform(np.log(0.8), np.log(3.0), len(kinds))), rng.uniform(0.0, 1.0, len(kinds))
    names = [f"{kind} {place:04d}" for place, kind in enumerate(kinds)]
    truth = pd.DataFrame({"compound": names, "kind": kinds, "ec50_um": ec50, "hill_slope": slope, "top": top})
    truth.loc[~acts, ["ec50_um", "hill_slope", "top"]] = np.nan
    doses = np.array(DOSES_UM)
    curves = [
        Hill(truth["ec50_um"][i], truth["hill_slope"][i], -1.0, truth["top"][i])(doses)
        if acts[i]
        else -np.ones(len(doses))
        for i in range(len(kinds))
    ]
    expected = np.array(curves)
    way = np.where(acts, (expected + 1).T / np.where(acts, top + 1, 1.0), 0.0).T
    alike = np.array([kind == LOOK_ALIKE for kind in kinds])
    off_axis = alike & (np.arange(len(kinds)) % 2 == 0)
    plates = [f"plate {i}" for i in range(design.replicates)]
    parts = []
    for plate in plates:
        of_treated = pd.DataFrame(
            {
                "control": "none",
                "compound": np.repeat(names, len(doses)),
                "concentration_um": np.tile(doses, len(names)),
                "expected": expected.ravel(),
                "off": np.where(off_axis[:, None], design.off_gain * way, 0.0).ravel(),
                "alive": (1 - np.where((alike & ~off_axis)[:, None], design.loss * way, 0.0)).ravel(),
            }
        )
        of_controls = pd.DataFrame(
            {
                "control": ["negative"] * design.negatives + ["positive"] * design.positives,
                "compound": None,
                "concentration_um": np.nan,
                "expected": [-1.0] * design.negatives + [1.0] * design.positives,
                "off": 0.0,
                "alive": 1.0,
            }
        )
        wells = pd.concat([of_treated, of_controls], ignore_index=True)
        n = len(wells)
        wells["on"] = (
            wells["expected"] + design.plate_noise * rng.standard_normal() + design.noise * rng.standard_normal(n)
        )
        wells["off_norm"] = np.exp(wells["off"] + design.off_noise * rng.standard_normal(n))
        wells[NUCLEI] = design.nuclei * wells["alive"] * np.maximum(1 + 0.1 * rng.standard_normal(n), 0.1)
        parts.append(wells.assign(plate_id=plate, well_id=[f"{plate} {i:05d}" for i in range(n)]))
    screen = pd.concat(parts, ignore_index=True)
    return screen.assign(treatment=screen["compound"], scheme=SCHEME, cell_type=CELL_TYPE), truth
