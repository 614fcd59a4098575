"""workflow: what serves jobs of a workflow and knows no stage. Takes paths, signals and modules, makes atomic files, locks,
hashes of code, calls by name, rows of small tables, counts in words, progress, hardware, patient submission and
an orderly end.
"""

__all__ = [
    "calls",
    "code_version",
    "environments",
    "files",
    "gpus",
    "hardware",
    "interruption",
    "jobs",
    "locks",
    "made_of",
    "progress",
    "rows",
    "submission",
    "words",
]
