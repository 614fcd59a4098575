"""Compounds: takes rows of doses and dose series of wells, makes a row per compound: efficacy, hit, EC50, what to beware of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation import hits
from gandl.evaluation.dose_response import by_layout, fits_of, has_curve
from gandl.evaluation.screening.hooks import hooks
from gandl.evaluation.terms import (
    BIPHASIC,
    COMPOUNDS,
    EC50_ABOVE,
    EC50_BELOW,
    FALLING,
    FEW_DOSES,
    FITTED,
    FLAGS,
    NO_DOSE,
    OF_CELL_TYPE,
    ONE_DOSE,
    ONE_REPLICATE,
    OPEN,
    TOXIC,
    TOXICITY_UNKNOWN,
    compounds_of,
    dose_series,
)
from gandl.statistics.curves.projection import BEYOND_DOSES
from gandl.statistics.hill import FEWEST_DOSES, FEWEST_WELLS, HillFit, ec50_intervals

OVER_DOSES = (
    "concentration_um",
    "wells",
    "efficacy",
    "efficacy_low",
    "efficacy_high",
    "difference",
    "p",
    "toxic",
    "hit",
    "sign_test_hit",
    "average_precision",
    "agreement_p",
)
"""Columns of doses that a compound's row sums up."""
CONSTANT = "a constant fits as well"
END = 1e-6
"""An end of an interval this near (logarithm) the limit of the search is open."""


def compounds_in(
    wells: pd.DataFrame, doses: pd.DataFrame, *, confidence: float, false_discovery: float
) -> pd.DataFrame:
    """Compounds of one cell type.

    A compound with several doses has several chances to be a hit by one of them, so that of compounds that are called by any
    dose more are false than the rate says. Hits among compounds are therefore chosen anew: the one-sided p values of a
    compound's doses that are not found toxic become one (Simes 1986), and these are adjusted by Benjamini and Hochberg over
    compounds. A compound whose lower doses are hits may be toxic at a higher one: `flags` says so.

    Parameters
    ----------
    wells : `tables.WELL_SCORES` of one cell type under one scheme. doses : what `doses.doses_of` made of them.
    confidence : of the intervals of EC50s. false_discovery : share of false ones accepted among hits.

    Returns
    -------
    `terms.COMPOUNDS` without what names featurizer, normalisation, scheme and cell type, by name of the compound.
    """
    series = dose_series(wells)
    series = series.assign(compound=compounds_of(series))[["compound", "concentration_um", "on"]]
    fitted = _fitted(series, confidence)
    treated = wells[(wells["control"] == "none") & wells["treatment"].notna()]
    plates: dict[Hashable, int] = treated["plate_id"].groupby(compounds_of(treated)).nunique().to_dict()
    unknown = doses["toxic"].isna().to_numpy()
    doses = doses.assign(toxic=doses["toxic"].fillna(False).astype(bool))
    values = {name: doses[name].to_numpy() for name in OVER_DOSES}
    curves = fitted.to_dict("index")
    nothing = {"flags": NO_DOSE, "no_curve": FLAGS[NO_DOSE]}
    rows = []
    for name, at in doses.groupby("compound", sort=True).indices.items():
        mine = {column: of_all[at] for column, of_all in values.items()}
        curve = curves.get(name, nothing)
        flags = {TOXIC} if mine["toxic"].any() else set()
        flags |= {TOXICITY_UNKNOWN} if unknown[at].any() else set()
        flags |= set(filter(None, str(curve["flags"]).split("|")))
        flags |= {ONE_REPLICATE} if mine["wells"].max() == 1 else set()
        about = {"compound": name, "plates": plates[name], "flags": _joined(flags)}
        rows.append(_over_doses(mine) | curve | about)
    found = pd.DataFrame(rows, columns=[*(name for name in COMPOUNDS.names if name not in OF_CELL_TYPE), "p"])
    found["q"] = hits.adjusted(found.pop("p").to_numpy(float))
    return found.assign(hit=found["q"] <= false_discovery)


def _joined(flags: Iterable[str]) -> str | None:
    """Flags in the order of `FLAGS`; None where there is none."""
    chosen = set(flags)
    return "|".join(flag for flag in FLAGS if flag in chosen) or None


def _over_doses(mine: Mapping[str, npt.NDArray[Any]]) -> dict[str, object]:
    """What the doses of a compound say together; of each column of `OVER_DOSES` the values of its doses."""
    harmless, dose = ~mine["toxic"], mine["concentration_um"]
    best = int(np.argmax(np.where(harmless | (not harmless.any()), mine["efficacy"], -np.inf)))
    p = mine["agreement_p"]
    poisoned = dose[mine["toxic"] & np.isfinite(dose)]
    found = {
        "wells": int(mine["wells"].sum()),
        "doses": len(np.unique(dose[np.isfinite(dose)])),
        "replicates": int(mine["wells"].min()),
        "efficacy": mine["efficacy"][best],
        "efficacy_low": mine["efficacy_low"][best],
        "efficacy_high": mine["efficacy_high"][best],
        "efficacy_dose_um": dose[best],
        "hit_doses": int(mine["hit"].sum()),
        "p": _simes(np.where(mine["difference"] > 0, mine["p"] / 2, 1 - mine["p"] / 2)[harmless]),
        "sign_test_hit": bool(mine["sign_test_hit"].any()),
        "toxic_dose_um": poisoned.min() if len(poisoned) else np.nan,
        "average_precision": np.nan,
        "agreement_p": np.nan,
    }
    if np.isfinite(p).any():
        most = int(np.nanargmin(p))
        found |= {
            "average_precision": mine["average_precision"][most],
            "agreement_p": min(1.0, p[most] * int(np.isfinite(p).sum())),
        }
    return found


def _simes(p: npt.NDArray[np.float64]) -> float:
    """One p value of several of one hypothesis (Simes 1986), NaN ones left out."""
    known = np.sort(p[np.isfinite(p)])
    return float((known * len(known) / np.arange(1, len(known) + 1)).min()) if len(known) else np.nan


def _fitted(series: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Curves of series (compound, concentration_um, on), by compound: `terms.FITTED`, flags of the curve, why there is none."""
    named = [(str(name), wells) for name, wells in series.groupby("compound", sort=True)]
    groups = [wells for _, wells in named]
    fits = fits_of(groups)
    rows: list[dict[str, object]] = [{"no_curve": None} for _ in groups]  # else it is a number where all have a curve
    flags: dict[int, set[str]] = defaultdict(set)
    for dose, of_layout in by_layout(groups):
        places = [place for place, _ in of_layout]
        known = [(place, on, fit) for place, on in of_layout if (fit := fits[place]) is not None]
        if not known:
            doses = len(np.unique(dose))
            flag = ONE_DOSE if doses == 1 else FEW_DOSES
            for place in places:
                flags[place] |= {flag} if doses < FEWEST_DOSES else set()
                rows[place]["no_curve"] = FLAGS[flag] if doses < FEWEST_DOSES else _few_wells()
            continue
        responses = np.stack([on for _, on, _ in known])
        curves = [fit for _, _, fit in known]
        for (place, _, fit), hooked in zip(known, hooks(dose, responses, curves), strict=True):
            flags[place] |= {BIPHASIC} if hooked else set()
            rows[place] |= {"delta_aicc_constant": fit.delta_aicc, "p_constant": fit.p_constant}
            if not has_curve(fit):
                rows[place]["no_curve"] = CONSTANT if len(dose) >= FEWEST_WELLS else _few_wells()
        chosen = [i for i, fit in enumerate(curves) if has_curve(fit)]
        if chosen:
            ends = ec50_intervals(dose, responses[chosen], [curves[i] for i in chosen], confidence)
            for i, (low, high) in zip(chosen, ends, strict=True):
                place, _, fit = known[i]
                rows[place] |= _of_curve(fit, float(low), float(high))
                flags[place] |= _flags_of_curve(fit, dose, float(low), float(high))
    found = pd.DataFrame(rows, columns=[*FITTED, "no_curve"]).assign(compound=[name for name, _ in named])
    found["flags"] = ["|".join(sorted(flags[place])) for place in range(len(named))]
    return found.set_index("compound")


def _few_wells() -> str:
    return f"there are fewer than {FEWEST_WELLS} wells"


def _of_curve(fit: HillFit, low: float, high: float) -> dict[str, object]:
    curve = fit.curve
    shape = {"hill_slope": curve.slope, "bottom": curve.bottom, "top": curve.top}
    return {"ec50_um": curve.ec50, "ec50_low_um": low, "ec50_high_um": high, **shape}


def _flags_of_curve(fit: HillFit, dose: np.ndarray, low: float, high: float) -> set[str]:
    lowest, highest = float(dose.min()), float(dose.max())
    beyond = 10**BEYOND_DOSES
    ends_open = low <= lowest / beyond * (1 + END) or high >= highest * beyond * (1 - END)
    tests = {
        EC50_BELOW: fit.curve.ec50 < lowest,
        EC50_ABOVE: fit.curve.ec50 > highest,
        OPEN: ends_open,
        FALLING: fit.curve.slope < 0,
    }
    return {flag for flag, holds in tests.items() if holds}
