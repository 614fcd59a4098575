"""comparison: codes of tiles -> numbers of three tasks, a table over setups and seeds, ranks (Dmitrenko et al. 2022)."""

__all__ = [
    "answers",
    "clusters",
    "codes",
    "drug_control",
    "measures",
    "numbers",
    "shifts",
    "similarity",
    "stability",
    "switches",
    "table",
    "tasks",
    "terms",
]
