"""comparison: codes of tiles in every setup of the comparison. Takes tiles and weights, makes a vector per tile."""

__all__ = ["codes", "setup"]
