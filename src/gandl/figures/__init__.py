"""figures: tables of numbers -> drawings, each with the data it drew beside it. Draws, never computes."""

__all__ = [
    "axes",
    "calibration",
    "dose_response",
    "featurizers",
    "mechanism",
    "plate",
    "positions",
    "treatments",
]
