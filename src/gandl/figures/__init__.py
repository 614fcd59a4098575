"""figures: tables of numbers -> drawings, each with the data it drew beside it. Draws, never computes."""

__all__ = [
    "axes",
    "calibration",
    "confusion",
    "dose_response",
    "drugs",
    "examples",
    "featurizers",
    "plate",
    "positions",
    "spaces",
    "treatments",
]
