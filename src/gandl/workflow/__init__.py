"""workflow: what serves jobs of a workflow and knows no stage. Takes paths, signals and modules, makes atomic files, locks,
hashes of code, the workflow's folder, calls by name, rows of small tables, counts in words, what rules are made of, progress
and orderly ends.
"""

__all__ = [
    "calls",
    "code_version",
    "environments",
    "files",
    "home",
    "interruption",
    "jobs",
    "locks",
    "made_of",
    "progress",
    "rows",
    "words",
]
