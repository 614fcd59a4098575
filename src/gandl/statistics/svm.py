"""Linear SVM of two classes: takes features and signs, makes the normal and the intercept of the separating plane.

Soft margin (hinge loss), both classes weigh alike. Solved in its dual, so that its cost grows with the number of rows and hardly
with that of features: up to 4,000 rows by libsvm on the kernel; beyond, where the kernel would not fit, by liblinear.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC, LinearSVC

KERNEL_ROWS = 4_000
"""Most rows for which the kernel (n x n) is held: 128 MB."""
KERNEL_TOLERANCE = 1e-6
"""Of libsvm; its default (1e-3) would let the scores depend on the order of the wells."""
LINEAR_TOLERANCE = 1e-4
LINEAR_PASSES = 2_000
"""Passes of liblinear over the rows; after these even a hard margin has its normal to about a degree."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


class SvmProblem:
    """One set of rows, to be solved for several C.

    Parameters
    ----------
    features : (n, d), centred between the classes and about 1 in size (liblinear penalises the intercept).
    signs : (n,) +1 or -1, both present.
    """

    def __init__(self, features: Floats, signs: Integers) -> None:
        self.features, self.signs = features, signs
        self.kernel = features @ features.T if len(features) <= KERNEL_ROWS else None

    def solve(self, c: float) -> tuple[Floats, float]:
        """Weights (d,) and intercept: a row lies on the side of +1 where weights . row + intercept > 0."""
        if self.kernel is None:
            return self._by_coordinates(c)
        machine = SVC(C=c, kernel="precomputed", class_weight="balanced", tol=KERNEL_TOLERANCE)
        machine.fit(self.kernel, self.signs)
        return machine.dual_coef_[0] @ self.features[machine.support_], float(machine.intercept_[0])

    def _by_coordinates(self, c: float) -> tuple[Floats, float]:
        machine = LinearSVC(
            C=c,
            loss="hinge",
            dual=True,
            class_weight="balanced",
            tol=LINEAR_TOLERANCE,
            max_iter=LINEAR_PASSES,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hard margin takes many passes for its last digits
            machine.fit(self.features, self.signs)
        return machine.coef_[0], float(machine.intercept_[0])
