"""Treatments: takes held-out scores of wells, makes a row per treatment and dose, and which of them differ from the controls.

For every screen with treated wells, however few doses they have. A treated well is scored by the strictest scheme that its cell
type has; controls of both kinds by the same scheme stand beside. `gandl.evaluation.hits` has the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings, QuestionName
from gandl.evaluation import hits
from gandl.evaluation.numbers import Row, number, write_numbers
from gandl.evaluation.terms import (
    NEGATIVE,
    OF_WELLS,
    POSITIVE,
    STRICTEST,
    TREATMENT,
    TREATMENTS,
    by_strictest_scheme,
    compounds_of,
)
from gandl.statistics.bootstrap import wilson_interval
from gandl.tables import WELL_SCORES, read_table, write_table

NOTHING = {"split": object, "unit": object, "metric": object, "value": float, "low": float, "high": float, "n": int}
"""Numbers of a screen with too few negative controls to test anything."""
SERIES = ["treatment", "concentration_um"]


class TreatmentsError(ValueError):
    """The scores hold no treated well; the message names the table."""


def write_treatments(
    scores: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    treatments: Path,
) -> None:
    """Write every treatment and dose of one featurizer, and the numbers of the question `treatments`.

    Parameters
    ----------
    scores : `tables.WELL_SCORES` of the featurizer under one normalisation.
    settings : bootstrap, confidence, false_discovery.
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : `tables.NUMBERS`, split `<scheme>:<cell type>`: `differing_share` (n: treatments and doses that were
        tested), `negatives_differing` and `positives_differing`, shares of single control wells that differ by the same test (n:
        wells); the former is how often it errs on wells known to be inactive. No row where nothing could be tested.
    treatments : `TREATMENTS`, by cell type: controls, then treatments by name and dose. A treatment goes by its compound's name.

    Raises
    ------
    TreatmentsError : no scored well has a treatment without being a control.
    """
    table = read_table(Path(scores), WELL_SCORES)
    rows: list[Row] = []
    parts = []
    for scheme, cell_type, wells in by_strictest_scheme(table):
        negative = Negative.of(wells)
        part = treatments_of(wells, negative, settings, seed)
        if part.empty:
            continue
        about = {"featurizer": featurizer, "normalization": normalization, "scheme": scheme, "cell_type": cell_type}
        parts.append(part.assign(**about)[TREATMENTS.names])
        rows += _numbers(wells, negative, part, f"{scheme}:{cell_type}", settings)
    if not parts:
        raise TreatmentsError(
            f"{scores}: no well of the scheme {', '.join(STRICTEST)} has a treatment without being a control; take treatments "
            "out of evaluation.questions"
        )
    write_table(pd.concat(parts, ignore_index=True), Path(treatments), TREATMENTS)
    names = {"question": QuestionName.TREATMENTS.value, "featurizer": featurizer, "normalization": normalization}
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in NOTHING.items()})
    write_numbers(rows or nothing, output, training_seed=training_seed, **names)


@dataclass(frozen=True)
class Negative:
    """The negative controls of a cell type: (n,) their scores, and their plates, the blocks of `reference`, which `hits`
    compares with."""

    on: hits.Floats
    plates: npt.NDArray[np.object_]
    reference: hits.Reference

    @classmethod
    def of(cls, wells: pd.DataFrame) -> Negative:
        """Those among the wells of a cell type."""
        negative = wells[wells["control"] == NEGATIVE]
        on, plates = negative["on"].to_numpy(float), negative["plate_id"].to_numpy(object)
        return cls(on, plates, hits.fit_reference(on, plates))

    def absent(self, plates: npt.NDArray[np.object_], groups: npt.NDArray[np.integer[Any]]) -> pd.Series:
        """By group: the plates of its wells that have no negative control, joined by |. Groups of which all have one, and all
        groups where no plate has one, are not in it."""
        without = ~np.isin(plates, self.plates) & (len(self.plates) > 0)
        return pd.Series(plates[without]).groupby(groups[without]).agg(_joined)


def replicates_of(wells: pd.DataFrame, negative: Negative) -> hits.Spread:
    """How much replicates within treatments and doses vary, of the wells of one cell type."""
    treated = treated_wells(wells)
    groups = treated.groupby(SERIES, dropna=False).ngroup().to_numpy()
    on, plates = treated["on"].to_numpy(float), treated["plate_id"].to_numpy(object)
    return hits.replicate_spread(on, plates, groups, negative.reference)


def _joined(names: pd.Series) -> str:
    return "|".join(sorted(set(names)))


def treatments_of(wells: pd.DataFrame, negative: Negative, settings: EvaluationSettings, seed: int) -> pd.DataFrame:
    """Controls, treatments and doses of the wells of one cell type under one scheme.

    Wells on a plate without negative control are scored and not tested: their plate's shift is unknown.

    Returns
    -------
    `TREATMENTS` without what names featurizer, scheme and cell type; empty if no well is treated.
    """
    treated = treated_wells(wells).sort_values([*SERIES, "well_id"], kind="stable")
    if treated.empty:
        return pd.DataFrame(columns=TREATMENTS.names)
    groups = treated.groupby(SERIES, sort=True, dropna=False)
    of_group, on = groups.ngroup().to_numpy(), treated["on"].to_numpy(float)
    plates = treated["plate_id"].to_numpy(object)
    difference, p = hits.compare(on, plates, of_group, negative.reference)
    q = hits.adjusted(p)
    found = groups.agg(
        wells=("on", "size"),
        plates=("plate_id", "nunique"),
        mean=("on", "mean"),
    ).reset_index()
    ends = hits.mean_intervals(
        on, of_group, negative.reference, draws=settings.bootstrap, confidence=settings.confidence, seed=seed
    )
    found = found.assign(low=ends.low, high=ends.high, interval=ends.of, band_low=np.nan, band_high=np.nan)
    found = found.assign(plates_without_negative=negative.absent(plates, of_group).reindex(found.index))
    found = found.assign(kind=TREATMENT, difference=difference, p=p, q=q, differs=q <= settings.false_discovery)
    controls = [_control(wells[wells["control"] == kind], kind, settings.confidence) for kind in (POSITIVE, NEGATIVE)]
    return pd.concat([*(part for part in controls if len(part)), found], ignore_index=True)


def treated_wells(wells: pd.DataFrame) -> pd.DataFrame:
    """The wells with a treatment that are no controls, `treatment` being their compound's name where it has one."""
    treated = wells[(wells["control"] == "none") & wells["treatment"].notna()]
    return treated.assign(treatment=compounds_of(treated))


def _control(of_kind: pd.DataFrame, kind: str, confidence: float) -> pd.DataFrame:
    """The row of a kind of controls; none without such wells."""
    if of_kind.empty:
        return pd.DataFrame()
    on = of_kind["on"].to_numpy(float)
    low, high = hits.own_interval(on, confidence)
    band_low, band_high = hits.prediction_interval(on, confidence)
    row = dict.fromkeys(("concentration_um", "difference", "p", "q"), np.nan)
    counted = {"wells": len(on), "plates": of_kind["plate_id"].nunique(), "mean": on.mean(), "differs": False}
    names = {"kind": kind, "treatment": None, "plates_without_negative": None}
    ends = {"low": low, "high": high, "interval": OF_WELLS if len(on) > 1 else None}
    return pd.DataFrame([row | names | counted | ends | {"band_low": band_low, "band_high": band_high}])


def _numbers(
    wells: pd.DataFrame, negative: Negative, found: pd.DataFrame, split: str, settings: EvaluationSettings
) -> list[Row]:
    """How many treatments differ, and how many single control wells would by the same p value."""
    tested = found[found["p"].notna()]
    if tested.empty:
        return []
    limit = hits.largest_p(tested["p"].to_numpy(), tested["q"].to_numpy(), settings.false_discovery)
    rows = [
        number(split, "treatment", "differing_share", float(tested["differs"].mean()), (np.nan, np.nan), len(tested))
    ]
    positive = wells[(wells["control"] == POSITIVE) & wells["plate_id"].isin(negative.plates)]
    on, plates = positive["on"].to_numpy(float), positive["plate_id"].to_numpy(object)
    replicates = replicates_of(wells, negative)
    by_kind = {
        "negatives_differing": hits.compare_each(negative.on, negative.plates, replicates),
        "positives_differing": hits.compare(on, plates, np.arange(len(on)), negative.reference, replicates)[1],
    }
    for metric, p in by_kind.items():
        called, n = int((p <= limit).sum()), int(np.isfinite(p).sum())
        if n:
            rows.append(number(split, "well", metric, called / n, wilson_interval(called, n, settings.confidence), n))
    return rows
