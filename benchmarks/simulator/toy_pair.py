"""A configuration of the simulated pair at toy size, for rehearsals and tests: 64-px stores, 32-px crops, two plates per screen.

python -m benchmarks.simulator.toy_pair toy.yaml
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

DEFAULT = Path(__file__).parents[2] / "config/config.yaml"


def write_toy(path: Path) -> Path:
    """Write the default configuration with everything small; gives the path."""
    values = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    values["source"]["simulation"] |= {
        "image_px": 128,
        "hrce_plates": 1,
        "vero_plates": 1,
        "compounds": 3,
        "sites": 2,
        "rxrx1_experiments": 2,
        "rxrx1_sirnas": 3,
    }
    values["source"]["rxrx19a"]["image_px"], values["source"]["rxrx1"]["image_px"] = 128, 64
    values["images"]["resolutions"] = {"rxrx19a": [64], "rxrx1": [64]}
    values["embeddings"] |= {"resolutions": {"rxrx19a": 64, "rxrx1": 64}, "stride": 32}
    values["embeddings"]["featurizers"] = ["gandl", "gandl_blocks", "gandl_untrained", "intensity", "segmentation"]
    values["training"] |= {"resolution": 64, "images": 96, "quality_crops": 16, "probe_stride": 32}
    values["training"]["network"] |= {"crop": 32, "channel_base": 256, "channel_max": 16}
    values["training"]["engine"] |= {"precision": "float32"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


if __name__ == "__main__":
    write_toy(Path(sys.argv[1]))
