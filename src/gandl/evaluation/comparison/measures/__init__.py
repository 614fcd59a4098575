"""measures: codes of tiles -> distances, partitions, classifiers. Arrays alone, no tables."""

__all__ = ["distances", "heads", "partitions"]
