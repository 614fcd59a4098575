"""Does the test of hits hold its rate where treated wells vary otherwise than controls? Simulated scores, by seed.

Each noise with the error of the test as it is, and with the spread of the negative controls alone. Per noise screens of 40
inactive compounds, and screens of 40 rescues and 80 inactive ones; six doses, on 2, 4 or 6 plates by turns, 16 negative controls
on each. Without replicates: null screens of one plate.

    python -m benchmarks.simulator.hit_errors --output benchmarks/results/hit_errors.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation import hits
from gandl.evaluation.screening import compounds
from gandl.evaluation.screening.score_curves import REPLICATES, Judged, judged
from gandl.evaluation.screening.simulated import INACTIVE, RESCUE, Design
from gandl.statistics.bootstrap import wilson_interval

NOISE = {
    "equal, normal": Design(0, 0),
    "treated 1.25": Design(0, 0, treated_noise=1.25),
    "treated 1.5": Design(0, 0, treated_noise=1.5),
    "treated 2": Design(0, 0, treated_noise=2.0),
    "equal, t of 5": Design(0, 0, tails=5),
}
SETTINGS = EvaluationSettings(bootstrap=50)


def main() -> None:
    """Print, and write on request, a row per noise and error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null-screens", type=int, default=60)
    parser.add_argument("--screens-without-replicates", type=int, default=30)
    parser.add_argument("--screens", type=int, default=27)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name, like in NOISE.items():
        for error in ("controls", "larger of both"):
            fewest = 10**9 if error == "controls" else hits.FEWEST_POOLED
            no_curves = patch.object(
                compounds, "_fitted", return_value=pd.DataFrame()
            )  # hits need none, and they take long
            with no_curves, patch.object(hits, "FEWEST_POOLED", fewest):
                rows.append({"noise": name, "error": error} | row_of(like, arguments))
            print(rows[-1], flush=True)
    if arguments.output:
        pd.DataFrame(rows).round(4).to_csv(arguments.output, index=False)


def row_of(like: Design, counts: argparse.Namespace) -> dict[str, float]:
    """Rates among null compounds and screens, and recall."""
    null = list(drawn(replace(like, inactive=40), counts.null_screens, REPLICATES, 1))
    singles = list(drawn(replace(like, inactive=40), counts.screens_without_replicates, (1,), 2))
    beside = list(drawn(replace(like, rescues=40, inactive=80), counts.screens, REPLICATES, 3))
    return {
        **share("null_compounds", [hit for each in null for hit in each.compounds["hit"]]),
        **share("null_screens", [each.compounds["hit"].any() for each in null]),
        **share("null_screens_without_replicates", [each.compounds["hit"].any() for each in singles]),
        **share("null_compounds_without_replicates", [hit for each in singles for hit in each.compounds["hit"]]),
        **share("inactive_beside_rescues", [hit for each in beside for hit in each.of(INACTIVE)["hit"]]),
        **share("recall", [hit for each in beside for hit in each.of(RESCUE)["hit"]]),
        **share(
            "recall_of_doses", [hit for each in beside for hit in each.doses.loc[each.doses["kind"] == RESCUE, "hit"]]
        ),
    }


def drawn(design: Design, count: int, replicates: tuple[int, ...], seed: int) -> Iterator[Judged]:
    """Judged screens."""
    for place in range(count):
        of_screen = replace(design, replicates=replicates[place % len(replicates)])
        yield judged(of_screen, SETTINGS, [0, seed, place])


def share(name: str, found: list[bool]) -> dict[str, float]:
    """A share with Wilson's interval."""
    low, high = wilson_interval(sum(found), len(found), 0.95)
    return {name: float(sum(found)) / len(found), f"{name}_low": low, f"{name}_high": high, f"{name}_n": len(found)}


if __name__ == "__main__":
    main()
