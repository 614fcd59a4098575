"""comparison: what a look measures of the comparison's models. Takes models and held-out tiles, makes numbers."""

__all__: list[str] = []
