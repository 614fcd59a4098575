"""counterparts: how well counterparts do what they were trained for. Takes their answers, makes numbers."""

__all__ = ["recognition"]
