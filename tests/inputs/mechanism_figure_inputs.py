"""Tables of the question `mechanism` as its evaluation writes them, for figures and tables of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gandl.evaluation.mechanism.question import write_mechanism
from mechanism_inputs import SETTINGS, noise, screen, signature, write_wells

MECHANISMS = (
    *("Actin disruptors", "Aurora kinase inhibitors", "Cholesterol-lowering", "DNA damage", "DNA replication"),
    *("Eg5 inhibitors", "Epithelial", "Kinase inhibitors", "Microtubule destabilizers", "Microtubule stabilizers"),
    *("Protein degradation", "Protein synthesis"),
)


@dataclass(frozen=True)
class Evaluated:
    """Files of one featurizer under one normalisation."""

    numbers: Path
    treatments: Path
    confusion: Path


def write_evaluated(
    folder: Path, featurizer: str = "gandl_blocks", normalization: str = "tvn", spread: float = 2.0, seed: int = 0
) -> Evaluated:
    """Twelve mechanisms of three compounds, as BBBC021: two of them in one batch alone, compounds with two or three doses."""
    compounds = {f"c{i:02d}": MECHANISMS[i % 12] for i in range(36)}
    batches = {
        name: ["Week9" if "Cholesterol" in of else "Week7" if of == "Kinase inhibitors" else f"Week{i % 5 + 1}"]
        for i, (name, of) in enumerate(compounds.items())
    }
    wells = screen(compounds, batches, doses=3)
    wells = wells[(wells["concentration_um"] < 100) | wells["treatment"].str.endswith(("0", "3", "7"))]
    wells = wells.reset_index(drop=True)
    of_dose = np.minimum(1, wells["concentration_um"].to_numpy(float) / 30)[:, None]
    values = signature(wells, "moa") * of_dose + signature(wells, "experiment", 0.4, 1) + noise(wells, spread, seed)
    files = Evaluated(
        *(folder / f"{featurizer}.{normalization}{end}.parquet" for end in ("", ".treatments", ".confusion"))
    )
    write_mechanism(
        write_wells(folder, wells, values, f"{featurizer}.{normalization}.wells"),
        SETTINGS,
        featurizer=featurizer,
        normalization=normalization,
        seed=0,
        training_seed=0,
        output=files.numbers,
        treatments=files.treatments,
        confusion=files.confusion,
    )
    return files
