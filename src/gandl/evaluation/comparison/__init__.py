"""comparison: codes of tiles -> numbers of three tasks, a table over setups and seeds, ranks (Dmitrenko et al. 2022)."""

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
