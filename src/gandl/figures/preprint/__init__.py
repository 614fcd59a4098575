"""preprint: the figures that only the preprint of 2021 has. Takes doses and compounds of the question `screening`, and the shape
of the networks; draws dose responses of all compounds, and the architecture.
"""

__all__ = ["architecture", "dose_curves"]
