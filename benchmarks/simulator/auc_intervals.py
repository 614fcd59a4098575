"""How often do nominal 95 % intervals hold the truth? Screens of features with and without an effect, by seed.

Three intervals of the same AUC (whole plates held out): wells drawn and axes kept (BCa), plates drawn (n - 1 of n) and axes
refitted in every draw, and each plate left out in turn and axes refitted (jackknife; what the workflow reports). The truth
is 0.5 without an effect, else the mean AUC of all screens of a setting.

With `--rows`, of Z', robust Z' and accuracy of one plate whose 8 rows hold 1 + 2 controls each, as BBBC013's: of the whole plate,
and of four of its rows by themselves. The truth is the metric of the held-out wells of all screens together.

    python -m benchmarks.simulator.auc_intervals --screens 200 --output benchmarks/results/auc_intervals.csv
    python -m benchmarks.simulator.auc_intervals --rows --screens 200 --output benchmarks/results/row_intervals.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/inputs"))
from feature_screens import GRID, FeatureScreen, draw_screen, refitted_rows, scores_of
from gandl.evaluation.numbers import METRICS, number
from gandl.evaluation.strict.intervals import with_refits
from gandl.evaluation.strict.refits import left_out_of, refitted
from gandl.source.schemes import Scheme
from gandl.statistics.axes import AxisError, fit_on_axis
from gandl.statistics.bootstrap import bootstrap_interval
from gandl.statistics.fold_features import Fixed
from gandl.statistics.held_out import Scores, held_out_scores
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
WELLS = {"8+16": "ABCDEFGH", "4+8": "ABCD"}
"""Rows of one plate that are reported, by their positive and negative controls."""
ROW_SETTINGS: dict[str, dict[str, float]] = {
    "effect of 6": {"effect": 6.0},
    "effect of 6, kinds differ by row": {"effect": 6.0, "by_plate": 0.3},
    "effect of 12": {"effect": 12.0},
    "effect of 12, 3 factors": {"effect": 12.0, "factors": 3},
}
ROW_METRICS = ("z_prime", "robust_z_prime", "accuracy")
ONE_C = [0.3]
GROUPS = 10
"""As `evaluation.refits`; C is not chosen here."""
MOST_DRAWN = 10
"""With more plates refits by draws take too long here."""


def main() -> None:
    """Print, and write on request, a row per setting, size and interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200, help="of plates, axes refitted")
    parser.add_argument("--plates", type=int, nargs="*", help="only these numbers of plates")
    parser.add_argument("--c", type=float, nargs="*", default=GRID, help="candidates for C")
    parser.add_argument("--rows", action="store_true", help="Z', robust Z' and accuracy of one plate instead")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    tables = list(row_tables(arguments.screens)) if arguments.rows else list(auc_tables(arguments))
    if arguments.output:
        pd.concat(tables).round(3).to_csv(arguments.output, index=False)


def auc_tables(arguments: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """A table per size and setting, printed once it is made."""
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
            found = summary(table, None if "effect" in given else 0.5)
            found = found.assign(setting=name, plates=plates, wells="+".join(map(str, kinds)))
            print(found.to_string(index=False), flush=True)
            yield found


def row_tables(screens: int) -> Iterator[pd.DataFrame]:
    """A table per setting of one plate: by rows reported and metric, the share of intervals that hold the truth."""
    for name, given in ROW_SETTINGS.items():
        scored = [one_plate(seed, **given) for seed in range(screens)]
        rows = []
        for wells, lines in WELLS.items():
            chosen = [np.isin(screen.wells["row"], list(lines)) for screen, _ in scored]
            kinds = [
                np.concatenate(
                    [of.on[here & (screen.labels == sign)] for here, (screen, of) in zip(chosen, scored, strict=True)]
                )
                for sign in (1, -1)
            ]
            truth = {metric: float(METRICS[metric](*kinds)) for metric in ROW_METRICS}
            found = pd.concat([row_intervals(*each, here) for each, here in zip(scored, chosen, strict=True)])
            for metric, mine in found.groupby("metric", sort=False):
                known = mine[mine["low"].notna()]
                held = (known["low"] <= truth[metric]) & (truth[metric] <= known["high"])
                about = {"setting": name, "wells": wells, "metric": metric, "screens": screens}
                counts = {"undefined": screens - len(known), "held": float(held.mean()), "truth": truth[metric]}
                width = {"half_width": float((known["high"] - known["low"]).median() / 2)}
                rows.append({**about, **counts, **width, "deviation": float(mine["value"].std())})
        table = pd.DataFrame(rows)
        print(table.to_string(index=False), flush=True)
        yield table


def one_plate(seed: int, **given: float) -> tuple[FeatureScreen, Scores]:
    """A plate of rows A to H, each tested by the others; its scores."""
    screen = draw_screen(seed, plates=8, kinds=(1, 2), shift=0.3, **given)  # type: ignore[arg-type]
    row = screen.wells["plate_id"].map(dict(zip(screen.wells["plate_id"].unique(), "ABCDEFGH", strict=True)))
    wells = screen.wells.assign(row=row, plate_id="P_1")
    of_rows = replace(screen, wells=wells, scheme=Scheme.LEAVE_ROW_OUT)
    return of_rows, held_out_scores(screen.values, screen.labels, screen.folds, row.to_numpy(), ONE_C)


def row_intervals(screen: FeatureScreen, scores: Scores, here: np.ndarray) -> pd.DataFrame:
    """Refitted intervals of the metrics of some wells."""
    left_out = left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, GROUPS)
    inputs = Fixed(screen.values), screen.wells, screen.labels, screen.folds, scores.c, left_out
    signs, on = screen.labels[here], scores.on[here]
    rows = [
        number("s", "well", metric, float(METRICS[metric](on[signs > 0], on[signs < 0])), (np.nan, np.nan), len(on))
        for metric in ROW_METRICS
    ]
    table = refitted(*inputs, raw=False)
    return pd.DataFrame(with_refits(rows, screen.wells[here], signs, table, "on", METRICS, CONFIDENCE))


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
    for position, fold in enumerate(screen.folds):
        others = [np.repeat(other.test, times[i]) for i, other in enumerate(screen.folds) if i != position]
        train = np.concatenate(others)
        if not times[position]:
            continue
        if not len(train):
            return float("nan")
        try:
            axis = fit_on_axis(screen.values[train], screen.labels[train], scores.c[fold.name])
        except AxisError:
            return float("nan")
        on = axis.on_score(screen.values[fold.test])
        for side, sign in zip(kinds, (1, -1), strict=True):
            side.append(np.tile(on[screen.labels[fold.test] == sign], times[position]))
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
