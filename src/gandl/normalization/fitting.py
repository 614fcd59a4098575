"""Fitting: takes features of a screen's sites, makes the normalisation that is applied to them (`gandl.normalization.fitted`).

What is fitted plate by plate needs the plates of one store at a time; what is fitted on a whole screen sees its stores one after
the other, once (`spherize`, `global`) or twice (`tvn`), and keeps sums alone. Statistics are over wells, each the mean of its
sites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import median_abs_deviation

from gandl.config import Batch, Normalization, NormalizationSettings
from gandl.normalization.fitted import Alignment, Fitted
from gandl.normalization.reference import NormalizationError, reference_wells
from gandl.normalization.whitening import Moments, Whitening, coral, whitening_of
from gandl.statistics.fold_features import PARTS, CrossFitted
from gandl.statistics.standardisation import (
    FEWEST_WELLS,
    ROUNDING,
    StandardisationError,
    Units,
    units_of,
    well_means,
)
from gandl.workflow.words import counted

OF_SCREEN = (Normalization.SPHERIZE, Normalization.TVN, Normalization.GLOBAL)
"""Methods that are fitted on all plates together."""
ALL = "screen"
"""The name of the units that all rows share."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def reference_of(sites: pd.DataFrame, method: Normalization, settings: NormalizationSettings) -> Flags:
    """(n,) which rows are of the wells that a method is fitted on: those that it names, or those of `settings.reference`."""
    by_setting = method is Normalization.MAD or method in OF_SCREEN
    return reference_wells(sites, Normalization(settings.reference.value) if by_setting else method)


def fit_plates(
    values: Floats,
    sites: pd.DataFrame,
    method: Normalization,
    settings: NormalizationSettings,
    about: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fit what takes each plate by itself, or nothing (`none`).

    Parameters
    ----------
    values : (n, d) features of all sites of some plates. sites : their rows of the sites table.
    method : none of `OF_SCREEN`. about : what to keep beside the parameters.

    Raises
    ------
    NormalizationError : a plate with fewer than 3 reference wells (`negative_crossfit`: 4).
    """
    about = {**(about or {}), **settings.of(method)}
    if method is Normalization.NONE:
        return Fitted(method, about=about)
    reference = reference_of(sites, method, settings)
    wells = tuple(sites.loc[reference, "well_id"].unique())
    if method is Normalization.NEGATIVE_CROSSFIT:
        units, own = _crossfitted(values, sites)
        return Fitted(method, "plate_id", units, own, wells=wells, about=about)
    check_wells(sites, reference, "plate_id", method)
    measure = robust_units_of if method is Normalization.MAD else units_of
    return Fitted(method, "plate_id", _by_plate(values, sites, reference, measure), wells=wells, about=about)


def check_wells(sites: pd.DataFrame, reference: Flags, column: str | None, method: Normalization) -> None:
    """Refuse a plate, an experiment or a screen with fewer than 3 reference wells.

    Parameters
    ----------
    reference : (n,) which rows of the sites table are of reference wells.
    column : that names plates (`plate_id`) or experiments; None: the screen.

    Raises
    ------
    NormalizationError : names the first.
    """
    wells = sites["well_id"].where(reference)
    batches = sites[column] if column else np.full(len(sites), ALL, object)
    for name, found in wells.groupby(batches, sort=False).nunique().items():
        if found < FEWEST_WELLS:
            where = {"plate_id": f"plate {name}", "experiment": f"experiment {name}", None: "the screen"}[column]
            raise NormalizationError(
                f"{where} has {counted(int(found), 'reference well')} for the normalisation '{method}'; at least {FEWEST_WELLS} "
                "are needed"
            )


def robust_units_of(reference: Floats) -> Units:
    """Median and median absolute deviation of (n, d) reference rows, the latter times 1.4826: a normal's standard deviation.

    A feature of which half of the rows or more have one value does not vary.
    """
    deviation = np.asarray(median_abs_deviation(reference, axis=0, scale="normal"))
    return Units(np.median(reference, axis=0), deviation, deviation > ROUNDING * np.abs(reference).max(axis=0))


def _by_plate(
    values: Floats, sites: pd.DataFrame, reference: Flags, measure: Callable[[Floats], Units]
) -> dict[str, Units]:
    plates, wells = sites["plate_id"].to_numpy(object), sites["well_id"].to_numpy(object)
    found = {}
    for plate in dict.fromkeys(plates):
        here = (plates == plate) & reference
        found[str(plate)] = measure(well_means(values[here], wells[here]))
    return found


def _crossfitted(values: Floats, sites: pd.DataFrame) -> tuple[dict[str, Units], dict[str, str]]:
    """Units of all negative controls of a plate, and of those outside each part, in which the part's negative controls are."""
    wells = sites.drop_duplicates("well_id")
    means = well_means(values, sites["well_id"].to_numpy(object))
    try:
        parts = CrossFitted(means, wells["plate_id"], wells["well_id"], wells["control"]).parts()
    except StandardisationError as error:
        raise NormalizationError(str(error)) from error
    negative = (wells["control"] == "negative").to_numpy(bool)
    plates, names = wells["plate_id"].to_numpy(object), wells["well_id"].to_numpy(object)
    units = _by_plate(values, sites, (sites["control"] == "negative").to_numpy(bool), units_of)
    own: dict[str, str] = {}
    for plate in dict.fromkeys(plates):
        for part in range(PARTS):
            here = negative & (plates == plate)
            units[f"{plate}#{part}"] = units_of(means[here & (parts != part)])
            own |= dict.fromkeys(names[here & (parts == part)], f"{plate}#{part}")
    return units, own


class ScreenFit:
    """Fits what takes a screen as a whole; its stores are shown one after the other, as often as `unfinished` says.

        fit = ScreenFit(sites, method, settings)
        while fit.unfinished:
            for values, here in stores:
                fit.add(values, here)
            fit.end_pass()
        profiles = fit.fitted().apply(values, here)

    Memory: a (d, d) matrix in double precision, thrice while it is decomposed (5,120 features: 0.6 GB and a minute or two), or
    the reference wells themselves where they are fewer than features; `tvn` also one (k, k) matrix per batch.

    Parameters
    ----------
    sites : all rows of the sites table. method : of `OF_SCREEN`. about : what to keep beside the parameters.

    Raises
    ------
    NormalizationError : fewer than 3 reference wells in the screen; for `tvn`, in a batch.
    """

    def __init__(
        self,
        sites: pd.DataFrame,
        method: Normalization,
        settings: NormalizationSettings,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.method, self._settings = method, settings
        self._about = {**(about or {}), **settings.of(method)}
        reference = reference_of(sites, method, settings)
        self._column = None
        if method is Normalization.TVN:
            self._column = "experiment" if settings.batch is Batch.EXPERIMENT else "plate_id"
        check_wells(sites, reference, self._column, method)
        self._wells = tuple(sites.loc[reference, "well_id"].unique())
        self._moments: Moments | None = None
        self._rows: list[Floats] | None = None
        self._units: Units | None = None
        self._whitening: Whitening | None = None
        self._batches: dict[str, Moments] = {}
        self._alignment: Alignment | None = None
        self.unfinished = True

    def add(self, values: Floats, sites: pd.DataFrame) -> None:
        """Take in the (n, d) features of a store's sites: whole wells, in the order of their rows `sites`."""
        reference = reference_of(sites, self.method, self._settings)
        if not reference.any():
            return
        of_wells = well_means(values[reference], sites.loc[reference, "well_id"].to_numpy(object))
        if self._whitening is None:
            self._add_wells(of_wells)
            return
        assert self._units is not None
        about = sites[reference].drop_duplicates("well_id")
        found = self._whitening.components(self._units.apply(of_wells))
        names = about[self._column].to_numpy(object)
        for name in dict.fromkeys(names):
            batch = self._batches.setdefault(str(name), Moments(found.shape[1]))
            batch.add(found[names == name])

    def _add_wells(self, wells: Floats) -> None:
        if self._moments is None and self._rows is None:
            whitens = self.method is not Normalization.GLOBAL
            if whitens and len(self._wells) <= wells.shape[1]:
                self._rows = []
            else:
                self._moments = Moments(wells.shape[1], cross=whitens)
        if self._rows is not None:
            self._rows.append(wells)
        elif self._moments is not None:
            self._moments.add(wells)

    def end_pass(self) -> None:
        """All stores were shown."""
        if self._batches:
            self._align()
        else:
            self._whiten()

    def _whiten(self) -> None:
        tvn = self.method is Normalization.TVN
        if self.method is Normalization.GLOBAL:
            assert self._moments is not None
            self._units = self._moments.units()
        else:
            wells = np.concatenate(self._rows) if self._rows is not None else self._moments
            assert wells is not None
            most = self._settings.components if tvn else None
            self._units, self._whitening, _ = whitening_of(wells, self._settings.regularization, most)
        self._moments = self._rows = None
        self.unfinished = tvn

    def _align(self) -> None:
        """Each batch gets mean 0 and the covariance within batches, pooled over all of them."""
        freedom = sum(batch.n - 1 for batch in self._batches.values())
        pooled = np.sum([batch.scatter for batch in self._batches.values()], axis=0) / freedom
        matrices = []
        for name, batch in self._batches.items():
            try:
                matrices.append(coral(batch.scatter / (batch.n - 1), pooled, self._settings.regularization))
            except ValueError:
                kind = "experiment" if self._column == "experiment" else "plate"
                raise NormalizationError(
                    f"{kind} {name} has {counted(batch.n, 'reference well')}, which do not vary in all {len(pooled)} components "
                    "that the normalisation 'tvn' aligns: set normalization.regularization above 0"
                ) from None
        centre = np.stack([batch.mean for batch in self._batches.values()])
        assert self._column is not None
        self._alignment = Alignment(self._column, tuple(self._batches), centre, np.stack(matrices))
        self.unfinished = False

    def fitted(self) -> Fitted:
        """What was fitted, after the last pass."""
        assert self._units is not None
        return Fitted(
            self.method,
            None,
            {ALL: self._units},
            whitening=self._whitening,
            alignment=self._alignment,
            wells=self._wells,
            about=self._about,
        )
