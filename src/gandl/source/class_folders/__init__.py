"""class_folders: screens in folders of classes (train/drugs, train/controls), with labels in file names. Takes the folder and a
pattern, makes the sites table, as a front of `gandl.source.plates`.
"""

__all__ = ["names", "sites", "state"]
