"""tables: what CellProfiler, pycytominer and JUMP list. Takes LoadData and plate maps, makes the sites that they list, and writes
them as `sites.csv`.
"""

__all__ = ["load_data", "plate_maps", "prefixes", "sites_csv", "treatments"]
