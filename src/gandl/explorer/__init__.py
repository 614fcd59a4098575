"""explorer: scores, curves, compounds, profiles and images of a screen -> one page to look around in, and its sprite sheets.

Takes what evaluation, normalization and images wrote; makes `report/explorer.html`, which opens from a file without a server, and
the sheets of thumbnails beside it. Sets what was written, computes only the nearest neighbours of wells.
"""

__all__ = ["page", "thumbnails"]
