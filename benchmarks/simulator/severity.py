"""From what can the simulated severity be inferred? Draws plates of Mock and infected wells, prints AUCs of held-out plates.

Brightness (means and deviations of channels) and counts of cells must say little, hand-made features of nuclei and texture
nearly everything; with severity 0 nothing may be distinguished at all (`null_screens`: what the workflow says of that).

    python -m benchmarks.simulator.severity --line HRCE --plates 6 --wells 12 --sites 4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/inputs"))
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
    arguments = parser.parse_args()
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


if __name__ == "__main__":
    main()
