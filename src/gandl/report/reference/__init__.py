"""reference: what papers print -> each value beside ours, with its verdict. Takes `resources/paper_values.csv`, the
configuration, tables of sites, numbers, comparisons and compounds of a run; makes comparisons. No verdict and no number of ours
is typed.
"""

__all__ = [
    "answers",
    "compounds",
    "configuration",
    "contrasts",
    "margins",
    "paradigms",
    "representations",
    "screens",
    "values",
    "verdicts",
]
