"""tables: the tables for readers. Takes numbers, makes pages and tidy CSV files."""

__all__ = [
    "comparison",
    "compounds",
    "convergence",
    "preprint_table_1",
    "table_1",
    "table_featurizers",
    "table_mechanism",
    "table_s_strict",
    "table_treatments",
]
