"""Samples of a model of any number of channels: pictures, arrays, interpolation, animation, and the figure drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from gandl.config import FiguresSettings, Intensity
from gandl.figures.training.samples import draw_samples, read_samples
from gandl.models.crops.intensity import IntensityScale
from gandl.models.looks import frames as module
from gandl.models.looks.frames import CROPS, LINE, Frames, write_animation
from gandl.models.looks.samples import GAP, write_interpolation, write_samples
from gandl.models.networks.gan import TrainedGan, generate, interpolate, synthesize, untrained
from gandl.models.networks.generator import Generator, Latents
from gandl.models.networks.trained import BETWEEN, STOPS
from model_inputs import NETWORK, TRAINING, network

NAMES = ("hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga")


def model_of(channels: int, kind: Intensity) -> TrainedGan:
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


def lively(channels: int = 2, seed: int = 0, **shape: object) -> TrainedGan:
    """A model whose images depend on their noise, too, as those of a trained one do."""
    settings = TRAINING.model_copy(update={"network": network(**shape)})
    values = (tuple([value] * channels) for value in (-2.0, 4.0))
    model = untrained(settings, IntensityScale(NAMES[:channels], *values), seed)
    for name, parameter in model.generator_ema.named_parameters():
        if name.endswith("strength"):
            parameter.fill_(0.2)
    return model


def test_interpolation_goes_from_style_to_style_under_one_noise() -> None:
    model = lively()
    generator = model.generator_ema
    strip = interpolate(model, stops=3, between=4, seed=5)
    assert strip.shape == (11, 2, NETWORK.crop, NETWORK.crop)
    latents = generator.draw(3, torch.Generator().manual_seed(5))
    noise = [one[:1].repeat(3, 1, 1, 1) for one in latents.noise]
    stops = model.scale.invert(generator(Latents(latents.z, latents.cut, noise)))
    np.testing.assert_allclose(strip[[0, 5, 10]], stops, rtol=1e-4, atol=1e-4)
    styles = generator.styles(latents)
    halfway = (0.6 * styles[:1] + 0.4 * styles[1:2], [one[:1] for one in latents.noise])
    np.testing.assert_allclose(strip[2:3], model.scale.invert(generator.synthesize(*halfway)), rtol=1e-4, atol=1e-4)
    assert interpolate(model, stops=1, between=3).shape[0] == 1
    with pytest.raises(ValueError, match="at least one stop"):
        interpolate(model, stops=0)


def test_strip_has_a_row_per_channel(tmp_path: Path) -> None:
    write_interpolation(lively(5), torch.zeros(3, 5, 16, 16), tmp_path / "interpolation.png", seed=0)
    side = NETWORK.crop + GAP
    with Image.open(tmp_path / "interpolation.png") as image:
        assert image.size == (((STOPS - 1) * (BETWEEN + 1) + 1) * side, 5 * side)


def test_generated_crops_are_those_of_their_seed_however_many_pass_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lively()
    together = generate(model, 7, seed=1)
    monkeypatch.setattr("gandl.models.networks.gan.PER_PASS", 3)
    np.testing.assert_allclose(generate(model, 7, seed=1), together, rtol=1e-4, atol=1e-3)
    assert not np.array_equal(generate(model, 7, seed=2), together)


def made(generator: Generator) -> torch.Tensor:
    """What the generator makes of the same latents at every look."""
    return synthesize(generator, generator.draw(CROPS, torch.Generator().manual_seed(3)))


def test_frames_show_the_same_latents_and_survive_a_kill_bit_by_bit() -> None:
    early, late = lively(seed=0).generator_ema, lively(seed=1).generator_ema
    unbroken = Frames()
    for images, generator in ((100, early), (200, late), (400, early)):
        unbroken.add(made(generator), images)
    assert torch.equal(unbroken.crops[0], unbroken.crops[2])
    assert not torch.equal(unbroken.crops[0], unbroken.crops[1])
    killed = Frames()
    killed.add(made(early), 100)
    state = killed.state()
    killed.add(made(early), 200)  # lost: the checkpoint is from before
    resumed = Frames()
    resumed.restore(state)
    for images, generator in ((200, late), (200, late), (400, early)):  # a look that was cut short is made up for
        resumed.add(made(generator), images)
    assert resumed.images == unbroken.images == [100, 200, 400]
    assert all(torch.equal(a, b) for a, b in zip(resumed.crops, unbroken.crops, strict=True))
    assert killed.state()["images"] == [100, 200]
    assert state["images"] == [100]


def test_frames_stay_few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 8)
    frames = Frames()
    generator = lively().generator_ema
    for images in range(1, 41):
        frames.add(made(generator), images)
        assert frames.images[-1] == images
        assert len(frames.images) <= module.MOST
    assert frames.images[0] == 1
    arrays = frames.arrays()
    assert arrays["frames"].shape == (len(frames.images), CROPS, 2, 8, 8)
    assert arrays["frames"].dtype == np.uint8
    assert arrays["frames_images"].tolist() == frames.images


def test_the_animation_shows_every_frame_and_says_when_it_was(tmp_path: Path) -> None:
    frames = Frames()
    assert not write_animation(frames, tmp_path / "samples.gif")
    for images, seed in ((100, 0), (200, 1), (400, 2)):
        frames.add(made(lively(5, seed).generator_ema), images)
    assert write_animation(frames, tmp_path / "samples.gif")
    with Image.open(tmp_path / "samples.gif") as image:
        assert image.n_frames == 3
        side = NETWORK.crop + GAP
        assert image.size == (CROPS * side, 5 * side + LINE)
        for k in range(3):
            image.seek(k)
            shown = np.asarray(image.convert("L"))
            np.testing.assert_array_equal(shown[LINE : LINE + 16, :16], frames.crops[k][0, 0].numpy())
            assert shown[:LINE].min() < 100, "the number of images stands above"


def test_frames_and_interpolation_are_kept_with_the_samples_for_figures(tmp_path: Path) -> None:
    model, frames = lively(), Frames()
    frames.add(made(model.generator_ema), 80)
    real = np.zeros((3, 2, 16, 16), np.uint8)
    write_samples(model, real, tmp_path / "samples.png", tmp_path / "samples.npz", seed=1, more=frames.arrays())
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["interpolation"], interpolate(model, seed=1))
        np.testing.assert_array_equal(arrays["frames"][0], frames.crops[0].numpy())
        assert arrays["frames_images"].tolist() == [80]
        np.testing.assert_array_equal(np.stack([arrays["low"], arrays["high"]]), np.stack(model.scale.limits()))
