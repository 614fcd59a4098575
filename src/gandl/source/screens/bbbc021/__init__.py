"""bbbc021: the screen BBBC021. Takes its tables of images, mechanisms and structures as distributed, makes the sites table."""

__all__ = ["sites", "terms"]
