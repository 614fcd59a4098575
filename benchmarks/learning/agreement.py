"""Can features be chosen without labels? Holds the agreement of a well's sites against what the truth says of the same features.

    python -m benchmarks.learning.agreement --run results/simulated weights_1.safetensors weights_2.safetensors ...

For every layer of every network (and of the first one's untrained twin): agreement of sites within plates, by cell type; AUC of
C+ over C- on whole plates left out, and rank correlation with the true severity (SVM and LDA). Appends to
benchmarks/results/agreement.csv and prints rank correlations over all rows of the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.learning.feature_scores import (
    CLASSIFIERS,
    Pair,
    embedded,
    separation,
    severity_correlation,
    well_scores,
)
from benchmarks.measuring import RESULTS, append
from gandl.models.compute.device import CPU, prepare
from gandl.models.networks.gan import TrainedGan, untrained
from gandl.models.networks.weights import load
from gandl.statistics.agreement import agreement
from gandl.statistics.standardisation import standardise

TRUTH = ("auc_svm", "severity_svm", "auc_lda", "severity_lda")


def main() -> None:
    """Measure the networks named, and sum up the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", type=Path)
    parser.add_argument("--run", type=Path, default=Path("results/simulated"))
    options = parser.parse_intermixed_args()
    prepare(CPU)
    table = RESULTS / "agreement.csv"
    for number, path in enumerate(options.weights):
        model = load(path)
        if not number:
            twin = untrained(model.settings, model.scale, model.seed, model.pixel_size_um)
            append(list(rows_of(Pair(options.run), twin, "untrained")), table)
        append(list(rows_of(Pair(options.run), model, f"{path.parent.name}/{path.stem}")), table)
    rows = pd.read_csv(table)
    for cell_type, part in rows.groupby("cell_type"):
        found = part[["agreement", *TRUTH]].corr("spearman").loc["agreement", list(TRUTH)]
        print(cell_type, len(part), "feature sets;", found.round(2).to_dict())


def rows_of(pair: Pair, model: TrainedGan, name: str) -> Iterator[dict[str, object]]:
    """A row per layer and cell type."""
    layers, ids = embedded(pair, "rxrx19a", model, model.discriminator_ema, model.settings.network.crop)
    sites = pair.sites("rxrx19a").loc[ids]
    unlabelled = (sites["control"] == "none").to_numpy()
    for layer, features in layers.items():
        standard = standardise(features, sites["plate_id"], sites["well_id"], unlabelled)
        scores = well_scores(pair, features, ids, CLASSIFIERS)
        for cell_type in sorted(sites["cell_type"].unique()):
            of_type = (sites["cell_type"] == cell_type).to_numpy()
            found = agreement(standard[of_type], sites["well_id"][of_type], sites["plate_id"][of_type])
            row: dict[str, object] = {"network": name, "layer": layer, "cell_type": cell_type}
            row["agreement"] = round(found.value, 5)
            for classifier in CLASSIFIERS:
                wells = scores[(scores["cell_type"] == cell_type) & (scores["classifier"] == classifier)]
                arrays = {column: wells[column].to_numpy() for column in wells.columns}
                every = range(len(wells))
                controls = [i for i in every if arrays["label"][i]]
                row[f"auc_{classifier}"] = round(float(separation(arrays, controls)), 4)
                row[f"severity_{classifier}"] = round(float(severity_correlation(arrays, every)), 4)
            yield row


if __name__ == "__main__":
    main()
