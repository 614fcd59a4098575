"""formats: what microscopes, CellProfiler and pycytominer leave. Takes their tables and folders, makes the sites that `sites.csv`
would list, and writes that table.
"""

__all__ = ["load_data", "plate_maps", "prefixes", "sites_csv"]
