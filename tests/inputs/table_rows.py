"""Rows of tables as stages hand them on, for tests: complete by themselves, and with whatever a test changes in them."""

from __future__ import annotations

import numpy as np

from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPOUNDS
from gandl.tables import SITES

OF_A_SITE = ("site_id", "site")
"""What a row of wells lacks."""


def site_row(experiment: str, plate: int, well: str, site: int = 1, **changes: object) -> dict[str, object]:
    """A row of `tables.SITES`: an image of a well without treatment, that is no control, of a screen with one store per plate."""
    plate_id = f"{experiment}_{plate}"
    row = well.rstrip("0123456789")
    values: dict[str, object] = {
        "site_id": f"{plate_id}_{well}_{site}",
        "well_id": f"{plate_id}_{well}",
        "experiment": experiment,
        "plate": plate,
        "plate_id": plate_id,
        "store_id": plate_id,
        "well": well,
        "row": row,
        "column": int(well.removeprefix(row)),
        "site": site,
        "cell_type": experiment.partition("-")[0],
        "condition": "unknown",
        "control": "none",
        "treatment": None,
        "compound": None,
        "concentration_um": np.nan,
        "smiles": None,
    }
    assert set(changes) <= set(SITES.names)
    return values | changes


def well_row(experiment: str, plate: int, well: str, **changes: object) -> dict[str, object]:
    """The same of a well, as the tables of profiles and scores have it."""
    row = site_row(experiment, plate, well, **changes)  # type: ignore[arg-type]
    return {name: value for name, value in row.items() if name not in OF_A_SITE}


def number_row(**changes: object) -> dict[str, object]:
    """A row of `tables.NUMBERS`: Z' of the controls of a plate, whole rows left out."""
    values: dict[str, object] = {
        "question": "controls",
        "featurizer": "gandl_blocks",
        "normalization": "unlabelled",
        "split": "leave_row_out:A-H",
        "fold": "all",
        "seed": 0,
        "unit": "well",
        "metric": "z_prime",
        "value": 0.5,
        "low": 0.3,
        "high": 0.6,
        "n": 24,
    }
    return values | changes


def compound_row(compound: str, **changes: object) -> dict[str, object]:
    """A made-up row of `evaluation.terms.COMPOUNDS`."""
    values: dict[str, object] = {
        column.name: np.nan if column.kind == "float" else None for column in COMPOUNDS.columns
    }
    values |= dict.fromkeys((column.name for column in COMPOUNDS.columns if column.kind == "integer"), 2)
    values |= dict.fromkeys((column.name for column in COMPOUNDS.columns if column.kind == "boolean"), False)
    values |= {"featurizer": "gandl_blocks", "normalization": "unlabelled", "scheme": "leave_plate_out"}
    values |= {"cell_type": "HRCE", "compound": compound, "efficacy": 0.8, "efficacy_low": 0.6, "efficacy_high": 1.0}
    return values | {"efficacy_dose_um": 3.0} | changes


def dose_row(compound: str, dose: float, efficacy: float, **changes: object) -> dict[str, object]:
    """A made-up row of `evaluation.screening.terms.DOSES`."""
    values: dict[str, object] = {column.name: np.nan if column.kind == "float" else None for column in DOSES.columns}
    values |= {"featurizer": "gandl", "normalization": "unlabelled", "scheme": "leave_plate_out", "cell_type": "HRCE"}
    values |= {"compound": compound, "concentration_um": dose, "wells": 6, "plates": 3}
    values |= {
        "efficacy": efficacy,
        "efficacy_low": efficacy - 0.2,
        "efficacy_high": efficacy + 0.2,
        "median": efficacy,
    }
    return values | {"toxic": False, "hit": efficacy > 0, "sign_test_hit": efficacy > 0} | changes
