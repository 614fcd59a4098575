"""Treatments with a mechanism: takes wells and their profiles, makes treatments (compound and dose) with their mechanism and the
batches that their wells are in, and their profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Aggregate
from gandl.evaluation.mechanism.terms import MOA
from gandl.evaluation.terms import compounds_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
SERIES = ["compound", "concentration_um"]


class MechanismError(ValueError):
    """The question cannot be asked of these profiles; the message names the table, and the well or treatment."""


@dataclass(frozen=True)
class Treatments:
    """The treatments of one cell type, in order of compound and dose.

    Attributes
    ----------
    about : (t,) compound, concentration_um, mechanism, wells.
    compounds : (t,) number of each one's compound, of `compound_names`. mechanisms : (c,) mechanism of each compound.
    values : (n, d) profiles of wells. treatment_of, batch_of : (n,) treatment and batch of each well. batches : their names.
    aggregate : how a profile is made of several wells.
    """

    about: pd.DataFrame
    compounds: Integers
    compound_names: npt.NDArray[np.str_]
    mechanisms: npt.NDArray[np.str_]
    values: Floats
    treatment_of: Integers
    batch_of: Integers
    batches: npt.NDArray[np.str_]
    aggregate: Aggregate

    def profiles(self, wells: npt.NDArray[np.bool_]) -> Floats:
        """(t, d) profile of each treatment by some of its wells, each well weighing the same; not a number where it has none."""
        found = np.full((len(self.about), self.values.shape[1]), np.nan)
        at = np.flatnonzero(wells)
        at = at[np.argsort(self.treatment_of[at], kind="stable")]
        held, first, sizes = np.unique(self.treatment_of[at], return_index=True, return_counts=True)
        for treatment, begin, size in zip(held, first, sizes, strict=True):
            rows = self.values[at[begin : begin + size]]
            found[treatment] = np.median(rows, axis=0) if self.aggregate is Aggregate.MEDIAN else rows.mean(axis=0)
        return found


def counted_wells(wells: pd.DataFrame, path: Path, *, with_positive: bool) -> npt.NDArray[np.bool_]:
    """(n,) which wells count: those with a mechanism that are no controls.

    Parameters
    ----------
    wells : the wells of a table, with the columns of the sites table. path : of the table, for messages.
    with_positive : positive control wells count for their treatment, too.

    Raises
    ------
    MechanismError : no column of mechanisms, no such well, one without a treatment, a treatment of which some wells have a
        mechanism and others none, or a compound with several.
    """
    if MOA not in wells:
        raise MechanismError(f"{path} has no column {MOA}, which names the mechanism of action of a well's treatment")
    left_out = ["negative"] if with_positive else ["negative", "positive"]
    treated = ~wells["control"].isin(left_out)
    mechanism = mechanisms_of(wells)
    compound = compounds_of(wells)
    counts = (treated & mechanism.ne("")).to_numpy(bool)
    if not counts.any():
        raise MechanismError(f"{path}: no well has a mechanism ({MOA}) without being a control")
    nameless = counts & compound.isna().to_numpy(bool)
    if nameless.any():
        first = int(np.flatnonzero(nameless)[0])
        raise MechanismError(
            f"{path}: well {wells['well_id'].iloc[first]} has the mechanism {mechanism.iloc[first]}, but no treatment"
        )
    _check_one_mechanism(
        wells[treated].assign(compound=compound, mechanism=mechanism).dropna(subset=["compound"]), path
    )
    return counts


def mechanisms_of(wells: pd.DataFrame) -> pd.Series:
    """The mechanism of each well's treatment; empty where it has none."""
    return wells[MOA].fillna("").astype(str).str.strip()


def _check_one_mechanism(wells: pd.DataFrame, path: Path) -> None:
    """Every treatment has a mechanism in all its wells or in none, and every compound one mechanism, at whichever doses."""
    annotated = wells[wells["mechanism"] != ""]
    pairs = annotated.drop_duplicates(["compound", "mechanism"])
    if (twice := pairs["compound"].duplicated()).any():
        name = pairs["compound"][twice].iloc[0]
        first, second, *_ = pairs[pairs["compound"] == name].itertuples()
        raise MechanismError(
            f"{path}: {name} has the mechanism {first.mechanism} in well {first.well_id} and {second.mechanism} in well "
            f"{second.well_id}; a compound has one (join several into one name)"
        )
    for _, rows in wells.groupby(SERIES, dropna=False, sort=True):
        lacking = rows["mechanism"] == ""
        if lacking.any() and not lacking.all():
            with_one, without = rows[~lacking].iloc[0], rows[lacking].iloc[0]
            dose = float(with_one["concentration_um"])
            at = "" if np.isnan(dose) else f" at {dose:g} µM"
            names = f"{with_one['mechanism']} in well {with_one['well_id']} and none in well {without['well_id']}"
            raise MechanismError(
                f"{path}: {with_one['compound']}{at} has the mechanism {names}; name it in all its wells"
            )


def treatments_of(wells: pd.DataFrame, values: npt.NDArray[np.floating], aggregate: Aggregate) -> Treatments:
    """The treatments of wells that count (`counted_wells`), all of one cell type; `values` : (n, d) their profiles."""
    keys = pd.DataFrame(
        {
            "compound": compounds_of(wells).astype(str).to_numpy(object),
            "concentration_um": wells["concentration_um"].to_numpy(float),
            "mechanism": mechanisms_of(wells).to_numpy(object),
        }
    )
    groups = keys.groupby(SERIES, dropna=False, sort=True)
    treatment_of: Integers = groups.ngroup().to_numpy().astype(np.intp)
    first = np.unique(treatment_of, return_index=True)[1]
    about = keys.iloc[first].reset_index(drop=True).assign(wells=np.bincount(treatment_of))
    names, compounds = np.unique(about["compound"].to_numpy(str), return_inverse=True)
    mechanisms = np.empty(len(names), object)
    mechanisms[compounds] = about["mechanism"].to_numpy(object)
    batches, batch_of = np.unique(wells["experiment"].to_numpy(str), return_inverse=True)
    return Treatments(
        about,
        compounds,
        names,
        mechanisms.astype(str),
        np.asarray(values, np.float64),
        treatment_of,
        batch_of.astype(np.intp),
        batches,
        aggregate,
    )
