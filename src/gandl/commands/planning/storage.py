"""Sizes on the disk: takes a configuration and what jobs need, makes bytes of images, embeddings and profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gandl.commands.planning.jobs import Needs
from gandl.commands.planning.sizes import channels_of, size_in_words
from gandl.config import CYTOGAN, Config, Dataset, FeaturizerName
from gandl.source.screens.published import CHANNELS, PUBLISHED, height_and_width
from gandl.source.stores import stores_of_run

FLOAT = 4
"""Bytes of a number; features of networks hardly shrink when compressed."""
WEIGHTS = 5
"""Files of weights of a training: the chosen ones, the last, the best, and the two best that checkpoints keep."""


def dim_of(name: str, config: Config) -> int | None:
    """Length of a featurizer's vector; None where it is small (floors that are measured), or depends on a question's folds."""
    network, chosen = config.training.network, FeaturizerName(name)
    if chosen is FeaturizerName.GANDL:
        return network.feature_dim
    if chosen in (FeaturizerName.GANDL_BLOCKS, FeaturizerName.GANDL_UNTRAINED):
        from gandl.models.networks.layers import feature_maps

        sides = [network.crop >> power for power in range(network.crop.bit_length() - 2)]
        maps = {f"block_{side}": feature_maps(side, network.channel_base, network.channel_max) for side in sides[1:]}
        maps |= {"image": feature_maps(network.crop, network.channel_base, network.channel_max)}
        maps |= {"last": feature_maps(sides[-1], network.channel_base, network.channel_max)}
        named = config.embeddings.blocks or list(maps)
        return sum(maps[block] for block in named) * len(config.embeddings.block_statistics)
    if chosen is FeaturizerName.DENSENET161_ARCFACE:
        return config.counterparts.baseline.network.embedding_dim
    if chosen is FeaturizerName.CONV_AE:
        return config.counterparts.conv_ae.network.code_dim
    if chosen in CYTOGAN:
        return config.cytogan.of(chosen).network.code_dim if config.cytogan else None
    if chosen in (FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.IMAGENET_UNTRAINED):
        from gandl.models.networks.imagenet.pretrained import dim_of as dim_of_network

        return channels_of(config, config.source.screen) * dim_of_network(config.embeddings.imagenet.network) or None
    return None


def raw_bytes(config: Config, dataset: Dataset) -> int | None:
    """Bytes of one site at all stored resolutions, where they are known beforehand."""
    if dataset is Dataset.PLATES:
        return _raw_bytes_of_plates(config)
    pixels = sum(math.prod(height_and_width(dataset, size)) for size in config.images.resolutions[dataset])
    if dataset is Dataset.BBBC013:
        from gandl.images.screens.bbbc013 import BYTES_PER_PIXEL, CHANNELS as PLATE_CHANNELS

        return pixels * len(PLATE_CHANNELS) * BYTES_PER_PIXEL
    depth = 2 if dataset is Dataset.BBBC021 else 1
    return pixels * len(CHANNELS[dataset]) * depth if dataset in CHANNELS else None


def _raw_bytes_of_plates(config: Config) -> int | None:
    """The same for a lab's own plates, whose images are all of one kind: that of the first one."""
    assert config.source.plates is not None
    from gandl.images.files.kinds import ImageFileError, Reading
    from gandl.images.plate_headers import info_of
    from gandl.images.store_reader import factor_of
    from gandl.source.plates.sites import read_plates

    plates = read_plates(config.source.plates)
    first = next((image for site in plates.sites for image in site.images.values()), None)
    if first is None:
        return None
    try:
        reading = Reading.of(config.source.plates)
        kind = info_of(first, reading, {})
    except ImageFileError:  # at an address; or reported with all others by `gandl check`, and before anything is packed
        return None
    factors = [factor_of(kind.height, kind.width, size) for size in config.images.resolutions[Dataset.PLATES]]
    pixels = sum((kind.height // factor) * (kind.width // factor) for factor in factors)
    return pixels * len(plates.channels) * int(reading.stored_type(kind.dtype).removeprefix("uint")) // 8


@dataclass(frozen=True)
class Tables:
    """Bytes of embeddings and of profiles; `unknown` : featurizers that are not in them, since their length is not known."""

    embedded: float
    profiles: float
    unknown: tuple[str, ...]


def tables_of(config: Config, needs: Needs, sites: Mapping[str, float]) -> Tables:
    """What embeddings and profiles take on the disk, of the featurizers whose length is known.

    `sites` : number of each screen.
    """
    embedded, unknown = 0.0, dict[str, None]()
    stores = {dataset.value: len(stores_of_run(config.source, dataset)) for dataset in config.source.datasets}
    for screen, name, _ in needs.embedded:
        if name == FeaturizerName.RELEASED:
            dim = PUBLISHED[Dataset(screen)].embedding_dim
        elif (found := dim_of(name.partition("-")[0], config)) is None:
            unknown[name.partition("-")[0]] = None
            continue
        else:
            dim = found
        embedded += FLOAT * dim * sites.get(screen, 0) / stores[screen]
    profiles = sum(
        FLOAT * (dim_of(name.partition("-")[0], config) or 0) * sites.get(screen, 0) * (1 + 1 / _per_well(screen))
        for screen, name, _ in needs.profiles
        if name != FeaturizerName.RELEASED
    )
    return Tables(embedded, profiles, tuple(unknown))


def table_lines(tables: Tables, needs: Needs) -> list[str]:
    """The same in words; [] where there is none."""
    if not tables.embedded:
        return []
    less = f", without {', '.join(tables.unknown)}" if tables.unknown else ""
    lines = [f"  disk       embeddings: ~{size_in_words(tables.embedded)}{less}"]
    if tables.profiles:
        lines.append(
            f"  disk       profiles: ~{size_in_words(tables.profiles)} by {len(needs.profiles):,} normalisations"
        )
    return lines


def total_lines(kept: Mapping[str, float]) -> list[str]:
    """The sum of what stays on the disk, by kind; [] where nothing is known. Models and their checkpoints are not in it."""
    known = {kind: size for kind, size in kept.items() if size}
    if not known:
        return []
    total = size_in_words(sum(known.values()))
    return [
        f"  disk       in all at most ~{total} of {', '.join(known)}; counterparts' models and checkpoints come on top"
    ]


def model_sizes(config: Config) -> tuple[float, float]:
    """Bytes of a checkpoint of GAN-DL and of a file of its weights; 0 of a screen whose channels are not known.

    A checkpoint holds every parameter, its average, and two moments of Adam; weights, both averages and the discriminator itself.
    """
    import torch

    from gandl.models.networks.gan import new_networks

    channels = channels_of(config, config.source.screen)
    if not channels:
        return 0.0, 0.0
    with torch.device("meta"):
        networks = new_networks(config.training, channels, 0)
    generator, discriminator = (sum(one.numel() for one in network.parameters()) for network in networks)
    return FLOAT * 4.0 * (generator + discriminator), FLOAT * (generator + 2.0 * discriminator)


def models_of(config: Config) -> tuple[float, list[str]]:
    """Bytes of all that the training of GAN-DL keeps, and the same in words; [] where it is not known."""
    from gandl.models.engine.checkpoint import KEPT

    checkpoint, weights = model_sizes(config)
    words = (
        f"{KEPT} checkpoints of ~{size_in_words(checkpoint)}, {WEIGHTS} files of weights of ~{size_in_words(weights)}"
    )
    return KEPT * checkpoint + WEIGHTS * weights, [f"  disk       gandl: {words}"] if weights else []


def _per_well(screen: str) -> int:
    return PUBLISHED[Dataset(screen)].sites_per_well if Dataset(screen) in PUBLISHED else 1
