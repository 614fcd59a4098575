"""statistics: separation of controls, axes, intervals, dose response. Imports no stage of gandl.

Import from the modules: this package re-exports nothing, so that a change of one statistic redoes only what uses it.
"""

__all__ = [
    "agreement",
    "axes",
    "bootstrap",
    "fold_features",
    "folds",
    "held_out",
    "hill",
    "lda",
    "multiclass",
    "separation",
    "shares",
    "standardisation",
    "svm",
]
