"""folds: networks that are trained on a question's labels, anew for every fold. Takes image stores, sites and splits, makes the
weights of each fold and one manifest that lists them.
"""

__all__ = ["loading", "manifest", "terms"]
