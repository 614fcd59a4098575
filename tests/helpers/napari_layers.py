"""What napari shows of an exported plate; runs in its own environment: `python napari_layers.py PLATE.zarr FOLDER`.

napari's own list of layers reads the plate by the plugin napari-ome-zarr; no window is opened. Writes to FOLDER `layers.json`,
the name, scale and number of levels of each layer, and `layer_<i>.npy`, its largest level.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from npe2 import PluginManager


def main(plate: str, folder: Path) -> None:
    """Open the plate, and write what is shown of it."""
    PluginManager.instance().discover()
    layers = ViewerModel().open(plate, plugin="napari-ome-zarr")
    about = []
    for i, layer in enumerate(layers):
        np.save(folder / f"layer_{i}.npy", np.asarray(layer.data[0] if layer.multiscale else layer.data))
        about.append({"name": layer.name, "scale": layer.scale.tolist(), "levels": len(layer.data)})
    (folder / "layers.json").write_text(json.dumps(about), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
