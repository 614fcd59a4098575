"""screening: hits with their checks, compound by compound. Takes scores and profiles of wells, makes tables of plates, doses and
compounds, and the numbers that say how often this errs: on negative controls, and on simulated score curves with a known truth.
"""

__all__ = ["compounds", "doses", "ranking", "score_curves", "screen", "terms"]
