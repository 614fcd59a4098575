"""How often do nominal 95 % intervals of a held-out AUC hold the truth? Screens of features with and without an effect, by seed.

Three intervals of the same AUC (whole plates held out): wells drawn and axes kept (BCa), plates drawn (n - 1 of n) and axes
refitted in every draw, and each plate left out in turn and axes refitted (jackknife; what the workflow reports). The truth
is 0.5 without an effect, else the mean AUC of all screens of a setting.

    python -m benchmarks.simulator.auc_intervals --screens 200 --output benchmarks/results/auc_intervals.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/inputs"))
from feature_screens import GRID, FeatureScreen, draw_screen, refitted_rows, scores_of
from gandl.statistics.axes import AxisError, fit_on_axis
from gandl.statistics.bootstrap import bootstrap_interval
from gandl.statistics.held_out import Scores
from gandl.statistics.separation import auc

CONFIDENCE = 0.95
SETTINGS: dict[str, dict[str, float]] = {
    "no effect": {},
    "no effect, 3 factors": {"factors": 3},
    "no effect, kinds differ by plate": {"by_plate": 0.5},
    "effect": {"effect": 2.0},
    "effect, kinds differ by plate": {"effect": 2.0, "by_plate": 0.3},
}
SIZES = [(3, (3, 4)), (4, (3, 4)), (4, (8, 16)), (6, (3, 4)), (10, (3, 4)), (30, (3, 4))]
"""Plates, and positive and negative controls of each."""
MOST_DRAWN = 10
"""With more plates refits by draws take too long here."""


def main() -> None:
    """Print, and write on request, a row per setting, size and interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200, help="of plates, axes refitted")
    parser.add_argument("--plates", type=int, nargs="*", help="only these numbers of plates")
    parser.add_argument("--c", type=float, nargs="*", default=GRID, help="candidates for C")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    tables = []
    for plates, kinds in SIZES:
        if arguments.plates and plates not in arguments.plates:
            continue
        for name, given in SETTINGS.items():
            table = pd.DataFrame(
                [
                    {"screen": seed, **row}
                    for seed in range(arguments.screens)
                    for row in intervals(
                        draw_screen(seed, plates=plates, kinds=kinds, **given), seed, arguments.draws, arguments.c
                    )
                ]
            )
            tables.append(
                summary(table, None if "effect" in given else 0.5).assign(
                    setting=name, plates=plates, wells="+".join(map(str, kinds))
                )
            )
            print(tables[-1].to_string(index=False), flush=True)
    if arguments.output:
        pd.concat(tables).round(3).to_csv(arguments.output, index=False)


def intervals(screen: FeatureScreen, seed: int, draws: int, grid: list[float]) -> Iterator[dict[str, object]]:
    """The AUC of one screen with its intervals."""
    scores = scores_of(screen, grid)
    kinds = scores.on[screen.labels > 0], scores.on[screen.labels < 0]
    value = float(auc(*kinds))
    low, high = bootstrap_interval(auc, *kinds, draws=500, confidence=CONFIDENCE, seed=seed)
    yield {"interval": "wells drawn, axes kept", "value": value, "low": low, "high": high}
    row = refitted_rows(screen, scores).loc["auc"]
    yield {"interval": "plates left out, refitted", "value": value, "low": row["low"], "high": row["high"]}
    if draws and len(screen.folds) <= MOST_DRAWN:
        low, high = drawn_interval(screen, scores, value, draws, seed)
        yield {"interval": "plates drawn, refitted", "value": value, "low": low, "high": high}


def drawn_interval(screen: FeatureScreen, scores: Scores, value: float, draws: int, seed: int) -> tuple[float, float]:
    """n - 1 of n plates drawn, axes refitted on the drawn plates other than the tested one; Student's t with n - 1 degrees."""
    n = len(screen.folds)
    rng = np.random.default_rng(seed)
    known: dict[bytes, float] = {}
    drawn = []
    for times in rng.multinomial(n - 1, np.full(n, 1 / n), size=draws):
        key = times.tobytes()
        if key not in known:
            known[key] = _drawn_auc(screen, scores, times)
        drawn.append(known[key])
    defined = np.array(drawn)[np.isfinite(drawn)]
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * float(np.std(defined, ddof=1))
    return max(value - half, 0.0), min(value + half, 1.0)


def _drawn_auc(screen: FeatureScreen, scores: Scores, times: np.ndarray) -> float:
    """The AUC where each plate counts so often; NaN where one plate alone was drawn."""
    kinds: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for number, fold in enumerate(screen.folds):
        others = [np.repeat(other.test, times[i]) for i, other in enumerate(screen.folds) if i != number]
        train = np.concatenate(others)
        if not times[number]:
            continue
        if not len(train):
            return float("nan")
        try:
            axis = fit_on_axis(screen.values[train], screen.labels[train], scores.c[fold.name])
        except AxisError:
            return float("nan")
        on = axis.on_score(screen.values[fold.test])
        for side, sign in zip(kinds, (1, -1), strict=True):
            side.append(np.tile(on[screen.labels[fold.test] == sign], times[number]))
    return float(auc(*(np.concatenate(side) for side in kinds)))


def summary(table: pd.DataFrame, truth: float | None) -> pd.DataFrame:
    """By interval: share that holds the truth, the truth, the mean half width and the deviation of the AUC between screens."""
    rows = []
    for name, mine in table.groupby("interval", sort=False):
        true = float(mine["value"].mean()) if truth is None else truth
        known = mine[mine["low"].notna()]
        rows.append(
            {
                "interval": name,
                "screens": len(mine),
                "undefined": len(mine) - len(known),
                "held": float(((known["low"] <= true) & (true <= known["high"])).mean()),
                "truth": true,
                "mean_auc": float(mine["value"].mean()),
                "half_width": float((known["high"] - known["low"]).mean() / 2),
                "deviation": float(mine["value"].std()),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
