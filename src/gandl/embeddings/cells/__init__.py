"""cells: floors that first find the cells of a site: their number, a plain segmentation, CellProfiler's measurements. Takes
images with a channel that shows nuclei, makes features; the cells are found once for all of them.
"""

__all__: list[str] = []
