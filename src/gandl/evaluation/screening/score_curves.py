"""Score curves: takes settings and a seed, measures what screening promises on simulated scores with a known truth.

Once per run and for no featurizer: whether intervals of EC50s hold the truth, how often inactive compounds and look-alikes of a
rescue are called hits, and how many replicates find an effect of a given size. The code is that of the screen's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation import hits
from gandl.evaluation.numbers import Row, number, write_numbers
from gandl.evaluation.screening.compounds import compounds_in
from gandl.evaluation.screening.doses import doses_of
from gandl.evaluation.screening.simulated import INACTIVE, LOOK_ALIKE, RESCUE, Design, simulated_screen
from gandl.evaluation.terms import ALL, BIPHASIC, CALIBRATION, TOXIC, flagged
from gandl.statistics.bootstrap import mean_interval, wilson_interval

SCORE_CURVES = "score_curves"
"""Stands for the featurizer and for the scheme: no featurizer made these scores."""
REPLICATES = (2, 4, 6)
RESCUES, INACTIVES, LOOK_ALIKES = 40, 80, 20
"""Compounds of a screen. With so many rescues the limit of p that Benjamini and Hochberg allow is wider than in a real library,
and so is the risk of the inactive ones."""
NULL_SCREENS, NULL_COMPOUNDS = 60, 40
"""Screens without any active compound, and compounds of each."""
EFFECTS = (1.0, 2.0, 3.0, 4.0)
"""Of the power curve, in standard deviations of wells within a plate."""
POWER_REPLICATES = (1, 2, 3, 4, 6, 8)
POWER_SCREENS, POWER_TREATMENTS, POWER_ACTIVE = 10, 300, 30

Floats = npt.NDArray[np.float64]


def write_score_curves(settings: EvaluationSettings, *, seed: int, output: Path) -> None:
    """Write the numbers of the simulated score curves, `tables.NUMBERS` of the question `calibration`.

    Parameters
    ----------
    settings : score_curves (at least so many rescues are drawn; twice as many inactive compounds), bootstrap, confidence,
        false_discovery. seed : of everything.
    output : featurizer and scheme are `score_curves`. Split `score_curves:all`, and the same by number of replicates
        (`score_curves:4 replicates`), unit `compound`: `ec50_interval_coverage` (of the rescues with a rising curve, whose EC50s
        lie within the doses, the share whose interval holds it), `ec50_found`, `ec50_log10_error` (median of |log10 ours/true|),
        `ec50_log10_bias` (median of log10 ours/true), `hit_recall` (rescues), `hit_false_positive_rate` (inactive
        compounds; the interval is the wider one of Wilson's and of draws of screens, whose compounds share their controls),
        `look_alikes_as_hits`, `look_alikes_as_hits_unflagged` (of these, those that are flagged toxic at no dose),
        `look_alikes_above_controls` (what the rate would be without the test of toxicity), `look_alikes_flagged`,
        `rescues_flagged_toxic`, `rescues_flagged_biphasic`. Unit `screen`: `hit_false_discovery_rate`, the mean over screens of
        the share of inactive compounds among the hits. Unit `treatment`: `null_p_below`, the share of doses of inactive compounds
        whose p is at most one less the confidence. Split `score_curves:nothing active`: `hit_false_positive_rate`, and unit
        `screen` `screens_with_hit`.
        Split `score_curves:power, <r> replicates, <e> deviations`, unit `treatment`: `recall` of treatments that differ by so
        many standard deviations of wells.
    """
    rows: list[Row] = []
    found = list(_screens(settings, seed))
    for name, chosen in (
        (ALL, found),
        *((f"{r} replicates", [each for each in found if each[2] == r]) for r in REPLICATES),
    ):
        if chosen:
            rows += _rows([each[0] for each in chosen], [each[1] for each in chosen], _split(name), settings, seed)
    rows += _null_rows(settings, seed)
    rows += _power_rows(settings, seed)
    names = {"question": CALIBRATION, "featurizer": SCORE_CURVES, "normalization": "none"}
    write_numbers(rows, output, training_seed=seed, **names)


def _split(name: str) -> str:
    return f"{SCORE_CURVES}:{name}"


def judged(design: Design, settings: EvaluationSettings, seed: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compounds of a simulated screen with their truth (`kind`, `truth_ec50_um`), and its doses, as screening tells them."""
    wells, truth = simulated_screen(design, seed)
    doses = doses_of(wells, None, settings, seed[-1])
    compounds = compounds_in(wells, doses, confidence=settings.confidence, false_discovery=settings.false_discovery)
    known = truth.rename(columns={"ec50_um": "truth_ec50_um"})[["compound", "kind", "truth_ec50_um"]]
    return compounds.merge(known, on="compound", validate="one_to_one"), doses.merge(known, on="compound")


def _screens(settings: EvaluationSettings, seed: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, int]]:
    """Compounds and doses of screens with rescues, and their replicates, by turns."""
    for place in range(-(-settings.score_curves // RESCUES)):
        replicates = REPLICATES[place % len(REPLICATES)]
        design = Design(RESCUES, INACTIVES, LOOK_ALIKES, replicates=replicates)
        yield *judged(design, settings, [seed, place]), replicates


def _rows(
    screens: list[pd.DataFrame], doses: list[pd.DataFrame], split: str, settings: EvaluationSettings, seed: int
) -> list[Row]:
    compounds = pd.concat(screens, ignore_index=True)
    of_kind = {kind: compounds[compounds["kind"] == kind] for kind in (RESCUE, INACTIVE, LOOK_ALIKE)}
    rescues, alike = of_kind[RESCUE], of_kind[LOOK_ALIKE]
    found = rescues["ec50_um"].notna() & (rescues["hill_slope"] > 0)
    fitted = rescues[found]
    held = (fitted["ec50_low_um"] <= fitted["truth_ec50_um"]) & (fitted["truth_ec50_um"] <= fitted["ec50_high_um"])
    above = pd.concat(
        [of_screen.loc[_rescued(of_screen, settings), "compound"].drop_duplicates() for of_screen in doses]
    )
    shares = {
        "ec50_interval_coverage": held,
        "ec50_found": found,
        "hit_recall": rescues["hit"],
        "look_alikes_as_hits": alike["hit"],
        "look_alikes_as_hits_unflagged": alike["hit"] & ~flagged(alike, TOXIC),
        "look_alikes_flagged": flagged(alike, TOXIC),
        "rescues_flagged_toxic": flagged(rescues, TOXIC),
        "rescues_flagged_biphasic": flagged(rescues, BIPHASIC),
    }
    rows = [_share(split, "compound", metric, holds, settings) for metric, holds in shares.items()]
    rows.append(
        _false_positives(split, [each.loc[each["kind"] == INACTIVE, "hit"] for each in screens], settings, seed)
    )
    lifted = int(above.str.startswith(LOOK_ALIKE).sum())
    rows.append(_counted(split, "compound", "look_alikes_above_controls", lifted, len(alike), settings))
    error = np.log10(fitted["ec50_um"].to_numpy(float) / fitted["truth_ec50_um"].to_numpy(float))
    for metric, values in (("ec50_log10_error", np.abs(error)), ("ec50_log10_bias", error)):
        rows.append(number(split, "compound", metric, *_median(values, settings, seed), len(values)))
    discoveries = np.array([_false_share(of_screen) for of_screen in screens])
    ends = mean_interval(discoveries, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
    rows.append(number(split, "screen", "hit_false_discovery_rate", float(discoveries.mean()), ends, len(discoveries)))
    null = pd.concat([of_screen.loc[of_screen["kind"] == INACTIVE, "p"] for of_screen in doses])
    rows.append(_share(split, "treatment", "null_p_below", null <= 1 - settings.confidence, settings))
    return rows


def _rescued(doses: pd.DataFrame, settings: EvaluationSettings) -> pd.Series:
    """Doses above the negative controls, toxic or not."""
    return (doses["q"] <= settings.false_discovery) & (doses["difference"] > 0)


def _false_share(compounds: pd.DataFrame) -> float:
    """Share of inactive compounds among hits; 0 where there is none."""
    called = compounds[compounds["hit"]]
    return float((called["kind"] == INACTIVE).mean()) if len(called) else 0.0


def _false_positives(split: str, hits_of: list[pd.Series], settings: EvaluationSettings, seed: int) -> Row:
    """Share of inactive compounds that are hits, of as many in each screen."""
    count, n = sum(int(each.sum()) for each in hits_of), sum(map(len, hits_of))
    ends = wilson_interval(count, n, settings.confidence)
    shares = np.array([each.mean() for each in hits_of])
    drawn = mean_interval(shares, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
    ends = (float(np.fmin(ends[0], drawn[0])), float(np.fmax(ends[1], drawn[1])))
    return number(split, "compound", "hit_false_positive_rate", count / n, ends, n)


def _share(split: str, unit: str, metric: str, holds: pd.Series, settings: EvaluationSettings) -> Row:
    return _counted(split, unit, metric, int(holds.sum()), len(holds), settings)


def _counted(split: str, unit: str, metric: str, count: int, n: int, settings: EvaluationSettings) -> Row:
    return number(split, unit, metric, count / n if n else np.nan, wilson_interval(count, n, settings.confidence), n)


def _median(values: Floats, settings: EvaluationSettings, seed: int) -> tuple[float, tuple[float, float]]:
    """A median and its percentile interval over draws of compounds."""
    if len(values) < 2:
        return np.nan, (np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn = np.median(values[rng.integers(0, len(values), (min(settings.bootstrap, 500), len(values)))], axis=1)
    low, high = np.quantile(drawn, [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2])
    return float(np.median(values)), (float(low), float(high))


def _null_rows(settings: EvaluationSettings, seed: int) -> list[Row]:
    """Screens of inactive compounds alone, as many compounds as with rescues."""
    screens = max(1, min(NULL_SCREENS, -(-2 * settings.score_curves // NULL_COMPOUNDS)))
    called = []
    for place in range(screens):
        design = Design(0, NULL_COMPOUNDS, replicates=REPLICATES[place % len(REPLICATES)])
        called.append(judged(design, settings, [seed, 1, place])[0]["hit"])
    split = _split("nothing active")
    with_hit = sum(bool(each.any()) for each in called)
    return [
        _false_positives(split, called, settings, seed),
        _counted(split, "screen", "screens_with_hit", with_hit, screens, settings),
    ]


def _power_rows(settings: EvaluationSettings, seed: int) -> list[Row]:
    """Recall of treatments by replicates and effect, a tenth of them active, on as many plates as replicates."""
    rng = np.random.default_rng([seed, 2])
    rows = []
    design = Design(0, 0)
    active = np.arange(POWER_TREATMENTS) < POWER_ACTIVE
    for replicates in POWER_REPLICATES:
        plates = np.array([f"plate {i}" for i in range(replicates)], object)
        groups, places = np.repeat(np.arange(POWER_TREATMENTS), replicates), np.tile(plates, POWER_TREATMENTS)
        blocks = np.repeat(plates, design.negatives)
        for effect in EFFECTS:
            called = 0
            for _ in range(POWER_SCREENS):
                reference = hits.fit_reference(rng.standard_normal(len(blocks)), blocks)
                values = rng.standard_normal(len(groups)) + effect * active[groups]
                difference, p = hits.compare(values, places, groups, reference)
                called += int(((hits.adjusted(p) <= settings.false_discovery) & (difference > 0) & active).sum())
            split = _split(f"power, {replicates} replicates, {effect:g} deviations")
            n = POWER_SCREENS * POWER_ACTIVE
            rows.append(_counted(split, "treatment", "recall", called, n, settings))
    return rows
