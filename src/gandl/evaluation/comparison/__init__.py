"""The tasks of the comparison of representation learning (Dmitrenko et al. 2022): codes of tiles -> numbers, tables, ranks."""

__all__ = [
    "answers",
    "clusters",
    "codes",
    "distances",
    "drug_control",
    "heads",
    "numbers",
    "partitions",
    "similarity",
    "stability",
    "switches",
    "table",
    "terms",
]
