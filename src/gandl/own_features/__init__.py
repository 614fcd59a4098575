"""own_features: what `gandl evaluate` does. Takes tables of features that were made elsewhere and a table of sites, makes
splits, profiles and the tables of every question that these can answer, with the functions of the workflow, and a summary.
"""

__all__ = ["evaluate", "feature_table", "questions", "request", "sites_of"]
