"""Quality: it orders known faults by their strength, is zero between real crops, and depends on nothing but the images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import hold_out
from gandl.models.crops.intensity import measure_scale
from gandl.models.looks import quality as module
from gandl.models.looks.quality import Quality, QualityError, RandomNetwork, build_quality, energy_distance
from gandl.models.networks.gan import new_networks, synthesize
from gandl.source.simulator.cells.drawing import (
    CELL_LINES,
    draw_field,
    draw_nuisance_plate,
    draw_nuisance_well,
    draw_site,
)
from model_inputs import NETWORK, TRAINING, write_store

CPU = torch.device("cpu")
CROPS = 128
SETTINGS = TRAINING.model_copy(update={"quality_crops": CROPS, "held_out": 0.5})


def cells(n: int, channels: int, seed: int, side: int = 32) -> np.ndarray:
    """(n, c, y, x) uint8: bright discs at the same places in all channels, smaller from channel to channel, with grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    images = np.full((n, channels, side, side), 30.0)
    for image in images:
        for _ in range(rng.integers(3, 9)):
            distance = np.hypot(y - rng.uniform(0, side), x - rng.uniform(0, side))
            for channel in range(channels):
                image[channel] += 120 * np.exp(-((distance / (4.5 - 0.7 * channel)) ** 2))
    return np.clip(images + rng.normal(0, 4, images.shape), 0, 255).astype(np.uint8)


def described(n: int, channels: int, seed: int) -> torch.Tensor:
    """Crops (n, c, 16, 16) about [-1, 1]."""
    return torch.from_numpy(cells(n, channels, seed, side=16)).float() / 100 - 1


@pytest.fixture(scope="module")
def quality() -> Quality:
    """Of 5-channel images."""
    network = RandomNetwork(5, 16, CPU)
    reference, shown, held_out = (described(CROPS, 5, seed) for seed in (4, 1, 2))
    network.measure(reference[:64])
    return Quality(network, *(network.describe(of).double().numpy() for of in (reference, shown, held_out)), CPU)


def blurred(x: torch.Tensor, strength: float) -> torch.Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, 0, strength, strength), mode="reflect"))


def noisy(x: torch.Tensor, strength: float) -> torch.Tensor:
    return x + strength * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def without_a_channel(x: torch.Tensor, share: float) -> torch.Tensor:
    x = x.clone()
    x[: round(share * len(x)), -1] = -0.7
    return x


def with_swapped_channels(x: torch.Tensor, share: float) -> torch.Tensor:
    n = round(share * len(x))
    return torch.cat([x[:n].flip(1), x[n:]])


def collapsed(x: torch.Tensor, share: float) -> torch.Tensor:
    return x[torch.arange(len(x)) % max(1, round((1 - share) * len(x)))]


def brighter(x: torch.Tensor, strength: float) -> torch.Tensor:
    return x + strength


FAULTS = {
    blurred: (0.5, 0.7, 1.0, 1.5),
    noisy: (0.05, 0.1, 0.2, 0.4),
    without_a_channel: (0.1, 0.25, 0.5, 1.0),
    with_swapped_channels: (0.1, 0.25, 0.5, 1.0),
    collapsed: (0.75, 0.9, 0.97, 1.0),
    brighter: (0.05, 0.1, 0.2, 0.4),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_seen_and_the_worse_it_is_the_more(
    quality: Quality, fault: Callable[[torch.Tensor, float], torch.Tensor]
) -> None:
    real = described(CROPS, 5, 3)
    sound, error = quality.compare([real])
    values = [quality.compare([fault(real, strength)])[0] for strength in FAULTS[fault]]
    assert (np.diff([sound, *values]) > 0).all(), values
    assert values[-1] > sound + 10 * error


def test_channels_that_belong_to_other_cells_are_seen(quality: Quality) -> None:
    real = described(CROPS, 5, 3)
    torn = torch.cat([real[:, :2], real.roll(1, 0)[:, 2:]], dim=1)
    value, error = quality.compare([torn])
    assert value > 5 * error


def test_real_crops_are_at_zero_within_the_error_that_is_stated(quality: Quality) -> None:
    found = np.array([quality.compare([described(CROPS, 5, seed)]) for seed in range(10, 22)])
    values, errors = found.T
    assert abs(values.mean()) < 2 * errors.mean()
    assert values.std() < 2 * errors.mean()
    assert abs(quality.floor) < 4 * errors.mean()


def test_the_distance_is_that_of_its_definition_and_unbiased() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))

    def mean(a: np.ndarray, b: np.ndarray, *, same: bool = False) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and i == j)]
        return float(np.mean([np.linalg.norm(a[i] - b[j]) for i, j in pairs]))

    expected = (2 * mean(x, y) - mean(x, x, same=True) - mean(y, y, same=True)) / np.sqrt(3)
    value, error = energy_distance(x, y)
    assert value == pytest.approx(expected, rel=1e-12)
    without = [energy_distance(x, np.delete(y, i, axis=0))[0] for i in range(4)]
    assert error == pytest.approx(np.sqrt(3 * np.var(without)), rel=1e-12)
    draws = [energy_distance(*rng.normal(size=(2, 6, 3)))[0] for _ in range(2000)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(2000)


def test_the_stated_error_is_the_spread_over_generated_crops(quality: Quality) -> None:
    found = np.array([quality.compare([brighter(described(CROPS, 5, seed), 0.1)]) for seed in range(30, 50)])
    values, errors = found.T
    assert values.std() == pytest.approx(errors.mean(), rel=0.6)


def test_a_crop_is_described_alike_in_any_company(quality: Quality) -> None:
    network = RandomNetwork(2, 16, CPU)
    crops = described(40, 2, 0)
    network.measure(crops)
    together = network.describe(crops)
    alone = torch.cat([network.describe(crop[None]) for crop in crops])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)
    real = described(CROPS, 5, 3)
    whole, parts = quality.compare([real])[0], quality.compare(real.split(7))[0]
    assert parts == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("kind", Intensity)
def test_any_number_of_channels_is_measured_the_same_each_time_and_nobodys_randomness_is_touched(
    tmp_path: Path, channels: int, kind: Intensity
) -> None:
    names = ("a", "b", "c", "d", "e")[:channels]
    store = ImageStore(write_store(tmp_path, channels=names, pixels=cells(12, channels, 0)))
    scale = measure_scale([store], 32, kind)
    settings = SETTINGS.model_copy(update={"intensity": kind, "quality_crops": 33})
    generator, _ = new_networks(settings, channels, 0)
    generator.eval()
    _, held_out = hold_out(len(store), 0.5)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    found = []
    for _ in range(2):
        quality = build_quality([store], held_out, scale, settings, CPU)
        found += [quality.measure(generator), quality.measure(generator)]
    assert torch.equal(torch.get_rng_state(), before)
    assert set(found[0]) == {"quality", "quality_error", "quality_floor", "quality_floor_error"}
    assert found[0] == found[1] == found[2] == found[3]
    assert found[0]["quality"] > 10 * abs(found[0]["quality_floor"]), "an untrained generator is far from any cell"


def test_real_crops_come_from_the_held_out_sites_and_the_floors_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ImageStore(write_store(tmp_path, pixels=cells(12, 2, 0)))
    requested: list[int] = []
    read = ImageStore.sites
    monkeypatch.setattr(ImageStore, "sites", lambda self, i, size: (requested.extend(i), read(self, i, size))[1])
    positions = np.array([2, 5, 11])
    settings = SETTINGS.model_copy(update={"quality_crops": 24})
    parts = list(module.real_crops([store], positions, measure_scale([store], 32), settings, 24))
    requested = requested[-24:]
    assert np.bincount(requested, minlength=12)[positions].tolist() == [8, 8, 8]
    assert torch.cat(parts).shape == (24, 2, NETWORK.crop, NETWORK.crop)


def test_latents_do_not_depend_on_the_number_of_looks_and_images_that_are_no_numbers_have_no_quality(
    quality: Quality, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, _ = new_networks(SETTINGS, 5, 0)
    drawn = []
    monkeypatch.setattr(module, "synthesize", lambda g, latents: (drawn.append(latents.z), synthesize(g, latents))[1])
    quality.measure(generator)
    first = torch.cat(drawn)
    drawn.clear()
    with torch.no_grad():
        generator.constant.fill_(float("nan"))
    assert np.isnan(quality.measure(generator)["quality"])
    assert torch.equal(torch.cat(drawn), first)
    assert len(first) == CROPS


@pytest.mark.parametrize(("held_out", "crops"), [([], 8), (list(range(6)), 8), ([0], 1)])
def test_quality_without_sites_on_both_sides_is_refused(tmp_path: Path, held_out: list[int], crops: int) -> None:
    store = ImageStore(write_store(tmp_path))
    settings = SETTINGS.model_copy(update={"quality_crops": crops})
    with pytest.raises(QualityError, match=r"training.held_out.*training.quality_crops"):
        build_quality([store], np.array(held_out, np.int64), measure_scale([store], 32), settings, CPU)


@pytest.fixture(scope="module")
def plates() -> list[torch.Tensor]:
    """Crops (40, 5, 64, 64) about [-1, 1] of each of four plates, drawn by the simulator with all its nuisances."""
    return [simulated_crops(seed) for seed in range(4)]


def simulated_crops(seed: int, sites: int = 10) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    shared = draw_nuisance_plate(rng)
    images = []
    for i in range(sites):
        around = draw_nuisance_well(rng, shared, float(i % 8))
        drawn = draw_site(draw_field(rng, CELL_LINES["HRCE"], around, float(i % 2)), 128, 1.3, rng).images[:5]
        unit = (drawn - drawn.mean((1, 2), keepdims=True)) / drawn.std((1, 2), keepdims=True)
        images.append(unit / 2 - 0.5)
    whole = np.stack(images).astype(np.float32)
    corners = [(y, x) for y in (0, 64) for x in (0, 64)]
    return torch.from_numpy(np.concatenate([whole[:, :, y : y + 64, x : x + 64] for y, x in corners]))


def noise_like(crops: torch.Tensor, *, phases: bool) -> torch.Tensor:
    """Crops without any structure: of each channel's mean and deviation, or of each crop's own spatial spectrum."""
    if not phases:
        draws = torch.randn(crops.shape, generator=torch.Generator().manual_seed(0))
        return crops.mean((0, 2, 3), keepdim=True) + crops.std((0, 2, 3), keepdim=True) * draws
    spectrum = np.fft.rfft2(crops.numpy())
    turned = np.exp(2j * np.pi * np.random.default_rng(0).random(spectrum.shape))
    turned[..., 0, 0] = 1
    return torch.from_numpy(np.fft.irfft2(np.abs(spectrum) * turned, s=crops.shape[2:]).astype(np.float32))


def test_samples_of_known_order_are_ranked_as_an_eye_does(plates: list[torch.Tensor]) -> None:
    """From real crops of another plate over blurred ones to channels of different cells and to noise."""
    reference, shown, held_out, other = plates
    network = RandomNetwork(5, 64, CPU)
    network.measure(reference[:64])
    quality = Quality(network, *(network.describe(of).double().numpy() for of in (reference, shown, held_out)), CPU)
    torn = torch.stack([other.roll(7 * channel, 0)[:, channel] for channel in range(5)], dim=1)
    ordered = {
        "real crops of another plate": other,
        "a little blurred": blurred(other, 0.7),
        "blurred": blurred(other, 1.5),
        "blurred beyond nuclei": blurred(other, 6),
        "channels of different cells": torn,
        "noise of the same spectrum": noise_like(other, phases=True),
    }
    values = {name: quality.compare(crops.split(32))[0] for name, crops in ordered.items()}
    assert list(values) == sorted(values, key=lambda name: values[name]), values
    white, _ = quality.compare(noise_like(other, phases=False).split(32))
    assert white > 3 * values["channels of different cells"]
    grainy, _ = quality.compare([noisy(other, 0.5)])
    assert values["blurred"] < grainy < white, "grain over cells is worse than blur, and better than nothing but grain"


def test_the_whitening_makes_directions_comparable() -> None:
    """Along a direction in which real crops hardly differ a fault counts as much as where they differ most, up to shrinkage."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    reference = rng.normal(size=(4000, 6)) * [10, 3, 1, 1, 0.3, 0.1] @ mixing
    found = module.Whitening(reference).apply(reference)
    covariance = np.cov(found, rowvar=False)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-8)
    unit = (reference - reference.mean(0)) / reference.std(0)
    values = np.linalg.eigvalsh(np.cov(unit, rowvar=False))
    expected = values / (values + module.SHRINKAGE * values.mean())
    np.testing.assert_allclose(np.diag(covariance), expected, rtol=1e-3)


def test_features_that_never_vary_do_no_harm() -> None:
    reference = np.ones((5, 3))
    assert np.isfinite(module.Whitening(reference).apply(reference + 1)).all()
