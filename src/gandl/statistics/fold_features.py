"""Features of a fold: takes features of wells, makes those that it trains on and tests; the same in every fold, or cross-fitted.

A plate's negative controls are the field's habitual reference, but they are also what a screen's quality is measured on. Used
for both, they look tighter than any new well would: each lies within the mean and the deviation that it helped to make (on
noise, 8 wells of each kind on one plate and 500 features, the held-out AUC is then 0.84 instead of 0.5: docs/decisions.md).
`CrossFitted` therefore never standardises a tested well by a control that is tested with it.

Let N be the negative controls of a plate and T the wells that a fold tests. A well x of this plate becomes

    z(x) = (x - m(R)) / s(R)        m, s: mean and sample deviation, feature by feature, of the reference R

- with R = N \\ T where that holds at least 3 wells: for all wells of the plate, so that training and tested wells share one
  unit. A plate row that is left out is then standardised by the negative controls of the other rows;
- else (a whole plate is tested), with R = N \\ P for a tested well of part P. The wells of a plate are dealt to 4 parts once,
  kind of control by kind of control, so that every part holds a quarter of each kind. A part is what is standardised together:
  none of its controls is in R. Wells of such a plate that the fold would train on (the few that it does not test) are left out.

So dz(x)/dx = 1 / s(R), a constant: a tested control's own features enter its profile linearly, and enter that of no other well
that is tested with it (in the same fold; of a whole plate, in the same part). Given the axis, a positive control that differs
from the negative ones in nothing then has the distribution of a tested negative one, and the controls of a part are
exchangeable: AUC is at chance, and Z' measures the deviation that a new negative well would have. (Chernozhukov et al. 2018,
Econom. J. 21:C1, use the same device, cross-fitting, so that no observation enters the estimate by which it is adjusted.)

By hand: `pycytominer.normalize` standardises once, whatever is tested later; a scikit-learn pipeline fits on training rows alone,
which leaves a plate that is tested as a whole without a reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.statistics.standardisation import FEWEST_WELLS, StandardisationError, units_of
from gandl.workflow.words import counted

PARTS = 4
"""Parts of a plate that is tested as a whole: three quarters of its negative controls are the reference of a quarter."""
FEWEST_CROSS_FITTED = FEWEST_WELLS + 1
"""Negative controls that a plate needs: without any part, 3 are left."""

KEPT_BYTES = 2**29
"""Of features by the networks of several folds, kept so that each is read once."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


class FoldFeatures(Protocol):
    """Features of n wells that may depend on which of them a fold tests.

    Attributes
    ----------
    values : (n, d) before any fold.
    separate : whether folds have other features, not only other units: they then share no choice that rests on features.
    """

    values: Floats
    separate: bool

    def usable(self, rows: Integers, tested: Integers) -> Integers:
        """Those of some training wells (positions) that have features when the wells `tested` are tested."""
        ...

    def of(self, rows: Integers, tested: Integers, values: Floats | None = None) -> Floats:
        """(len(rows), d) features of wells when the wells `tested` are tested.

        `values` : (len(rows), d) in place of the wells' own, such as those of their images; `rows` may then repeat a well.
        """
        ...


class Fixed:
    """The same features in every fold: standardised beforehand, or not at all."""

    separate = False

    def __init__(self, values: Floats) -> None:
        self.values = values

    def usable(self, rows: Integers, tested: Integers) -> Integers:
        """All of them."""
        return rows

    def of(self, rows: Integers, tested: Integers, values: Floats | None = None) -> Floats:
        """The wells' own values, or those given."""
        return self.values[rows] if values is None else values


class CrossFitted:
    """Features in units of each plate's negative controls, of which none is tested with the well that it standardises.

    Parameters
    ----------
    values : (n, d) features of wells, without normalisation or after any that is affine on each plate.
    plates, wells, kinds : (n,) each well's plate, name (parts are dealt in its order) and control (`negative`, `positive`,
        `none`).

    Raises
    ------
    StandardisationError : a plate with fewer than 4 negative controls.
    """

    separate = False

    def __init__(self, values: Floats, plates: npt.ArrayLike, wells: npt.ArrayLike, kinds: npt.ArrayLike) -> None:
        self.values = values
        table = pd.DataFrame({"plate": np.asarray(plates, object), "well": wells, "kind": np.asarray(kinds, object)})
        self._plate, self._names = pd.factorize(table["plate"])
        dealt = table.sort_values("well", kind="stable").groupby(["plate", "kind"], sort=False).cumcount()
        self._part: Integers = np.asarray(dealt.reindex(table.index) % PARTS, dtype=np.int_)
        negative = (table["kind"] == "negative").to_numpy()
        self._negative = [np.flatnonzero(negative & (self._plate == plate)) for plate in range(len(self._names))]
        for name, found in zip(self._names, self._negative, strict=True):
            if len(found) < FEWEST_CROSS_FITTED:
                raise StandardisationError(
                    f"plate {name} has {counted(len(found), 'negative control well')}; standardising by those that are not "
                    f"tested needs at least {FEWEST_CROSS_FITTED}"
                )

    def usable(self, rows: Integers, tested: Integers) -> Integers:
        """Those on plates of which 3 negative controls are not tested."""
        enough = np.array([len(untested) >= FEWEST_WELLS for untested in self._untested(tested)])
        return rows[enough[self._plate[rows]]]

    def of(self, rows: Integers, tested: Integers, values: Floats | None = None) -> Floats:
        """As of `FoldFeatures`; a training well that is not `usable` has no features (NaN)."""
        given = self.values[rows] if values is None else values
        out = np.full_like(given, np.nan)
        for plate, untested in enumerate(self._untested(tested)):
            here = np.flatnonzero(self._plate[rows] == plate)
            if len(untested) >= FEWEST_WELLS:
                self._standardise(out, given, here, untested)
                continue
            among = here[np.isin(rows[here], tested)]
            for part in range(PARTS):
                others = self._negative[plate][self._part[self._negative[plate]] != part]
                self._standardise(out, given, among[self._part[rows[among]] == part], others)
        return out

    def parts(self) -> Integers:
        """(n,) the part of its plate that each well is in, 0 to 3."""
        return self._part.copy()

    def _untested(self, tested: Integers) -> Sequence[Integers]:
        """The negative controls of each plate that are not tested."""
        is_tested = np.zeros(len(self._plate), bool)
        is_tested[tested] = True
        return [wells[~is_tested[wells]] for wells in self._negative]

    def _standardise(self, out: Floats, given: Floats, here: Integers, reference: Integers) -> None:
        """Fill some rows; in double precision."""
        if len(here):
            out[here] = units_of(self.values[reference].astype(float)).apply(given[here].astype(float))


class OfFolds:
    """Features by a network that was trained anew for every fold, on its training wells: a fold sees those of its own network.

    Parameters
    ----------
    n : number of wells.
    tested : the wells (positions) that each fold tests, by its name; no well is tested by two.
    load : name of a fold -> (n, d) features by its network; not a number where it has none.
    within : these -> features as the fold sees them: as they are, or cross-fitted.

    Attributes
    ----------
    values : (n, d) features of each well by the network of the fold that tests it; 0 where none does.
    """

    separate = True

    def __init__(
        self,
        n: int,
        tested: Mapping[str, Integers],
        load: Callable[[str], Floats],
        within: Callable[[Floats], FoldFeatures] = Fixed,
    ) -> None:
        self._load, self._within = load, within
        self._names = list(tested)
        self._fold_of = np.full(n, -1)
        self._kept: dict[int, FoldFeatures] = {}
        values = []
        for number, wells in enumerate(tested.values()):
            self._fold_of[wells] = number
            loaded = load(self._names[number])
            self._most = max(1, KEPT_BYTES // max(1, loaded.nbytes))
            self._keep(number, loaded)
            values.append(loaded[wells])
        self.values = np.zeros((n, values[0].shape[1]), values[0].dtype)
        for wells, of_fold in zip(tested.values(), values, strict=True):
            self.values[wells] = of_fold

    def usable(self, rows: Integers, tested: Integers) -> Integers:
        """As of the fold that tests these wells."""
        return self._of(tested).usable(rows, tested)

    def of(self, rows: Integers, tested: Integers, values: Floats | None = None) -> Floats:
        """Features of wells by the network of the fold that tests the wells `tested`.

        Raises
        ------
        ValueError : no fold tests these wells, or they are of several folds.
        """
        return self._of(tested).of(rows, tested, values)

    def _of(self, tested: Integers) -> FoldFeatures:
        """What the one fold that tests these wells sees."""
        numbers = np.unique(self._fold_of[tested])
        if len(numbers) != 1 or numbers[0] < 0:
            raise ValueError("wells of several folds, or of none, have no features in common")
        number = int(numbers[0])
        if number not in self._kept:
            self._keep(number, self._load(self._names[number]))
        return self._kept[number]

    def _keep(self, number: int, loaded: Floats) -> None:
        """Keep what a fold sees, in place of the one kept longest where memory is short."""
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[number] = self._within(loaded)
