"""curves: the search behind dose-response curves. Takes doses and means of many series, makes their best EC50s and slopes."""

__all__ = ["projection"]
