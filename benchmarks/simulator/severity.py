"""From what can the simulated severity be inferred? Draws plates of Mock and infected wells, prints AUCs of held-out plates.

Brightness (means and deviations of channels) and counts of cells must say little, hand-made features of nuclei and texture
nearly everything; with severity 0 nothing may be distinguished at all. With `--screens` so many screens without any effect
are drawn instead, by seed, and the share of 95 % intervals of the held-out AUC that hold 0.5 is printed: with axes kept, and
refitted as the workflow does.

    python -m benchmarks.simulator.severity --line HRCE --plates 6 --wells 12 --sites 4
    python -m benchmarks.simulator.severity --screens 10 --plates 4 --wells 4 --sites 1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/inputs"))
from feature_screens import FeatureScreen, refitted_rows, scores_of
from gandl.statistics.bootstrap import bootstrap_interval
from gandl.statistics.held_out import Fold
from gandl.statistics.separation import auc as auc_of
from gandl.statistics.standardisation import units_of
from simulator_features import Wells, auc, chance, draw_wells, held_out_scores

LOTS = 100
"""How often infected and Mock are drawn by lot, to show how far chance alone goes."""
FEATURES = ("brightness", "count", "texture")


def main() -> None:
    """Print a table for severity 1 and 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--line", default="HRCE")
    parser.add_argument("--plates", type=int, default=6)
    parser.add_argument("--wells", type=int, default=12, help="Mock wells per plate, and as many infected ones")
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pixel-um", type=float, default=0.65)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--screens", type=int, default=0, help="so many screens without an effect, for their intervals")
    arguments = parser.parse_args()
    if arguments.screens:
        print_intervals(arguments)
        return
    print(
        f"{arguments.line} (simulated), {arguments.plates} plates of 2 x {arguments.wells} wells, {arguments.sites} sites each"
    )
    for severity in (1.0, 0.0):
        wells = drawn(arguments, arguments.seed, severity)
        for name in FEATURES:
            features = getattr(wells, name)
            found = auc(held_out_scores(features, wells), wells)
            low, high = np.percentile(chance(features, wells, LOTS), [2.5, 97.5])
            print(f"severity {severity:g}: {name:10s} AUC {found:.3f}; by lot {low:.3f} to {high:.3f}", flush=True)


def drawn(arguments: argparse.Namespace, seed: int, severity: float) -> Wells:
    """The wells of one screen."""
    return draw_wells(
        seed,
        line=arguments.line,
        plates=arguments.plates,
        wells=arguments.wells,
        sites=arguments.sites,
        severity=severity,
        side=arguments.side,
        pixel_um=arguments.pixel_um,
    )


def print_intervals(arguments: argparse.Namespace) -> None:
    """The AUC and both intervals of every screen and kind of features, and how many hold 0.5."""
    rows = []
    for seed in range(arguments.seed, arguments.seed + arguments.screens):
        wells = drawn(arguments, seed, 0.0)
        for name in FEATURES:
            screen = screen_of(wells, getattr(wells, name))
            scores = scores_of(screen)
            kinds = scores.on[screen.labels > 0], scores.on[screen.labels < 0]
            kept = bootstrap_interval(auc_of, *kinds, draws=2000, confidence=0.95, seed=seed)
            row = refitted_rows(screen, scores).loc["auc"]
            rows.append([seed, name, float(auc_of(*kinds)), *kept, row["low"], row["high"]])
            print(*[f"{value:.3f}" if isinstance(value, float) else value for value in rows[-1]], flush=True)
    table = pd.DataFrame(rows, columns=["seed", "features", "auc", "low", "high", "refitted_low", "refitted_high"])
    for what, low, high in (("axes kept", "low", "high"), ("axes refitted", "refitted_low", "refitted_high")):
        held = (table[low] <= 0.5) & (table[high] >= 0.5)
        print(f"{what}: {held.sum()} of {len(held)} intervals hold 0.5")


def screen_of(wells: Wells, features: np.ndarray) -> FeatureScreen:
    """Features in units of all wells of their plate, every plate tested by the others."""
    plates = [np.flatnonzero(wells.plate == plate) for plate in np.unique(wells.plate)]
    values = np.empty_like(features)
    for here in plates:
        values[here] = units_of(features[here]).apply(features[here])
    about = pd.DataFrame({"plate_id": [f"P_{plate}" for plate in wells.plate], "experiment": "P", "cell_type": "HRCE"})
    about = about.assign(row="A", column=1, well_id=[f"w{i:04d}" for i in range(len(about))])
    every = np.arange(len(about))
    folds = [Fold(f"P_{i}", np.setdiff1d(every, here), here) for i, here in enumerate(plates)]
    return FeatureScreen(values, np.where(wells.infected, -1, 1), about, folds)


if __name__ == "__main__":
    main()
