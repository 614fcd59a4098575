"""screens: the packers. Takes a sites table and the images of a screen, or of a lab's plates, makes the image store of a plate;
`members` serves any screen of grey PNGs or TIFFs, `packing` calls the packer of a screen by its name.
"""

__all__ = ["bbbc013", "packing"]
