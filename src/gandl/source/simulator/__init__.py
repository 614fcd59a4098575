"""simulator: screens with a known truth. Takes the settings of the simulation, makes metadata, image zips and truth of a screen,
in its distributed format.
"""

__all__ = ["bbbc021", "cell_lines", "layout", "plan", "rxrx1", "rxrx19a"]
