"""The architecture of GAN-DL's networks as this run configures them, with the shape of every layer.

Takes the settings of the networks; makes preprint_figure_7 (as Fig. 7 of the preprint, Mascolini et al. 2021: a high-level
overview; the generator's block; how resolutions are joined in the generator and in the discriminator).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Unpack

import pandas as pd
from matplotlib.figure import Figure

from gandl.config import Dataset, NetworkSettings
from gandl.figures.common import style as look
from gandl.figures.preprint.shapes import (
    AROUND,
    DISCRIMINATOR,
    FEATURE,
    FIRST,
    GENERATOR,
    IMAGE,
    LAST,
    LOGIT,
    MAPPING,
    SECOND,
    START,
    layers_of,
)
from gandl.figures.preprint.sheet import CONVOLUTION, DATA, MARKED, OTHER, Sheet
from gandl.source.screens.published import CHANNELS
from gandl.workflow.words import counted

HEIGHT = 146.0
"""Of the figure (mm)."""
TOP_ROW, SECOND_ROW, CHART, NOTES = 119.0, 80.0, 54.0, 2.0
"""Middle of the generator and of the discriminator, top of the charts of blocks, and foot of their notes (mm from below)."""


def draw_architecture(architecture: Mapping[str, Any], dataset: str, **drawing: Unpack[look.Drawing]) -> None:
    """Draw both networks.

    Parameters
    ----------
    architecture : `training.network` of the configuration.
    dataset : the screen that they are trained on, all of whose channels they see (`embeddings.drop_channels` leaves out channels
        of other screens, and only where these are embedded).
    drawing : what every figure is given; the CSV has a row per layer (`shapes.layers_of`).
    """
    data = layers_of(NetworkSettings.model_validate(architecture), len(CHANNELS[Dataset(dataset)]))
    look.draw(architecture_figure, data, **drawing)


def architecture_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table of `shapes.layers_of`; call it inside `style`."""
    width = look.DOUBLE_COLUMN
    figure = look.new_figure(width, HEIGHT)
    sheet = Sheet(figure, width, HEIGHT)
    generator, discriminator = (data[data["network"] == name] for name in (GENERATOR, DISCRIMINATOR))
    sheet.title(HEIGHT - 3, "a  Overview")
    for y, network in ((TOP_ROW + 18.5, generator), (SECOND_ROW + 17.0, discriminator)):
        count = counted(int(network["parameters"].sum()), "parameter")
        sheet.note(2.0, y, f"{str(network['network'].iloc[0]).capitalize()}, {count}", left=True)
    _generator(sheet, generator)
    _discriminator(sheet, discriminator)
    third = width / 3
    blocks = [part for part in generator["part"].unique() if part.startswith("block_")]
    _generator_block(sheet, _layers(generator, blocks[-1]), generator, third * 0.5)
    residual = AROUND in set(generator["layer"])
    (_residual_generator if residual else _image_skips)(sheet, generator, blocks[-1], third * 1.5)
    blocks = [part for part in discriminator["part"].unique() if part.startswith("block_")]
    _residual_discriminator(sheet, _layers(discriminator, blocks[0]), third * 2.5)
    return figure


def _layers(network: pd.DataFrame, part: str) -> dict[str, pd.Series]:
    """Rows of a part by the names of its layers."""
    mine = network[network["part"] == part]
    return {str(row["layer"]): row for _, row in mine.iterrows()}


def _maps(side: int, maps: int) -> str:
    return f"{side} × {side}\n{counted(maps, 'map')}"


def _chain(sheet: Sheet, y: float, stages: Sequence[tuple[str, str, float, str]]) -> list[float]:
    """A row of boxes joined by arrows: (text above, text inside, height, colour) of each; their places (middle x)."""
    step = sheet.width / len(stages)
    places = [step * (place + 0.5) for place in range(len(stages))]
    half = min(step * 0.4, 8.2)
    for x, (above, inside, height, colour) in zip(places, stages, strict=True):
        sheet.box(x, y, 2 * half, height, inside, colour)
        sheet.note(x, y + height / 2 + 0.8, above)
    for here, there in pairwise(places):
        sheet.arrow((here + half, y), (there - half, y))
    return places


def _height(side: int, smallest: int) -> float:
    """Taller boxes for larger sides, by the number of doublings."""
    return 8.5 + 1.6 * ((side // smallest).bit_length() - 1)


def _generator(sheet: Sheet, layers: pd.DataFrame) -> None:
    mapping = layers[layers["part"] == MAPPING]
    style = int(mapping["outputs"].iloc[-1])
    start = _layers(layers, START)[FIRST]
    smallest = int(start["side_out"])
    stages = [
        ("latent z", f"{int(mapping['inputs'].iloc[0])}", 8.5, DATA),
        ("mapping", f"{len(mapping)} fully\nconnected", 8.5, OTHER),
        ("constant,\nstart", _maps(smallest, int(start["outputs"])), _height(smallest, smallest), CONVOLUTION),
    ]
    for part in layers["part"].unique():
        if part.startswith("block_"):
            last = _layers(layers, part)[SECOND]
            side = int(last["side_out"])
            stages.append(("block", _maps(side, int(last["outputs"])), _height(side, smallest), CONVOLUTION))
    image = layers[layers["part"] == IMAGE].iloc[-1]
    side = int(image["side_out"])
    channels = counted(int(image["outputs"]), "channel")
    stages.append(("generated\nimage", f"{side} × {side}\n{channels}", _height(side, smallest), DATA))
    places = _chain(sheet, TOP_ROW, stages)
    lane = TOP_ROW - _height(side, smallest) / 2 - 3.5
    sheet.line([(places[1], TOP_ROW - 4.25), (places[1], lane), (places[-2], lane)])
    for x, (*_, height, _colour) in zip(places[2:-1], stages[2:-1], strict=True):
        sheet.arrow((x, lane), (x, TOP_ROW - height / 2))
    sheet.note(places[1] + 1.5, lane - 3.6, f"w ({style}): the style of every layer", left=True)


def _discriminator(sheet: Sheet, layers: pd.DataFrame) -> None:
    first = layers[layers["part"] == IMAGE].iloc[0]
    last, feature, logit = (_layers(layers, part)[FIRST] for part in (LAST, FEATURE, LOGIT))
    side, smallest = int(first["side_in"]), int(last["side_out"])
    channels = counted(int(first["inputs"]), "channel")
    tallest = _height(side, smallest)
    stages = [
        ("real or gen-\nerated image", f"{side} × {side}\n{channels}", tallest, DATA),
        (f"{first['kernel']} × {first['kernel']} conv.", _maps(side, int(first["outputs"])), tallest, CONVOLUTION),
    ]
    for part in layers["part"].unique():
        if part.startswith("block_"):
            second = _layers(layers, part)[SECOND]
            here = int(second["side_out"])
            stages.append(("block", _maps(here, int(second["outputs"])), _height(here, smallest), CONVOLUTION))
    kernel = f"{last['kernel']} × {last['kernel']} conv."
    stages += [
        (f"minibatch s.d.,\n{kernel}", _maps(smallest, int(last["outputs"])), _height(smallest, smallest), CONVOLUTION),
        ("GAN-DL’s\nembedding", f"{int(feature['outputs'])}", 8.5, MARKED),
        ("logit", f"{int(logit['outputs'])}", 8.5, OTHER),
    ]
    _chain(sheet, SECOND_ROW, stages)


def _flow(sheet: Sheet, x: float, top: float, steps: Sequence[tuple[str, str]], pitch: float = 8.4) -> list[float]:
    """Boxes from above downwards, joined by arrows: (text, colour) of each; their middle heights."""
    places = [top - pitch * place for place in range(len(steps))]
    for y, (text, colour) in zip(places, steps, strict=True):
        sheet.box(x, y, 34, 5.6, text, colour)
    for above, below in pairwise(places):
        sheet.arrow((x, above - 2.8), (x, below + 2.8))
    return places


def _in_out(row: pd.Series) -> str:
    return f"{row['kernel']} × {row['kernel']}, {int(row['inputs'])} → {int(row['outputs'])}"


def _generator_block(sheet: Sheet, block: Mapping[str, pd.Series], layers: pd.DataFrame, x: float) -> None:
    first, second = block[FIRST], block[SECOND]
    style = int(layers.loc[layers["part"] == MAPPING, "outputs"].iloc[-1])
    sheet.title(CHART + 5.5, "b  Generator: block", x - 27)
    steps = [
        (f"{int(first['side_in'])} × {int(first['side_in'])}, {counted(int(first['inputs']), 'map')}", DATA),
        (f"mod. {_in_out(first)}, up", CONVOLUTION),
        ("noise, bias, leaky ReLU", OTHER),
        (f"mod. {_in_out(second)}", CONVOLUTION),
        ("noise, bias, leaky ReLU", OTHER),
        (f"{int(second['side_out'])} × {int(second['side_out'])}, {counted(int(second['outputs']), 'map')}", DATA),
    ]
    places = _flow(sheet, x + 3, CHART, steps)
    for place in (places[1], places[3]):
        sheet.box(x - 23, place, 9, 5.6, f"w\n{style}", DATA)
        sheet.arrow((x - 18.5, place), (x - 14, place))
    sheet.note(x + 3, NOTES, "mod.: modulated, each input map scaled\nby the style, outputs demodulated")


def _image_skips(sheet: Sheet, layers: pd.DataFrame, part: str, x: float) -> None:
    """Images of two neighbouring resolutions, summed (StyleGAN2's own generator)."""
    images = layers[layers["part"] == IMAGE]
    here, below = images.iloc[-1], images.iloc[-2]
    block = _layers(layers, part)
    sheet.title(CHART + 5.5, "c  Generator: image skips", x - 27)
    maps = [
        (f"block {int(below['side_out'])}: {counted(int(below['inputs']), 'map')}", CONVOLUTION),
        (f"block {int(here['side_out'])}: {counted(int(block[SECOND]['outputs']), 'map')}", CONVOLUTION),
    ]
    tops = [CHART, CHART - 25.2]
    left, right = x - 17, x + 12
    wide, narrow = 31, 22
    edge = right + wide / 2 + 1.2
    for y, (text, colour), row in zip(tops, maps, (below, here), strict=True):
        sheet.box(left, y, narrow, 5.6, text, colour)
        sheet.box(right, y, wide, 5.6, f"to image {_in_out(row)}", OTHER)
        sheet.arrow((left + narrow / 2, y), (right - wide / 2, y))
    sheet.arrow((left, tops[0] - 2.8), (left, tops[1] + 2.8))
    sheet.box(right, CHART - 8.4, wide, 5.6, "+ smaller image, upsampled", DATA)
    sheet.arrow((right, tops[0] - 2.8), (right, CHART - 5.6))
    sheet.box(right, CHART - 16.8, wide, 5.6, "upsample × 2", OTHER)
    sheet.arrow((right, CHART - 11.2), (right, CHART - 14.0))
    plus = CHART - 33.6
    sheet.sum(right, plus)
    sheet.arrow((right, tops[1] - 2.8), (right, plus + 1.8))
    sheet.line([(right + wide / 2, CHART - 16.8), (edge, CHART - 16.8), (edge, plus)])
    sheet.arrow((edge, plus), (right + 1.8, plus))
    sheet.box(right, CHART - 42, wide, 5.6, f"image {int(here['side_out'])} × {int(here['side_out'])}", DATA)
    sheet.arrow((right, plus - 1.8), (right, CHART - 39.2))
    sheet.note(
        x, CHART - 50.2, "training.network.generator: skip, as StyleGAN2;\nthe preprint draws residual connections here"
    )


def _residual_generator(sheet: Sheet, layers: pd.DataFrame, part: str, x: float) -> None:
    block = _layers(layers, part)
    sheet.title(CHART + 5.5, "c  Generator: residual", x - 27)
    steps = [f"mod. {_in_out(block[FIRST])}, up", f"mod. {_in_out(block[SECOND])}"]
    _residual(sheet, x, block, steps, "up", "noise, bias, leaky ReLU")
    sheet.note(x, NOTES, "training.network.generator: residual,\nas the preprint draws it")


def _residual_discriminator(sheet: Sheet, block: Mapping[str, pd.Series], x: float) -> None:
    sheet.title(CHART + 5.5, "d  Discriminator: residual", x - 27)
    _residual(sheet, x, block, [_in_out(block[FIRST]), f"{_in_out(block[SECOND])}, down"], "down", "leaky ReLU")
    sheet.note(x, NOTES, "both branches are weighted with √½;\ndown: blurred, every second pixel kept")


def _residual(
    sheet: Sheet, x: float, block: Mapping[str, pd.Series], steps: Sequence[str], resampled: str, after: str
) -> None:
    """Two convolutions and a 1 x 1 path around them."""
    first, second, around = block[FIRST], block[SECOND], block[AROUND]
    left, right = x - 8, x + 18.5
    enters = f"{int(first['side_in'])} × {int(first['side_in'])}, {counted(int(first['inputs']), 'map')}"
    flow = [
        (enters, DATA),
        (steps[0], CONVOLUTION),
        (after, OTHER),
        (steps[1], CONVOLUTION),
        (after, OTHER),
    ]
    places = _flow(sheet, left, CHART, flow, 7.4)
    plus = places[-1] - 6.4
    sheet.sum(left, plus)
    sheet.arrow((left, places[-1] - 2.8), (left, plus + 1.8))
    sheet.line([(left + 17, places[0]), (right, places[0])])
    sheet.arrow((right, places[0]), (right, places[2] + 5.6))
    sheet.box(
        right,
        places[2],
        15,
        11.2,
        f"{around['kernel']} × {around['kernel']},\n{int(around['inputs'])} → {int(around['outputs'])},\n{resampled}",
        CONVOLUTION,
    )
    sheet.line([(right, places[2] - 5.6), (right, plus)])
    sheet.arrow((right, plus), (left + 1.8, plus))
    leaves = f"{int(second['side_out'])} × {int(second['side_out'])}, {counted(int(second['outputs']), 'map')}"
    sheet.box(left, plus - 7.0, 34, 5.6, leaves, DATA)
    sheet.arrow((left, plus - 1.8), (left, plus - 4.2))
