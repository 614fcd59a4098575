"""formats: what others leave of a plate. Takes folders as microscopes write them, makes sites, channels and mistakes."""

__all__ = ["microscopes"]
