"""plates: a lab's own plates. Takes `sites.csv` or a folder with a pattern, makes the sites table, and finds every mistake."""

__all__ = ["contents", "references", "sites", "state", "stores"]
