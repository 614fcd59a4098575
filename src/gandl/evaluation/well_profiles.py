"""Profiles of wells as folds see them: takes a table of well profiles, gives the wells and, fold by fold, their features.

Most featurizers have one vector per well. One that is trained anew for every fold has one per fold and well
(`tables.FOLD_WELL_PROFILES`): a fold then sees what its own model made, which never saw the wells that the fold tests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from gandl.source.splits import Scheme
from gandl.statistics.fold_features import FoldFeatures, OfFolds
from gandl.statistics.held_out import Fold
from gandl.tables import FOLD_WELL_PROFILES, WELL_PROFILES, feature_columns
from gandl.tables.features import read_features
from gandl.workflow.words import counted

OF_FOLD = ("scheme", "fold")

Values = npt.NDArray[Any]

logger = logging.getLogger(__name__)


class ScoresError(ValueError):
    """Nothing to score by; the message names the table."""


def has_folds(profiles: Path) -> bool:
    """Whether a table of profiles holds those of every fold by themselves."""
    return set(OF_FOLD) <= set(pq.read_schema(profiles).names)


@dataclass(frozen=True)
class WellProfiles:
    """One featurizer's wells.

    Attributes
    ----------
    path : of the table. about : the wells, each once, with the columns of the sites table.
    values : (n, d) features, in single precision: double would fill memory; None where every fold has its own.
    schemes : of which there are features; None: of all.
    """

    path: Path
    about: pd.DataFrame
    values: Values | None
    schemes: frozenset[str] | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a table (`tables.WELL_PROFILES` or `tables.FOLD_WELL_PROFILES`)."""
        if not has_folds(path):
            return cls(path, *read_features(path, WELL_PROFILES))
        columns = pq.read_schema(path).empty_table().to_pandas()
        about = pd.read_parquet(path, columns=list(columns.drop(columns=feature_columns(columns))))
        wells = about.drop_duplicates("well_id").drop(columns=list(OF_FOLD)).reset_index(drop=True)
        return cls(path, wells, None, frozenset(about["scheme"]))

    def schemes_among(self, schemes: Iterable[tuple[Scheme, pd.DataFrame]]) -> Iterator[tuple[Scheme, pd.DataFrame]]:
        """Those of which there are features; the log names the others."""
        for scheme, splits in schemes:
            if self.schemes is None or scheme in self.schemes:
                yield scheme, splits
            else:
                logger.info("%s is left out: no model was trained for its folds", scheme)

    def features(self, scheme: Scheme, folds: Sequence[Fold], within: Callable[[Values], FoldFeatures]) -> FoldFeatures:
        """Features of the wells in some folds.

        Parameters
        ----------
        within : (n, d) -> as they are seen: as they are, or cross-fitted.

        Raises
        ------
        ScoresError : a fold lacks features of one of its wells.
        """
        if self.values is not None:
            return within(self.values)
        tested = {fold.name: fold.test for fold in folds}
        of_fold = {fold.name: fold for fold in folds}
        return OfFolds(len(self.about), tested, partial(self._load, scheme, of_fold), within)

    def _load(self, scheme: Scheme, folds: Mapping[str, Fold], name: str) -> Values:
        """(n, d) features by the model of a fold; not a number where it has none."""
        fold = folds[name]
        rows, values = read_features(
            self.path,
            FOLD_WELL_PROFILES,
            lambda about: ((about["scheme"] == scheme.value) & (about["fold"] == fold.name)).to_numpy(bool),
        )
        at = pd.Index(self.about["well_id"]).get_indexer(pd.Index(rows["well_id"]))
        found = np.full((len(self.about), values.shape[1]), np.nan, np.float32)
        found[at] = values
        needed = np.concatenate([fold.train, fold.test])
        lacking = needed[np.isnan(found[needed, 0])]
        if len(lacking):
            first = self.about["well_id"].iloc[lacking].min()
            raise ScoresError(
                f"{self.path} lacks {counted(len(lacking), 'well')} of scheme {scheme}, fold {fold.name}, the first: {first}"
            )
        return found
