"""Dose response: takes held-out scores of wells, makes each compound's Hill fit against a constant, its EC50 and its curve.

The series of a compound in a cell type are its wells that are not controls, by the scores of the strictest scheme: whole plates
left out, or rows of the one plate. Where a featurizer has the column `nuclear_over_ring`, that plain column is fitted as well,
without an SVM, to give the EC50 of a floor as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from gandl.config import EvaluationSettings
from gandl.embeddings.metadata import feature_names
from gandl.evaluation.numbers import write_numbers
from gandl.evaluation.terms import (
    DOSE_RESPONSE,
    NO_TRAINING,
    RATIO,
    STRICTEST,
    by_strictest_scheme,
    compounds_of,
    dose_series,
)
from gandl.statistics.bootstrap import Floats, percentiles
from gandl.statistics.hill import (
    FEWEST_DOSES,
    PARAMETERS,
    HillDraws,
    HillFit,
    bootstrap_hill,
    ec50_interval,
    fit_hills,
    resampled_responses,
)
from gandl.tables import WELL_PROFILES, WELL_SCORES, read_table
from gandl.workflow.files import atomic
from gandl.workflow.progress import Progress

SIGNIFICANCE = 0.05
CURVE_POINTS = 120
SERIES = ["cell_type", "treatment"]
"""What a series is of; `treatment` is the compound."""
CURVE_COLUMNS = [*SERIES, "concentration_um", "fit", "low", "high"]
POINT_COLUMNS = [*SERIES, "concentration_um", "well_id", "on"]
METRICS = ("ec50_um", "hill_slope", "bottom", "top", "delta_aicc_constant", "p_constant", "rises_with_dose")


class DoseResponseError(ValueError):
    """There is no dose series to fit; the message names the file."""


@dataclass(frozen=True)
class Number:
    """A value with its interval; NaN if it is undefined."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class Response:
    """What is known of one compound: its numbers by metric, and its fit and draws where a curve could be fitted."""

    numbers: dict[str, Number]
    fit: HillFit | None
    draws: HillDraws | None

    @property
    def has_curve(self) -> bool:
        """Whether the Hill curve describes the wells better than their mean: by AICc, and by the F test at 5 %."""
        return has_curve(self.fit)


def has_curve(fit: HillFit | None) -> bool:
    """Whether a Hill curve describes wells better than their mean: by AICc, and by the F test at 5 %."""
    return fit is not None and fit.delta_aicc > 0 and fit.p_constant < SIGNIFICANCE


def write_dose_response(
    scores: Path,
    raw_wells: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    curves: Path,
    points: Path,
) -> None:
    """Write the numbers, curves and wells of every compound in every cell type.

    Parameters
    ----------
    scores : `tables.WELL_SCORES` of one featurizer under one normalisation.
    raw_wells : its well profiles without normalisation; a column named `nuclear_over_ring` is fitted, too (numbers only).
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : `tables.NUMBERS`; `split` is `<scheme>:<cell type>:<compound>`, in a screen of one cell type `<scheme>:<compound>`
        (`no_training` is the scheme of the plain column); the scheme is the first of `terms.STRICTEST` that scores the cell type.
        A compound goes by its canonical name, one without by what the screen wrote. n wells. EC50, slope and asymptotes are null
        where a constant fits as well. An EC50 is searched for up to half a decade beyond the tested doses, so a value or an end
        outside them means that it is out there, not where.
    curves : cell_type, treatment (the compound), concentration_um, fit, low, high (pointwise band): the curve, or the mean where
        a constant fits as well.
    points : cell_type, treatment (the compound), concentration_um, well_id, on: the wells fitted.

    Raises
    ------
    DoseResponseError : no well has a treatment and a dose without being a control.
    """
    table = read_table(Path(scores), WELL_SCORES)
    series = scored_series(table)
    if series.empty:
        raise DoseResponseError(
            f"{scores}: no well of the scheme {', '.join(STRICTEST)} has a treatment and a concentration_um without being "
            "a control; "
            "there is no dose series to fit"
        )
    numbers, drawn = [], []
    several = table["cell_type"].nunique() > 1
    groups = [wells for _, wells in series.groupby(["scheme", "cell_type", "treatment"], sort=False)]
    with Progress("dose response", len(groups), "series") as progress:
        for done, (wells, fit) in enumerate(zip(groups, fits_of(groups), strict=True), 1):
            response = dose_response(wells, settings, seed, fit)
            scheme, *names = wells[["scheme", *SERIES]].iloc[0]
            split = ":".join([scheme, *names] if several else [scheme, names[-1]])
            numbers.append(_rows(response, split, featurizer, normalization, len(wells)))
            drawn.append(_curve(response, wells, settings.confidence))
            progress.update(done)
    plain = list(_plain_series(raw_wells, several))
    for (split, wells), fit in zip(plain, fits_of([wells for _, wells in plain]), strict=True):
        numbers.append(_rows(dose_response(wells, settings, seed, fit), split, RATIO, "none", len(wells)))
    frame = pd.concat(numbers, ignore_index=True)
    write_numbers(frame, output, training_seed=training_seed, question=DOSE_RESPONSE, unit="well")
    _write(pd.concat(drawn, ignore_index=True)[CURVE_COLUMNS], Path(curves))
    _write(series[POINT_COLUMNS], Path(points))


def scored_series(scores: pd.DataFrame) -> pd.DataFrame:
    """The wells of the dose series: scheme, cell_type, treatment (the compound), concentration_um, well_id, on."""
    parts = [_series(wells, "on").assign(scheme=scheme) for scheme, _, wells in by_strictest_scheme(scores)]
    return pd.concat(parts, ignore_index=True) if parts else _series(scores, "on").iloc[:0]


def _plain_series(raw_wells: Path, several: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split and series of every compound by the plain column, where the featurizer has it."""
    names = feature_names(Path(raw_wells))
    if RATIO not in names:
        return
    series = _series(read_table(Path(raw_wells), WELL_PROFILES), f"feature_{names.index(RATIO)}")
    for (cell_type, treatment), wells in series.groupby(SERIES, sort=False):
        yield f"{NO_TRAINING}:{cell_type}:{treatment}" if several else f"{NO_TRAINING}:{treatment}", wells


def _series(wells: pd.DataFrame, score: str) -> pd.DataFrame:
    """The wells that belong to a series, with the column `score` as `on`."""
    series = dose_series(wells)
    named = series[["cell_type", "concentration_um", "well_id"]]
    return named.assign(treatment=compounds_of(series), on=series[score].astype(float))[POINT_COLUMNS]


def fits_of(groups: Sequence[pd.DataFrame]) -> list[HillFit | None]:
    """Hill fits of series (`concentration_um` and `on`), all at once of those that share their doses; None with too few doses."""
    fits: list[HillFit | None] = [None] * len(groups)
    for dose, of_layout in by_layout(groups):
        if len(np.unique(dose)) >= FEWEST_DOSES and len(dose) > PARAMETERS:
            responses = np.stack([on for _, on in of_layout])
            for (place, _), fit in zip(of_layout, fit_hills(dose, responses), strict=True):
                fits[place] = fit
    return fits


def by_layout(groups: Sequence[pd.DataFrame]) -> Iterator[tuple[Floats, list[tuple[int, Floats]]]]:
    """Ascending doses (n,) that some of the series share, and the position and scores (n,) of each of these."""
    found: dict[bytes, list[tuple[int, Floats]]] = defaultdict(list)
    for place, wells in enumerate(groups):
        dose, on = wells["concentration_um"].to_numpy(float), wells["on"].to_numpy(float)
        order = np.argsort(dose, kind="stable")
        found[dose[order].tobytes()].append((place, on[order]))
    for key, of_layout in found.items():
        yield np.frombuffer(key), of_layout


def dose_response(wells: pd.DataFrame, settings: EvaluationSettings, seed: int, fit: HillFit | None) -> Response:
    """Numbers of one compound.

    Parameters
    ----------
    wells : `concentration_um` and `on` of n wells. fit : of these (`fits_of`).

    Returns
    -------
    All of `METRICS`. `rises_with_dose` is Spearman's correlation of dose and score. With too few doses for a curve its numbers
    are NaN; with one well of a dose, all intervals are.
    """
    dose, on = wells["concentration_um"].to_numpy(float), wells["on"].to_numpy(float)
    numbers = dict.fromkeys(METRICS, Number())
    drawn = resampled_responses(dose, on, draws=settings.bootstrap, seed=seed)
    rho = _spearman(dose, on[None])[0]
    numbers["rises_with_dose"] = Number(
        rho, *_ends(None if drawn is None else _spearman(dose, drawn), settings.confidence)
    )
    if fit is None:
        return Response(numbers, None, None)
    numbers["delta_aicc_constant"] = Number(fit.delta_aicc)
    numbers["p_constant"] = Number(fit.p_constant)
    response = Response(numbers, fit, None)
    if response.has_curve:  # most compounds of a library have none, and draws are what takes the time
        draws = bootstrap_hill(dose, on, draws=settings.bootstrap, seed=seed)
        response = Response(numbers, fit, draws)
        numbers["ec50_um"] = Number(fit.curve.ec50, *ec50_interval(dose, on, fit, settings.confidence))
        names = {"hill_slope": "slope", "bottom": "bottom", "top": "top"}
        for metric, name in names.items():
            spread = None if draws is None else getattr(draws, name)
            numbers[metric] = Number(getattr(fit.curve, name), *_ends(spread, settings.confidence))
    return response


def _spearman(dose: Floats, on: Floats) -> Floats:
    """Rank correlation of (n,) doses with each row of (draws, n) scores; NaN for a row without variation."""
    ranks = rankdata(on, axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    doses = rankdata(dose)
    doses = doses - doses.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ranks @ doses / (np.linalg.norm(ranks, axis=1) * np.linalg.norm(doses)))


def _ends(draws: Floats | None, confidence: float) -> tuple[float, float]:
    """Percentile interval of bootstrap draws."""
    return (np.nan, np.nan) if draws is None else percentiles(draws, confidence)


def _rows(response: Response, split: str, featurizer: str, normalization: str, n: int) -> pd.DataFrame:
    rows = [
        {"split": split, "metric": metric, "value": number.value, "low": number.low, "high": number.high, "n": n}
        for metric, number in response.numbers.items()
    ]
    return pd.DataFrame(rows).assign(featurizer=featurizer, normalization=normalization)


def _curve(response: Response, wells: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """The fitted curve from the lowest to the highest dose with its band; the mean, without band, where there is no curve."""
    doses = wells["concentration_um"].to_numpy(float)
    dose = np.geomspace(doses.min(), doses.max(), CURVE_POINTS)
    low = high = np.full(CURVE_POINTS, np.nan)
    if response.has_curve and response.fit is not None:
        line = response.fit.curve(dose)
        if response.draws is not None:
            low, high = np.quantile(
                response.draws.responses(dose), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0
            )
    else:
        line = np.full(CURVE_POINTS, wells["on"].mean())
    cell_type, treatment = wells[SERIES].iloc[0]
    return pd.DataFrame(
        {
            "cell_type": cell_type,
            "treatment": treatment,
            "concentration_um": dose,
            "fit": line,
            "low": low,
            "high": high,
        }
    )


def _write(frame: pd.DataFrame, path: Path) -> None:
    with atomic(path) as partial:
        frame.to_parquet(partial, index=False, compression="zstd")
