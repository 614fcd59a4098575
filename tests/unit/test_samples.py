"""Samples of a model of any number of channels: the picture, the arrays, and the figure that is drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gandl.config import FiguresSettings, Intensity
from gandl.figures.samples import draw_samples, read_samples
from gandl.models.intensity import IntensityScale
from gandl.models.samples import GAP, write_samples
from gandl.models.weights import TrainedModel, untrained
from model_inputs import NETWORK, TRAINING

NAMES = ("hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga")


def model_of(channels: int, kind: Intensity) -> TrainedModel:
    low, high, mean, deviation = (tuple([value] * channels) for value in (-1.0, 4.0, 50.0, 20.0))
    return untrained(TRAINING, IntensityScale(NAMES[:channels], low, high, kind, mean, deviation), seed=0)


@pytest.mark.parametrize("channels", [1, 5, 6])
@pytest.mark.parametrize("kind", Intensity)
def test_a_model_of_any_number_of_channels_shows_them_all(tmp_path: Path, channels: int, kind: Intensity) -> None:
    real = np.random.default_rng(0).integers(0, 256, (3, channels, 16, 16)).astype(np.uint8)
    picture, arrays = tmp_path / "samples.png", tmp_path / "samples.npz"
    write_samples(model_of(channels, kind), real, picture, arrays, seed=1)
    samples = read_samples(arrays)
    assert samples.channels == list(NAMES[:channels])
    np.testing.assert_array_equal(samples.real, real)
    assert samples.fake.shape == real.shape
    assert np.isfinite(samples.fake).all()
    with Image.open(picture) as image:
        assert image.size == (3 * (NETWORK.crop + GAP), 2 * channels * (NETWORK.crop + GAP))
    paths = {kind: tmp_path / f"figure.{kind}" for kind in ("svg", "png", "csv")}
    draw_samples(arrays, settings=FiguresSettings(dpi=50, crops=2), **paths)
    assert pd.read_csv(paths["csv"])["channel"].unique().tolist() == list(NAMES[:channels])
