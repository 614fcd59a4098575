"""evaluation: profiles -> tidy tables of numbers, each with its interval."""

__all__ = [
    "calibration",
    "cell_model",
    "cell_type",
    "comparisons",
    "controls",
    "dose_response",
    "held_out",
    "hits",
    "numbers",
    "paired",
    "scores",
    "terms",
    "treatments",
    "well_profiles",
]
