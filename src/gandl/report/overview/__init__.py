"""The top of the audit page: numbers and tables of the run -> one table of every featurizer by every question, the screen in
counts, and where places leak labels. Reads tables of evaluation alone; knows nothing of the rest of the page."""

__all__ = ["leaks", "questions", "screened"]
