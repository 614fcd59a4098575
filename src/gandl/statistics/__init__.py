"""Statistics of screens: separation of controls, axes, intervals, dose response. Imports no stage of gandl."""

from gandl.statistics.axes import Axes, AxisError, Fold, Scores, choose_c, fit_axes, held_out_scores
from gandl.statistics.bootstrap import (
    bootstrap_interval,
    mean_of_proportions_interval,
    resample_within,
    wilson_interval,
)
from gandl.statistics.hill import (
    DoseError,
    Hill,
    HillDraws,
    HillFit,
    bootstrap_hill,
    fit_hill,
    resampled_responses,
)
from gandl.statistics.separation import (
    accuracy,
    auc,
    balanced_accuracy,
    robust_ssmd,
    robust_z_prime,
    ssmd,
    z_prime,
)

__all__ = [
    "Axes",
    "AxisError",
    "DoseError",
    "Fold",
    "Hill",
    "HillDraws",
    "HillFit",
    "Scores",
    "accuracy",
    "auc",
    "balanced_accuracy",
    "bootstrap_hill",
    "bootstrap_interval",
    "choose_c",
    "fit_axes",
    "fit_hill",
    "held_out_scores",
    "mean_of_proportions_interval",
    "resample_within",
    "resampled_responses",
    "robust_ssmd",
    "robust_z_prime",
    "ssmd",
    "wilson_interval",
    "z_prime",
]
