"""Sizes of tables: takes a configuration and what jobs need, makes bytes of embeddings and profiles before any is there."""

from __future__ import annotations

from collections.abc import Mapping

from gandl.commands.planning.jobs import Needs
from gandl.commands.planning.sizes import size_in_words
from gandl.config import Config, Dataset, FeaturizerName
from gandl.source.screens.published import CHANNELS, PUBLISHED
from gandl.source.stores import stores_of_run

FLOAT = 4
"""Bytes of a number; features of networks hardly shrink when compressed."""


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
    if chosen in (FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.IMAGENET_UNTRAINED):
        from gandl.models.networks.imagenet.pretrained import dim_of as dim_of_network

        seen = [one for one in CHANNELS.get(config.source.screen, ()) if one not in config.embeddings.drop_channels]
        return len(seen) * dim_of_network(config.embeddings.imagenet.network) if seen else None
    return None


def table_lines(config: Config, needs: Needs, sites: Mapping[str, float]) -> list[str]:
    """What embeddings and profiles take on the disk, of the featurizers whose length is known; [] where there is none.

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
    if not embedded:
        return []
    less = f", without {', '.join(unknown)}" if unknown else ""
    lines = [f"  disk       embeddings: ~{size_in_words(embedded)}{less}"]
    if profiles:
        lines.append(f"  disk       profiles: ~{size_in_words(profiles)} by {len(needs.profiles):,} normalisations")
    return lines


def _per_well(screen: str) -> int:
    return PUBLISHED[Dataset(screen)].sites_per_well if Dataset(screen) in PUBLISHED else 1
