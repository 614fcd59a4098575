"""common: what all figures share. Style sheet, sizes, colours, words, reading of tables; takes tables and axes, saves SVG, PNG
and the CSV of what was drawn.
"""

__all__ = [
    "absent",
    "comparisons",
    "contact_sheet",
    "dose_bar",
    "empty",
    "hits",
    "labels",
    "layout",
    "palette",
    "scores",
    "style",
]
