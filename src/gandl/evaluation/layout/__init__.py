"""layout: whether profiles carry a well's place. Takes raw and normalised well profiles, makes numbers and their chance."""

__all__ = ["question"]
