"""A synthetic screen on which most treatments act, as on BBBC021: on its unlabelled wells, normalisation turns the order around.

Three plates of 24 negative controls (DMSO, by name), 16 positive ones and 56 treated wells. Features are drawn from a seed. All
featurizers see the positive controls' phenotype. `intensity` sees it best, but the feature that shows it is also what treatments
change, by another amount on each plate, since each holds other compounds. What `gandl_blocks` and `gandl_untrained` see of the
phenotype is less, and no treatment changes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evaluation_inputs import write_embeddings
from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.scores import write_scores
from gandl.normalization.profiles import write_profiles
from gandl.source.splits import write_splits
from gandl.tables import SITES, write_table
from table_rows import site_row

PLATES = 3
LAYOUT = {"negative": 24, "positive": 16, "none": 56}
TREATED = (4.0, -3.0, 12.0)
"""By how much treatments move the intensity on each plate, in deviations of a well, on average; single ones differ by 6."""
PHENOTYPE = {"gandl_blocks": 9.0, "gandl_untrained": 8.0, "intensity": 16.0}
"""How far apart the controls are, in deviations of a well."""
DIM = {"gandl_blocks": 40, "gandl_untrained": 40, "intensity": 12}
METHODS = ("unlabelled", "negative", "negative_crossfit", "none")
SETTINGS = EvaluationSettings(svm_c=[0.1, 1.0], bootstrap=500)


def active_sites() -> pd.DataFrame:
    """The sites table, one site per well."""
    rows = []
    for plate in range(1, PLATES + 1):
        kinds = [kind for kind, count in LAYOUT.items() for _ in range(count)]
        for place, i in enumerate(np.random.default_rng(plate).permutation(len(kinds))):
            name = {"negative": "DMSO", "positive": "taxol", "none": f"compound {plate}-{i}"}[kinds[i]]
            about = {"control": kinds[i], "treatment": name, "condition": "treated", "cell_type": "MCF7"}
            rows.append(site_row("week", plate, f"{'ABCDEFGH'[place // 12]}{place % 12 + 1:02d}", **about))
    return pd.DataFrame(rows)


def features(featurizer: str, sites: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """(n, d): noise of wells, a shift and a scale of each plate, the phenotype along all features; and the treatments."""
    dim = DIM[featurizer]
    rng = np.random.default_rng([seed, *featurizer.encode()])
    plate = sites["plate"].to_numpy() - 1
    moved = np.where(sites["control"] == "positive", PHENOTYPE[featurizer], 0.0)
    if featurizer == "intensity":
        treated = (sites["control"] == "none").to_numpy()
        moved[treated] += np.array(TREATED)[plate[treated]] + 6 * rng.standard_normal(treated.sum())
    values = rng.standard_normal((len(sites), dim)) + moved[:, None] / np.sqrt(dim)
    return 5 + values * rng.uniform(0.8, 1.25, (PLATES, dim))[plate] + rng.normal(0, 1, (PLATES, dim))[plate]


def write_active_screen(folder: Path, methods: tuple[str, ...] = METHODS) -> dict[str, list[Path]]:
    """Evaluate the screen by the project's own functions: the controls' numbers of each normalisation, a file per featurizer."""
    sites = active_sites()
    paths = {name: folder / f"{name}.parquet" for name in ("sites", "splits")}
    write_table(sites, paths["sites"], SITES)
    options = {"development_rows": [], "test_share": 0.25, "seed": 0, "questions": ["controls"]}
    write_splits(paths["sites"], paths["splits"], **options)
    found: dict[str, list[Path]] = {method: [] for method in methods}
    for featurizer in PHENOTYPE:
        embeddings = write_embeddings(folder / f"{featurizer}.parquet", sites, features(featurizer, sites))
        profiles = {}
        for method in dict.fromkeys([*methods, "none"]):
            profiles[method] = tuple(folder / f"{featurizer}.{method}.{kind}.parquet" for kind in ("wells", "sites"))
            write_profiles([embeddings], paths["sites"], Normalization(method), *profiles[method][::-1])
        for method in methods:
            wells, images = profiles["none" if method == "negative_crossfit" else method]
            scores, of_images = (folder / f"{featurizer}.{method}.{kind}.parquet" for kind in ("scores", "site_scores"))
            write_scores(wells, images, paths["splits"], SETTINGS, scores, of_images, normalization=method)
            found[method].append(folder / f"{featurizer}.{method}.controls.parquet")
            names = {"featurizer": featurizer, "normalization": method, "seed": 0, "training_seed": 0}
            write_controls(scores, of_images, profiles["none"][0], SETTINGS, [], output=found[method][-1], **names)
    return found
