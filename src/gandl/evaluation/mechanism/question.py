"""Mechanism of action by one nearest neighbour: takes a featurizer's well profiles, makes how often the nearest treatment of
another compound (NSC), or of another compound in other batches (NSCB), has the same mechanism.

Ljosa et al. 2013 and Ando et al. 2017 count right treatments; CytoGAN (Goldsborough et al. 2017) averages over compounds. Both
are given, and the mean over mechanisms. Each cell type by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings, QuestionName
from gandl.evaluation.mechanism.neighbours import Matches, not_same_batch, not_same_compound
from gandl.evaluation.mechanism.terms import (
    ALONE,
    CONFUSION_COLUMNS,
    MATCHES,
    NO_DIRECTION,
    NSC,
    NSCB,
    ONE_BATCH,
    left_out_sentences,
)
from gandl.evaluation.mechanism.treatments import (
    Floats,
    Integers,
    MechanismError,
    Treatments,
    counted_wells,
    treatments_of,
)
from gandl.evaluation.numbers import Row, number, write_numbers
from gandl.evaluation.well_profiles import WellProfiles
from gandl.statistics.bootstrap import percentiles
from gandl.statistics.shares import clustered_shares
from gandl.tables import write_table
from gandl.workflow.files import atomic

ROUNDING = 1e-9
UNIT = "treatment"

logger = logging.getLogger(__name__)


def write_mechanism(
    wells: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    treatments: Path,
    confusion: Path,
) -> None:
    """Write the numbers of the question `mechanism` for one featurizer under one normalisation.

    Parameters
    ----------
    wells : its well profiles (`tables.WELL_PROFILES`), with the column `moa`, empty where a mechanism is not known; a batch is an
        `experiment`. Wells without mechanism neither ask nor answer, nor do controls (`mechanism_controls`: positive ones do).
    settings : bootstrap, confidence, permutations, mechanism_aggregate, mechanism_controls.
    seed : of draws and permutations. training_seed : of the network, for the table.
    output : `tables.NUMBERS`, split `nsc:<cell type>` and `nscb:<cell type>`, unit `treatment`: `accuracy` (right treatments of
        n), `compound_accuracy` (mean over compounds), `balanced_accuracy` (mean over mechanisms). Intervals draw compounds: which
        queries count, with the candidates as they are, for a compound that was drawn twice would find itself, and one that was
        not would be missed. `accuracy_chance`, the mean of permutations of mechanisms between compounds, with their percentiles,
        and `accuracy_p`, one-sided. No rows of `nscb` where it can match nothing, as in a single batch.
    treatments : `MATCHES`. confusion : `CONFUSION_COLUMNS`, every pair of mechanisms that were asked for or found.

    Raises
    ------
    MechanismError : no wells with a mechanism, mistakes in them (`treatments.counted_wells`), or no treatment can be matched.
    """
    path = Path(wells)
    profiles = WellProfiles.read(path)
    if profiles.values is None:
        raise MechanismError(f"{path} has profiles of folds, and no fold is asked for mechanisms")
    counts = counted_wells(profiles.about, path, with_positive=settings.mechanism_controls)
    about, values = profiles.about[counts].reset_index(drop=True), profiles.values[counts]
    rows: list[Row] = []
    matched, confused = [], []
    names = {"featurizer": featurizer, "normalization": normalization}
    for cell_type in sorted(about["cell_type"].unique()):
        mine = (about["cell_type"] == cell_type).to_numpy(bool)
        known = treatments_of(about[mine], values[mine], settings.mechanism_aggregate)
        for scheme, find in ((NSC, not_same_compound), (NSCB, not_same_batch)):
            answers = Answers.of(known, find(known), scheme)
            rows += _rows(answers, f"{scheme}:{cell_type}", settings, seed)
            labels = {**names, "scheme": scheme, "cell_type": str(cell_type)}
            matched.append(answers.table().assign(**labels)[MATCHES.names])
            confused.append(answers.confusion().assign(**labels)[CONFUSION_COLUMNS])
    told = pd.concat(matched, ignore_index=True)
    for sentence in left_out_sentences(told):
        logger.info("%s", sentence)
    if not rows:
        raise MechanismError(f"{path}: no treatment can be matched; {'; '.join(left_out_sentences(told))}")
    write_table(told, Path(treatments), MATCHES)
    with atomic(Path(confusion)) as partial:
        pd.concat(confused, ignore_index=True).to_parquet(partial, index=False, compression="zstd")
    write_numbers(rows, output, training_seed=training_seed, question=QuestionName.MECHANISM.value, **names)


@dataclass(frozen=True)
class Answers:
    """Nearest neighbours with what is right: which queries count, and how much.

    Attributes
    ----------
    labels : (c,) mechanism of every compound, by number of `names`. weights : (q,) what each query counts; those of a treatment
        add up to 1, or to 0 where none of them could be right.
    """

    treatments: Treatments
    matches: Matches
    scheme: str
    names: npt.NDArray[np.str_]
    labels: Integers
    weights: Floats

    @classmethod
    def of(cls, treatments: Treatments, matches: Matches, scheme: str) -> Answers:
        names, labels = np.unique(treatments.mechanisms, return_inverse=True)
        return cls(treatments, matches, scheme, names, labels, _weights(matches, labels))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(q,) whether the nearest neighbour has the query's mechanism."""
        return _right(self.matches, self.treatments.compounds, self.labels)

    def scores(self) -> tuple[Floats, Integers]:
        """(k,) share of its queries that is right, of the treatments that count, and (k,) which these are."""
        return _scores(self.weights, self.right, self.matches.treatment)

    def table(self) -> pd.DataFrame:
        """`MATCHES` without featurizer, normalisation, scheme and cell type."""
        matches, about = self.matches, self.treatments.about
        mine = about.iloc[matches.treatment].reset_index(drop=True)
        near = about.iloc[matches.nearest].reset_index(drop=True)
        known = matches.nearest >= 0
        batch = self.treatments.batches[matches.batch].astype(object)
        batch[matches.batch < 0] = None
        return pd.DataFrame(
            {
                "treatment": mine["compound"],
                "concentration_um": mine["concentration_um"],
                "batch": batch,
                "wells": matches.wells,
                "mechanism": mine["mechanism"],
                "nearest": near["compound"].where(known, None),
                "nearest_concentration_um": near["concentration_um"].where(known),
                "nearest_mechanism": near["mechanism"].where(known, None),
                "distance": matches.distance,
                "correct": self.right & (self.weights > 0),
                "weight": self.weights,
                "left_out": self._reasons(),
            }
        )

    def _reasons(self) -> npt.NDArray[np.object_]:
        """(q,) why a query does not count; None where it does."""
        alone = np.bincount(self.labels)[self.labels[self.matches.compound]] < 2
        reasons = np.where(alone | (self.scheme == NSC), ALONE, ONE_BATCH).astype(object)
        reasons[~self.matches.directed] = NO_DIRECTION
        reasons[self.weights > 0] = None
        return reasons

    def confusion(self) -> pd.DataFrame:
        """`true`, `predicted` and `count` of every pair of mechanisms that were asked for or found."""
        asked = self.weights > 0
        compounds = self.treatments.compounds
        true = self.labels[self.matches.compound[asked]]
        found = self.labels[compounds[self.matches.nearest[asked]]]
        sums = np.zeros((len(self.names), len(self.names)))
        np.add.at(sums, (true, found), self.weights[asked])
        held = np.flatnonzero(sums.sum(axis=0) + sums.sum(axis=1))
        pairs = [(self.names[i], self.names[j], sums[i, j]) for i in held for j in held]
        return pd.DataFrame(pairs, columns=["true", "predicted", "count"]).astype({"count": float})


def _right(matches: Matches, compounds: Integers, labels: Integers) -> npt.NDArray[np.bool_]:
    found = labels[compounds[matches.nearest]]
    return np.asarray((found == labels[matches.compound]) & (matches.nearest >= 0))


def _weights(matches: Matches, labels: Integers) -> Floats:
    """(q,) one over the number of a treatment's queries that could be right; 0 for those that could not."""
    eligible = matches.eligible(labels)
    of_treatment = np.bincount(matches.treatment, weights=eligible)
    return np.asarray(eligible / np.maximum(of_treatment, 1)[matches.treatment])


def _scores(weights: Floats, right: npt.NDArray[np.bool_], treatment: Integers) -> tuple[Floats, Integers]:
    counting = np.flatnonzero(np.bincount(treatment, weights=weights) > 0)
    return np.bincount(treatment, weights=weights * right)[counting].astype(float), counting


def _rows(answers: Answers, split: str, settings: EvaluationSettings, seed: int) -> Iterator[Row]:
    scores, counting = answers.scores()
    if not len(counting):
        return
    compounds = answers.treatments.compounds[counting]
    found = clustered_shares(
        scores,
        compounds,
        answers.labels[compounds],
        draws=settings.bootstrap,
        confidence=settings.confidence,
        seed=seed,
    )
    drawn = {"drawn": "compound", "units": found.clusters}
    for metric, share in (
        ("accuracy", found.overall),
        ("compound_accuracy", found.by_cluster),
        ("balanced_accuracy", found.by_class),
    ):
        yield number(split, UNIT, metric, share.value, (share.low, share.high), found.n) | drawn
    if settings.permutations:
        chance = permuted_accuracies(answers, settings.permutations, seed)
        least = found.overall.value - ROUNDING
        p = (1 + int((chance >= least).sum())) / (1 + len(chance))
        ends = percentiles(chance, settings.confidence)
        yield number(split, UNIT, "accuracy_chance", float(chance.mean()), ends, found.n) | drawn
        yield number(split, UNIT, "accuracy_p", p, (np.nan, np.nan), found.n) | drawn


def permuted_accuracies(answers: Answers, permutations: int, seed: int) -> Floats:
    """(permutations,) accuracies with mechanisms exchanged at random between compounds, all doses of a compound keeping one.

    Nearest neighbours stay; which treatments could be right at all, and so count, is decided anew each time. A permutation under
    which none could has no accuracy, and another one takes its place.
    """
    matches, labels = answers.matches, answers.labels
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(20 * permutations):
        exchanged = labels[rng.permutation(len(labels))]
        right = _right(matches, answers.treatments.compounds, exchanged)
        scores, counting = _scores(_weights(matches, exchanged), right, matches.treatment)
        found += [float(scores.mean())] if len(counting) else []
        if len(found) == permutations:
            break
    return np.array(found or [np.nan])
