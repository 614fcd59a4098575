"""screens: the screens that gandl knows by name. Takes their metadata as distributed, makes sites tables and embedding tables;
one module (or package) per screen, and what only screens need.
"""

__all__ = [
    "bbbc013",
    "cell_lines",
    "drugs",
    "metadata_zip",
    "mistakes",
    "published",
    "released",
    "rxrx1",
    "rxrx1_counts",
    "rxrx19a",
    "screen_sites",
]
