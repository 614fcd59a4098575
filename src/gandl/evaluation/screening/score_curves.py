"""Score curves: takes settings and a seed, measures what screening promises on simulated scores with a known truth.

Once per run and for no featurizer: whether intervals of EC50s hold the truth, how often inactive compounds and look-alikes of a
rescue are called hits, and how many replicates find an effect of a given size. The code is that of the screen's own tables.

Wells of all kinds vary alike and normally, but in splits that say otherwise: what a real screen promises is these numbers only
where its treated wells vary as its controls do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation import hits
from gandl.evaluation.numbers import Row, number, share_row, write_numbers
from gandl.evaluation.screening.compounds import compounds_in
from gandl.evaluation.screening.doses import doses_of
from gandl.evaluation.screening.simulated import INACTIVE, LOOK_ALIKE, RESCUE, Design, simulated_screen
from gandl.evaluation.terms import ALL, BIPHASIC, CALIBRATION, OPEN, TOXIC, flagged
from gandl.statistics.bootstrap import mean_interval, median_interval, percentiles, wilson_interval

SCORE_CURVES = "score_curves"
"""Stands for the featurizer and for the scheme: no featurizer made these scores."""
REPLICATES = (2, 4, 6)
RESCUES, INACTIVES, LOOK_ALIKES = 40, 80, 20
"""Compounds of a screen. With so many rescues the limit of p that Benjamini and Hochberg allow is wider than in a real library,
and so is the risk of the inactive ones."""
NULL_SCREENS, NULL_COMPOUNDS = 60, 40
"""Screens without any active compound, and compounds of each."""
USUAL = Design(0, 0)
OTHER_NOISE = {
    "treated noise 1.5": replace(USUAL, treated_noise=1.5),
    "tails of t with 5 degrees of freedom": replace(USUAL, tails=5),
}
"""Designs that break what the test rests on: treated wells vary more than controls; all wells have heavy tails."""
OTHER_SCREENS = 6
"""Screens with rescues of each such design."""
HARM = ((1.0, 2.0), (2.0, 4.0), (4.0, 6.0))
"""Ranges of the harm of look-alikes, in standard deviations of wells beyond the controls, that have splits of their own."""
EFFECTS = (1.0, 2.0, 3.0, 4.0)
"""Of the power curve, in standard deviations of wells within a plate."""
MOST_DRAWS = 500
"""Draws of compounds for the interval of a median, at most."""
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
        (`score_curves:4 replicates`), unit `compound`: `ec50_found` (of the rescues those with a rising curve; their EC50s lie
        within the doses), `ec50_interval_coverage` (of the found ones the share whose interval holds the EC50),
        `ec50_interval_open_share` (of the found ones those whose interval has an end at the limit of the search, so that it
        can err on one side alone), `ec50_closed_interval_coverage` (of the others), `ec50_interval_decades` (median width of
        these), `ec50_log10_error` (median of |log10 ours/true|), `ec50_log10_bias` (median of log10 ours/true), `hit_recall`
        (rescues), `hit_false_positive_rate` (inactive compounds), `look_alikes_as_hits`, `look_alikes_as_hits_unflagged` (of
        these, those that are flagged toxic at no dose), `look_alikes_above_controls` (what the rate would be without the test
        of toxicity), `look_alikes_flagged`, `rescues_flagged_toxic`, `rescues_flagged_biphasic`. Unit `screen`:
        `hit_false_discovery_rate`, the mean over screens of the share of inactive compounds among the hits. Unit `treatment`:
        `null_p_below`, the share of doses of inactive compounds whose p is at most one less the confidence. Intervals of shares
        other than those of EC50s are the wider ones of Wilson's and of draws of screens, whose compounds share their controls.
        Split `score_curves:nothing active`: `hit_false_positive_rate`, and unit `screen` `screens_with_hit`.
        The same for each of `OTHER_NOISE` (`score_curves:treated noise 1.5`, `score_curves:nothing active, treated noise 1.5`).
        Split `score_curves:harm of 2 to 4 deviations`: what is said of look-alikes, of those with such an effect.
        Split `score_curves:power, <r> replicates, <e> deviations`, unit `treatment`: `recall` of treatments that differ by so
        many standard deviations of wells.
    """
    count = -(-settings.score_curves // RESCUES)
    found = _screens(settings, [seed], USUAL, count)
    rows = _rows(found, _split(ALL), settings, seed)
    for replicates in REPLICATES:
        chosen = [each for each in found if each.replicates == replicates]
        rows += _rows(chosen, _split(f"{replicates} replicates"), settings, seed)
    for harm in HARM:
        rows += _of_look_alikes(found, _split("harm of {:g} to {:g} deviations".format(*harm)), settings, seed, harm)
    rows += _null_rows(USUAL, "nothing active", settings, seed)
    for place, (name, like) in enumerate(OTHER_NOISE.items()):
        rows += _rows(
            _screens(settings, [seed, 3 + place], like, min(count, OTHER_SCREENS)), _split(name), settings, seed
        )
        rows += _null_rows(like, f"nothing active, {name}", settings, seed)
    rows += _power_rows(settings, seed)
    names = {"question": CALIBRATION, "featurizer": SCORE_CURVES, "normalization": "none"}
    write_numbers(rows, output, training_seed=seed, **names)


def _split(name: str) -> str:
    return f"{SCORE_CURVES}:{name}"


@dataclass(frozen=True)
class Judged:
    """A simulated screen as screening describes it: compounds and doses with their truth (`kind`, `truth_ec50_um`, `harm`)."""

    compounds: pd.DataFrame
    doses: pd.DataFrame
    replicates: int

    def of(self, kind: str) -> pd.DataFrame:
        """Compounds of a kind."""
        return self.compounds[self.compounds["kind"] == kind]


def judged(design: Design, settings: EvaluationSettings, seed: list[int]) -> Judged:
    """Simulate a screen and judge it."""
    wells, truth = simulated_screen(design, seed)
    doses = doses_of(wells, None, settings, seed[-1])
    compounds = compounds_in(wells, doses, confidence=settings.confidence, false_discovery=settings.false_discovery)
    known = truth.rename(columns={"ec50_um": "truth_ec50_um"})[["compound", "kind", "truth_ec50_um", "harm"]]
    joined = compounds.merge(known, on="compound", validate="one_to_one")
    return Judged(joined, doses.merge(known, on="compound"), design.replicates)


def _screens(settings: EvaluationSettings, seed: list[int], like: Design, count: int) -> list[Judged]:
    """Screens with rescues and with the noise of a design, by turns of replicates."""
    kinds = replace(like, rescues=RESCUES, inactive=INACTIVES, look_alikes=LOOK_ALIKES)
    return [
        judged(replace(kinds, replicates=REPLICATES[place % len(REPLICATES)]), settings, [*seed, place])
        for place in range(count)
    ]


def _rows(screens: list[Judged], split: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    """All that is said of screens with rescues; nothing without screens."""
    if not screens:
        return []
    rescues = [each.of(RESCUE) for each in screens]
    inactive = [each.of(INACTIVE)["hit"] for each in screens]
    shares = {
        "hit_recall": [each["hit"] for each in rescues],
        "hit_false_positive_rate": inactive,
        "rescues_flagged_toxic": [flagged(each, TOXIC) for each in rescues],
        "rescues_flagged_biphasic": [flagged(each, BIPHASIC) for each in rescues],
    }
    rows = _of_ec50s(pd.concat(rescues), split, settings, seed)
    rows += [_drawn(split, "compound", metric, holds, settings, seed) for metric, holds in shares.items()]
    rows += _of_look_alikes(screens, split, settings, seed)
    discoveries = np.array([_false_share(each.compounds) for each in screens])
    ends = mean_interval(discoveries, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
    rows.append(number(split, "screen", "hit_false_discovery_rate", float(discoveries.mean()), ends, len(discoveries)))
    null = [each.doses.loc[each.doses["kind"] == INACTIVE, "p"] <= 1 - settings.confidence for each in screens]
    rows.append(_drawn(split, "treatment", "null_p_below", null, settings, seed))
    return rows


def _of_ec50s(rescues: pd.DataFrame, split: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    found = rescues["ec50_um"].notna() & (rescues["hill_slope"] > 0)
    fitted = rescues[found]
    held = (fitted["ec50_low_um"] <= fitted["truth_ec50_um"]) & (fitted["truth_ec50_um"] <= fitted["ec50_high_um"])
    is_open = flagged(fitted, OPEN)
    shares = {
        "ec50_found": found,
        "ec50_interval_coverage": held,
        "ec50_interval_open_share": is_open,
        "ec50_closed_interval_coverage": held[~is_open],
    }
    rows = [
        share_row(split, "compound", name, int(holds.sum()), len(holds), settings) for name, holds in shares.items()
    ]
    error = np.log10(fitted["ec50_um"].to_numpy(float) / fitted["truth_ec50_um"].to_numpy(float))
    closed = fitted[~is_open]
    width = np.log10(closed["ec50_high_um"].to_numpy(float) / closed["ec50_low_um"].to_numpy(float))
    medians = {"ec50_interval_decades": width, "ec50_log10_error": np.abs(error), "ec50_log10_bias": error}
    for metric, values in medians.items():
        rows.append(number(split, "compound", metric, *_median(values, settings, seed), len(values)))
    return rows


def _of_look_alikes(
    screens: list[Judged],
    split: str,
    settings: EvaluationSettings,
    seed: int,
    harm: tuple[float, float] = USUAL.harm,
) -> list[Row]:
    """Of look-alikes whose harm is within the bounds."""
    alike = [each.of(LOOK_ALIKE) for each in screens]
    alike = [each[each["harm"].between(*harm)] for each in alike]
    lifted = [each.doses.loc[_rescued(each.doses, settings), "compound"] for each in screens]
    shares = {
        "look_alikes_as_hits": [each["hit"] for each in alike],
        "look_alikes_as_hits_unflagged": [each["hit"] & ~flagged(each, TOXIC) for each in alike],
        "look_alikes_above_controls": [each["compound"].isin(up) for each, up in zip(alike, lifted, strict=True)],
        "look_alikes_flagged": [flagged(each, TOXIC) for each in alike],
    }
    return [_drawn(split, "compound", metric, holds, settings, seed) for metric, holds in shares.items()]


def _rescued(doses: pd.DataFrame, settings: EvaluationSettings) -> pd.Series:
    """Doses above the negative controls, toxic or not."""
    return (doses["q"] <= settings.false_discovery) & (doses["difference"] > 0)


def _false_share(compounds: pd.DataFrame) -> float:
    """Share of inactive compounds among hits; 0 where there is none."""
    called = compounds[compounds["hit"]]
    return float((called["kind"] == INACTIVE).mean()) if len(called) else 0.0


def _drawn(
    split: str, unit: str, metric: str, of_screens: list[pd.Series], settings: EvaluationSettings, seed: int
) -> Row:
    """A share over screens, whose members share controls: the wider interval of Wilson's and of draws of screens."""
    counts, sizes = (np.array(each, float) for each in zip(*((one.sum(), len(one)) for one in of_screens), strict=True))
    n = int(sizes.sum())
    low, high = wilson_interval(counts.sum(), n, settings.confidence)
    if len(counts) > 1 and n:
        rng = np.random.default_rng(seed)
        at = rng.integers(0, len(counts), (settings.bootstrap, len(counts)))
        shares = counts[at].sum(axis=1) / np.maximum(sizes[at].sum(axis=1), 1)
        ends = percentiles(shares, settings.confidence)
        low, high = min(low, ends[0]), max(high, ends[1])
    return number(split, unit, metric, counts.sum() / n if n else np.nan, (low, high), n)


def _median(values: Floats, settings: EvaluationSettings, seed: int) -> tuple[float, tuple[float, float]]:
    """A median and its interval over draws of compounds; NaN of a single one."""
    draws = min(settings.bootstrap, MOST_DRAWS)
    ends = median_interval(values, draws=draws, confidence=settings.confidence, seed=seed)
    return (float(np.median(values)) if len(values) > 1 else np.nan), ends


def _null_rows(like: Design, name: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    """Screens with the noise of a design and of inactive compounds alone, as many compounds as with rescues."""
    screens = max(1, min(NULL_SCREENS, -(-2 * settings.score_curves // NULL_COMPOUNDS)))
    called = []
    for place in range(screens):
        design = replace(like, inactive=NULL_COMPOUNDS, replicates=REPLICATES[place % len(REPLICATES)])
        called.append(judged(design, settings, [seed, 1, place]).compounds["hit"])
    with_hit = sum(bool(each.any()) for each in called)
    return [
        _drawn(_split(name), "compound", "hit_false_positive_rate", called, settings, seed),
        share_row(_split(name), "screen", "screens_with_hit", with_hit, screens, settings),
    ]


def _power_rows(settings: EvaluationSettings, seed: int) -> list[Row]:
    """Recall of treatments by replicates and effect, a tenth of them active, on as many plates as replicates."""
    rng = np.random.default_rng([seed, 2])
    rows = []
    design = USUAL
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
            rows.append(share_row(split, "treatment", "recall", called, n, settings))
    return rows
