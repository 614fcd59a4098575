"""tables: the tables for readers. Takes numbers, makes pages and tidy CSV files."""

__all__ = ["comparison", "convergence", "table_1", "table_featurizers", "table_treatments"]
