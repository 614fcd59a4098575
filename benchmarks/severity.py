"""What can the simulated severity be told from? Draws plates of Mock and infected wells, prints AUCs of held-out plates.

Brightness (means and deviations of channels) and counts of cells must say little, hand-made features of nuclei and texture
nearly everything; with severity 0 nothing may be told at all.

    python benchmarks/severity.py --line HRCE --plates 6 --wells 12 --sites 4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from simulator_features import auc, auc_interval, draw_wells, held_out_scores


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
        wells = draw_wells(
            arguments.seed,
            line=arguments.line,
            plates=arguments.plates,
            wells=arguments.wells,
            sites=arguments.sites,
            severity=severity,
            side=arguments.side,
            pixel_um=arguments.pixel_um,
        )
        for name in ("brightness", "count", "texture"):
            scores = held_out_scores(getattr(wells, name), wells)
            low, high = auc_interval(scores, wells)
            print(
                f"severity {severity:g}: {name:10s} AUC {auc(scores, wells):.3f} ({low:.3f} to {high:.3f})", flush=True
            )


if __name__ == "__main__":
    main()
