"""mechanism: which mechanism of action a treatment has, by its nearest neighbour. Takes well profiles with the column `moa`,
makes numbers, every treatment with its neighbour, and confusion counts.
"""

__all__ = ["question", "terms"]
