"""evaluation: profiles -> tidy tables of numbers, each with its interval."""

__all__ = ["calibration", "cell_model", "cell_type", "controls", "dose_response", "scores", "terms", "treatments"]
