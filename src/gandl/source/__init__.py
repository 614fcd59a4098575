"""source: URLs, archives and plate maps -> `sites.parquet` and `splits.parquet`. Knows the layout of each screen."""

__all__ = [
    "catalogue",
    "fold_labels",
    "labels",
    "members",
    "own_files",
    "schemes",
    "sites",
    "split_schemes",
    "splits",
    "stores",
]
