"""What a configuration sets, as answers: takes it as plain values, makes a row per key, and rows of what follows from keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gandl.config import Dataset, ImageNetNetwork
from gandl.report.reference.answers import table
from gandl.report.reference.values import SETTINGS
from gandl.source.screens.published import CHANNELS

NO_ACCELERATOR = "no GPU"
WIDTHS = {ImageNetNetwork.EFFICIENTNET_LITE0: 1280, ImageNetNetwork.DENSENET121: 1024, ImageNetNetwork.RESNET50: 2048}
"""Features of one image of three channels, as `gandl.models.networks.imagenet.backbones` builds them; importing it is slow."""


def settings_of(configuration: Mapping[str, Any], accelerators: list[str] | None = None) -> pd.DataFrame:
    """Every key (`training.learning_rate`) with its value, a number or a text, and these, which follow from keys.

    `evaluation.train_share`; `source.<screen>.channels` of the published screens, and `training.channels`, those that the
    networks see; `embeddings.imagenet.width` (features of one image of three channels) and
    `embeddings.imagenet_concatenated.width`; `counterparts.baseline.network.pooled_width`, the feature maps before the embedding
    layer (a DenseNet adds `growth` per layer, and halves them between its blocks); `hardware.accelerator`, if given.

    Parameters
    ----------
    configuration : all sections, as `Config.model_dump(mode="json")` or provenance.json hold them.
    accelerators : names of the GPUs that computed; None where it is not known.
    """
    found = dict(_flat(configuration, ""))
    found |= _following(configuration)
    if accelerators is not None:
        found["hardware.accelerator"] = ", ".join(accelerators) or NO_ACCELERATOR
    return table({"question": SETTINGS, "metric": key} | _answer(value) for key, value in found.items())


def _answer(value: Any) -> dict[str, Any]:
    """A number or a text; of yes and no both, of nothing neither."""
    if isinstance(value, bool):
        return {"value": float(value), "text": "yes" if value else "no"}
    if isinstance(value, int | float):
        return {"value": float(value)}
    if isinstance(value, list):
        return {"text": ", ".join(map(str, value))}
    return {"text": "" if value is None else str(value)}


def _flat(section: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        key = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            yield from _flat(value, key)
        else:
            yield key, value


def _following(configuration: Mapping[str, Any]) -> dict[str, Any]:
    datasets = [Dataset(name) for name in configuration["source"]["datasets"]]
    embeddings, baseline = configuration["embeddings"], configuration["counterparts"]["baseline"]["network"]
    width = WIDTHS[ImageNetNetwork(embeddings["imagenet"]["network"])]
    found: dict[str, Any] = {
        "evaluation.train_share": 1 - configuration["evaluation"]["test_share"],
        "embeddings.imagenet.width": width,
        "counterparts.baseline.network.pooled_width": pooled_width(baseline),
    }
    for dataset in datasets:
        if dataset in CHANNELS:
            found[f"source.{dataset.value}.channels"] = len(CHANNELS[dataset])
    if datasets[0] in CHANNELS:
        seen = [name for name in CHANNELS[datasets[0]] if name not in embeddings["drop_channels"]]
        found["training.channels"] = len(CHANNELS[datasets[0]])  # what is dropped is left out where others embed
        found["embeddings.imagenet_concatenated.width"] = width * len(seen)
    return found


def pooled_width(network: Mapping[str, Any]) -> int:
    """Feature maps of a DenseNet behind its last block (Huang et al. 2017; DenseNet-161 has 2208)."""
    maps = int(network["init_features"])
    for position, layers in enumerate(network["blocks"]):
        maps += layers * network["growth"]
        maps //= 2 if position < len(network["blocks"]) - 1 else 1
    return maps
