"""check: what `gandl check` does before anything runs. Takes a lab's own plates, makes a report of their mistakes, a first
configuration that fits them and a contact sheet; it reads with the readers of the stages `source` and `images`.
"""

__all__ = ["configuration", "normalisation", "plates", "sheet", "ways_in"]
