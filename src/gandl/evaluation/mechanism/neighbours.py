"""Nearest neighbours: takes treatments, finds the nearest treatment of another compound (NSC), and of another compound in other
batches (NSCB), by cosine distance, and which of them could be right at all.

A treatment whose wells are in several batches is split for NSCB: it asks once for every batch, with the profile of its wells
there, and each candidate answers with the profile of its wells in the other batches. So no batch that a query is in decides, and
a treatment that is in every batch (a control) is neither lost nor matched within a batch. Where every treatment is in one batch,
this is the protocol as published (Ando et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.evaluation.mechanism.treatments import Floats, Integers, Treatments

TIE = 1e-9
"""Distances that differ by less are equal: the first in order of compound and dose is taken. Rounding decides nothing."""
NOTHING = 1e-12
"""A profile shorter than this share of the longest has no direction."""
AT_ONCE = 2**22
"""Distances that are held at once, about."""


@dataclass(frozen=True)
class Matches:
    """What was asked, and the nearest neighbour of each.

    Attributes
    ----------
    treatment : (q,) which treatment asks. batch : (q,) in which batch, by number; -1: in all of them (NSC).
    wells : (q,) of how many wells its profile is. directed : (q,) whether the profile has a direction.
    nearest : (q,) the nearest candidate; -1 where there is none. distance : (q,) to it, one less the cosine; NaN where none.
    compound : (q,) of the treatment. group : (q,) row of `candidates`.
    candidates : (g, c) whether a compound has any candidate for the queries of that row.
    """

    treatment: Integers
    batch: Integers
    wells: Integers
    directed: npt.NDArray[np.bool_]
    nearest: Integers
    distance: Floats
    compound: Integers
    group: Integers
    candidates: npt.NDArray[np.bool_]

    def eligible(self, mechanisms: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """(q,) whether a candidate of another compound has the query's mechanism, so that it can be right.

        mechanisms : (c,) of every compound, by number.
        """
        has = np.zeros((len(mechanisms), int(mechanisms.max()) + 1))
        has[np.arange(len(mechanisms)), mechanisms] = 1
        compounds = self.candidates.astype(float) @ has
        others = compounds[self.group, mechanisms[self.compound]] - self.candidates[self.group, self.compound]
        return np.asarray((others > 0) & self.directed)


def not_same_compound(treatments: Treatments) -> Matches:
    """NSC: every treatment among those of all other compounds (Ljosa et al. 2013, leave one compound out)."""
    profiles = treatments.profiles(np.ones(len(treatments.values), bool))
    directions, directed = _directions(profiles)
    everyone = np.arange(len(profiles))
    nearest, distance = _nearest(directions, directions, directed, treatments.compounds, treatments.compounds)
    nearest[~directed], distance[~directed] = -1, np.nan
    return Matches(
        everyone,
        np.full(len(profiles), -1),
        np.bincount(treatments.treatment_of),
        directed,
        nearest,
        distance,
        treatments.compounds,
        np.zeros(len(profiles), np.intp),
        _compounds_with(treatments, directed)[None],
    )


def not_same_batch(treatments: Treatments) -> Matches:
    """NSCB: every treatment in every batch that it is in, among other compounds in the other batches."""
    found: list[tuple[Integers, ...]] = []
    distances, directed_ones, candidates = [], [], []
    whole = treatments.profiles(np.ones(len(treatments.values), bool))
    for batch in range(len(treatments.batches)):
        inside = treatments.batch_of == batch
        asking = np.unique(treatments.treatment_of[inside])
        touched = np.isin(treatments.treatment_of, asking)
        outside = whole.copy()
        outside[asking] = treatments.profiles(touched & ~inside)[asking]
        queries, directed = _directions(treatments.profiles(inside)[asking])
        others, usable = _directions(outside)
        nearest, distance = _nearest(queries, others, usable, treatments.compounds[asking], treatments.compounds)
        nearest[~directed], distance[~directed] = -1, np.nan
        wells = np.bincount(treatments.treatment_of[inside], minlength=len(whole))[asking]
        found.append((asking, np.full(len(asking), batch), wells, nearest))
        distances.append(distance)
        directed_ones.append(directed)
        candidates.append(_compounds_with(treatments, usable))
    treatment, batch_of, wells, nearest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort([batch_of, treatment])
    return Matches(
        treatment[order],
        batch_of[order],
        wells[order],
        np.concatenate(directed_ones)[order],
        nearest[order],
        np.concatenate(distances)[order],
        treatments.compounds[treatment[order]],
        batch_of[order],
        np.stack(candidates),
    )


def _compounds_with(treatments: Treatments, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(c,) whether some treatment of a compound can be matched."""
    return np.bincount(treatments.compounds[usable], minlength=len(treatments.compound_names)) > 0


def _directions(profiles: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(n, d) profiles of length 1, and which of them have a direction; 0 where there is no profile, or none."""
    lengths = np.linalg.norm(np.nan_to_num(profiles), axis=1)
    directed = lengths > NOTHING * lengths.max(initial=0)
    return np.nan_to_num(profiles) / np.where(directed, lengths, 1)[:, None] * directed[:, None], directed


def _nearest(
    queries: Floats, candidates: Floats, usable: npt.NDArray[np.bool_], asking: Integers, compounds: Integers
) -> tuple[Integers, Floats]:
    """The nearest usable candidate of another compound for (q, d) queries, and its distance; -1 and NaN where there is none."""
    nearest, distance = np.full(len(queries), -1), np.full(len(queries), np.nan)
    step = max(1, AT_ONCE // max(1, len(candidates)))
    for first in range(0, len(queries), step):
        rows = slice(first, first + step)
        apart = 1 - queries[rows] @ candidates.T
        apart[:, ~usable] = np.inf
        apart[asking[rows][:, None] == compounds] = np.inf
        least = apart.min(axis=1)
        known = np.isfinite(least)
        nearest[rows] = np.where(known, np.argmax(apart <= least[:, None] + TIE, axis=1), -1)
        distance[rows] = np.where(known, np.maximum(least, 0), np.nan)
    return nearest, distance
