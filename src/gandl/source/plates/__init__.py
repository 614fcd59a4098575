"""plates: a lab's own plates. Takes a table of sites (CSV, Excel) or a folder with a pattern, makes the sites table, and finds
every mistake.
"""

__all__ = [
    "channels",
    "contents",
    "folder",
    "grouping",
    "references",
    "rules",
    "sites",
    "state",
    "stores",
    "table",
    "wells",
]
