"""simulator: screens with a known truth. Takes the settings of the simulation, makes the metadata zip, image zip and truth of a
screen, in the distributed format of RxRx19a and RxRx1.
"""

__all__ = ["cell_lines", "layout", "plan", "rxrx1", "rxrx19a"]
