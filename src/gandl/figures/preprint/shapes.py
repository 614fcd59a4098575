"""Shapes of generator and discriminator: takes their settings, builds both networks without memory, makes a row per layer.

Numbers of maps are those of the weights, sides those that the networks themselves state; nothing is computed by a formula here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd
import torch
from torch import nn

from gandl.config import NetworkSettings
from gandl.models.networks.discriminator import Block as Halving, Discriminator
from gandl.models.networks.generator import Block as Doubling, Generator, ToImage
from gandl.models.networks.layers import EqualLinear

COLUMNS = ["network", "part", "layer", "kernel", "inputs", "outputs", "side_in", "side_out", "parameters"]
GENERATOR, DISCRIMINATOR = "generator", "discriminator"
MAPPING, START, IMAGE, LAST, FEATURE, LOGIT = "mapping", "start", "image", "last", "feature", "logit"
"""Parts beside the blocks, which are named by the side of their output: `block_64`."""
FIRST, SECOND, AROUND = "first", "second", "around"
"""Layers of a block."""


def layers_of(settings: NetworkSettings, channels: int) -> pd.DataFrame:
    """Every layer with weights of both networks, in the order in which data pass them; columns `COLUMNS`.

    Parameters
    ----------
    settings : of the networks. channels : of the images.

    Returns
    -------
    `inputs` and `outputs` are feature maps (of `mapping`, `feature` and `logit`: numbers); `side_in` and `side_out` in px and
    `kernel`, of what is no convolution null. `parameters`: weights, biases, styles and noise strengths of the layer, in all.
    """
    with torch.device("meta"):
        networks = {
            GENERATOR: _generator(Generator(settings, channels)),
            DISCRIMINATOR: _discriminator(Discriminator(settings, channels)),
        }
    rows = [{"network": name, **row} for name, layers in networks.items() for row in layers]
    whole = dict.fromkeys(("kernel", "side_in", "side_out"), "Int64")
    return pd.DataFrame(rows, columns=COLUMNS).astype(whole)


def _generator(network: Generator) -> Iterator[dict[str, object]]:
    sides = network.resolutions
    for place, layer in enumerate(network.mapping.layers):
        assert isinstance(layer, EqualLinear)
        yield _row(MAPPING, f"layer_{place}", layer, layer.weight)
    yield _row(START, FIRST, network.start, network.start.convolution.weight, (sides[0], sides[0]), network.constant)
    images = dict(zip(sides[-len(network.to_images) :], network.to_images, strict=True))
    if sides[0] in images:
        yield _to_image(images[sides[0]], sides[0])
    for (below, here), block in zip(pairwise(sides), network.blocks, strict=True):
        assert isinstance(block, Doubling)
        part = f"block_{here}"
        yield _row(part, FIRST, block.first, block.first.convolution.weight, (below, here))
        yield _row(part, SECOND, block.second, block.second.convolution.weight, (here, here))
        if block.around is not None:
            yield _row(part, AROUND, block.around, block.around.weight, (below, here))
        if here in images:
            yield _to_image(images[here], here)


def _to_image(layer: nn.Module, side: int) -> dict[str, object]:
    assert isinstance(layer, ToImage)
    return _row(IMAGE, f"to_image_{side}", layer, layer.convolution.weight, (side, side))


def _discriminator(network: Discriminator) -> Iterator[dict[str, object]]:
    sides = network.resolutions
    yield _row(IMAGE, "from_image", network.from_image, network.from_image.weight, (sides[0], sides[0]))
    for (above, here), block in zip(pairwise(sides), network.blocks, strict=True):
        assert isinstance(block, Halving)
        part = f"block_{here}"
        yield _row(part, FIRST, block.first, block.first.weight, (above, above))
        yield _row(part, SECOND, block.second, block.second.weight, (above, here))
        yield _row(part, AROUND, block.around, block.around.weight, (above, here))
    yield _row(LAST, FIRST, network.last, network.last.weight, (sides[-1], sides[-1]))
    yield _row(FEATURE, FIRST, network.feature, network.feature.weight)
    yield _row(LOGIT, FIRST, network.logit, network.logit.weight)


def _row(
    part: str,
    name: str,
    layer: nn.Module,
    weight: torch.Tensor,
    sides: tuple[int, int] | None = None,
    beside: torch.Tensor | None = None,
) -> dict[str, object]:
    """A layer by its weight (outputs, inputs) or (outputs, inputs, kernel, kernel); `beside`: parameters that it alone reads."""
    outputs, inputs, *kernel = weight.shape
    count = sum(parameter.numel() for parameter in layer.parameters()) + (0 if beside is None else beside.numel())
    side_in, side_out = sides or (None, None)
    return {
        "part": part,
        "layer": name,
        "kernel": kernel[0] if kernel else None,
        "inputs": inputs,
        "outputs": outputs,
        "side_in": side_in,
        "side_out": side_out,
        "parameters": count,
    }
