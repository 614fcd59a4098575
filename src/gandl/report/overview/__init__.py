"""overview: the numbers of a run -> the top of the audit page: one table of every featurizer by every question, the screen in
counts, and where places leak labels. Reads tables of evaluation alone; knows nothing of the rest of the page."""

__all__ = ["leaks", "questions", "screened"]
