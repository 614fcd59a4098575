"""The intensity scale: percentiles of the stored pixels, a line per channel."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.crops import intensity
from gandl.models.crops.crop_sampler import CropSampler
from gandl.models.crops.intensity import CEILING, IntensityError, IntensityScale, measure_scale
from model_inputs import write_store

SCALE = IntensityScale(("gfp", "dna"), (10.0, 0.0), (110.0, 40.0))


def test_low_becomes_minus_one_and_high_becomes_one() -> None:
    images = np.array([[[[10, 110]], [[0, 40]]]], dtype=np.uint8)
    torch.testing.assert_close(SCALE.apply(images), torch.tensor([[[[-1.0, 1.0]], [[-1.0, 1.0]]]]))


def test_brighter_stays_brighter_up_to_the_ceiling() -> None:
    pixels = np.array([[[[110, 150, 210, 255]], [[40, 50, 60, 255]]]], dtype=np.uint8)
    scaled = SCALE.apply(pixels)[0]
    assert scaled[0, 0].tolist() == pytest.approx([1.0, 1.8, CEILING, CEILING])
    assert scaled.max().item() == CEILING


def test_inverting_gives_the_pixels_back() -> None:
    images = np.random.default_rng(0).integers(0, 80, (3, 2, 4, 4)).astype(np.uint16)
    images[:, 0] += 10
    np.testing.assert_allclose(SCALE.invert(SCALE.apply(images)), images, atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_measured_scale_is_the_percentiles_of_all_pixels(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(0)
    limits = rng.gamma(2, np.iinfo(dtype).max / 20, (5, 2, 32, 32)).clip(0, np.iinfo(dtype).max).astype(dtype)
    parts = [write_store(tmp_path, name=f"S_{i}", pixels=part) for i, part in enumerate((limits[:2], limits[2:]))]
    scale = measure_scale([ImageStore(path) for path in parts], 32)
    for channel in range(2):
        low, high = np.percentile(limits[:, channel], (0.1, 99.9), method="inverted_cdf")
        assert (scale.low[channel], scale.high[channel]) == (low, high)
    assert scale.channels == ("gfp", "dna")


def test_a_constant_channel_is_refused_by_name(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 32, 32)).astype(np.uint8)
    pixels[:, 1] = 7
    store = ImageStore(write_store(tmp_path, pixels=pixels))
    with pytest.raises(IntensityError, match=r"channel dna of .*S_1\.zarr is constant \(value 7\)"):
        measure_scale([store], 32)


@pytest.mark.parametrize("kind", Intensity)
def test_a_black_channel_is_refused_by_name(tmp_path: Path, kind: Intensity) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 32, 32)).astype(np.uint16)
    pixels[:, 0] = 0
    store = ImageStore(write_store(tmp_path, pixels=pixels))
    with pytest.raises(IntensityError, match=r"channel gfp of .*S_1\.zarr is constant \(value 0\)"):
        measure_scale([store], 32, kind)


@pytest.mark.parametrize("kind", Intensity)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tensors_are_scaled_as_arrays_are(kind: Intensity, dtype: type) -> None:
    scale = IntensityScale(("gfp", "dna"), (-1.0, 2.0), (5.0, 7.0), kind)
    pixels = _fields().astype(dtype)
    moments = intensity.moments_of(pixels) + 1
    for given in (None, moments):
        array = scale.apply(pixels, given)
        tensor = scale.apply(torch.from_numpy(pixels), None if given is None else torch.from_numpy(given))
        assert torch.equal(tensor, array)
        assert tensor.is_contiguous(memory_format=torch.channels_last)
        assert tensor.dtype == torch.float32


def test_a_scale_first_used_for_inference_serves_training_too() -> None:
    scale, pixels = IntensityScale(("gfp", "dna"), (3.0, 2.0), (5.0, 7.5)), _fields()
    with torch.inference_mode():
        scale.apply(pixels)
    weight = torch.ones((), requires_grad=True)
    (scale.apply(pixels) * weight).sum().backward()
    assert weight.grad is not None


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(IntensityError, match="3 channels do not fit a scale of 2: gfp, dna"):
        SCALE.apply(np.zeros((1, 3, 4, 4), np.uint8))


def _fields(seed: int = 0) -> np.ndarray:
    """Six images of two channels whose brightness and contrast differ from image to image."""
    rng = np.random.default_rng(seed)
    gain, offset = rng.uniform(0.5, 1.5, (2, 6, 2, 1, 1))
    return (rng.gamma(2, 15, (6, 2, 32, 32)) * gain + 20 * offset).clip(0, 255).astype(np.uint8)


def test_a_site_scale_removes_an_images_gain_and_offset(tmp_path: Path) -> None:
    store = ImageStore(write_store(tmp_path, pixels=_fields()))
    scale = measure_scale([store], 32, Intensity.SITE)
    images = store.sites(slice(None), 32).astype(np.uint16)
    torch.testing.assert_close(scale.apply(images * 3 + 7), scale.apply(images), atol=1e-4, rtol=0)
    kept = measure_scale([store], 32, Intensity.STORE)
    assert (kept.apply(images * 3 + 7) - kept.apply(images)).abs().max() > 0.5


def test_a_site_scale_standardises_and_then_maps_percentiles(tmp_path: Path) -> None:
    pixels = _fields()
    scale = measure_scale([ImageStore(write_store(tmp_path, pixels=pixels))], 32, Intensity.SITE)
    values = pixels.astype(np.float64)
    standard = (values - values.mean((2, 3), keepdims=True)) / values.std((2, 3), keepdims=True)
    low, high = np.percentile(standard, (0.1, 99.9), axis=(0, 2, 3), method="inverted_cdf")
    np.testing.assert_allclose(scale.low, low, rtol=1e-5)
    np.testing.assert_allclose(scale.high, high, rtol=1e-5)
    expected = 2 * (standard - low[:, None, None]) / (high - low)[:, None, None] - 1
    np.testing.assert_allclose(scale.apply(pixels).numpy(), np.minimum(expected, CEILING), atol=1e-4)


def test_a_crop_is_scaled_as_the_image_that_it_is_cut_from(tmp_path: Path) -> None:
    store = ImageStore(write_store(tmp_path, pixels=_fields()))
    scale = measure_scale([store], 32, Intensity.SITE)
    whole = scale.apply(store.sites(slice(None), 32))
    sampler = CropSampler([store], 32, 16)
    places = sampler.draw(5, np.random.default_rng(3))
    crops = scale.apply(sampler.read(places), sampler.moments(places))
    for crop, (_, site, top, left) in zip(crops, places.tolist(), strict=True):
        torch.testing.assert_close(crop, whole[site, :, top : top + 16, left : left + 16])


def test_inverting_a_site_scale_gives_a_typical_image(tmp_path: Path) -> None:
    pixels = _fields()
    scale = measure_scale([ImageStore(write_store(tmp_path, pixels=pixels))], 32, Intensity.SITE)
    typical = scale.invert(scale.apply(pixels))
    np.testing.assert_allclose(typical.mean((2, 3)), np.tile(pixels.mean((2, 3)).mean(0), (6, 1)), rtol=0.05)


def test_measuring_keeps_no_pixels_of_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each image only moments and histograms stay, so that many stores can be measured in little memory."""
    store = ImageStore(write_store(tmp_path, pixels=_fields()))
    images: list[weakref.ref[np.ndarray]] = []
    read = ImageStore.sites

    def sites(self: ImageStore, *arguments: object) -> np.ndarray:
        alive = [image for image in images if image() is not None]
        assert len(alive) <= 1  # the one before may still be on its way out
        pixels = read(self, *arguments)  # type: ignore[arg-type]
        images.append(weakref.ref(pixels))
        return pixels

    monkeypatch.setattr(ImageStore, "sites", sites)
    measure_scale([store], 32, Intensity.SITE)
    assert len(images) == 6


@pytest.mark.parametrize("kind", Intensity)
def test_percentiles_are_exact_though_only_the_ends_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Intensity
) -> None:
    """With room for 50 values at a time, of 14 images of 1,024 pixels."""
    monkeypatch.setattr(intensity._Lowest, "PENDING", 50)
    pixels = np.random.default_rng(0).gamma(2, 3000, (14, 2, 32, 32)).clip(0, 65535).astype(np.uint16)
    stores = [ImageStore(write_store(tmp_path, name=f"S_{i}", pixels=pixels[i : i + 7])) for i in (0, 7)]
    values = pixels.astype(np.float64)
    if kind is Intensity.SITE:
        moments = intensity.moments_of(pixels).astype(np.float64)[..., None, None]
        values = (values - moments[:, :, 0]) / moments[:, :, 1]
    expected = np.percentile(values, (0.1, 99.9), axis=(0, 2, 3), method="inverted_cdf")
    scale = measure_scale(stores, 32, kind)
    np.testing.assert_array_equal([scale.low, scale.high], expected)


def test_what_is_kept_while_measuring_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intensity._Lowest, "PENDING", 1000)
    lowest, rng = intensity._Lowest(300), np.random.default_rng(0)
    for _ in range(200):
        lowest.add(np.unique(rng.normal(size=500)), np.ones(500, np.int64))
        assert sum(map(len, lowest._values)) <= 1000 + 500
    assert len(lowest.kept()[0]) == 300


def test_a_big_screen_is_measured_on_a_sample_of_all_its_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [ImageStore(write_store(tmp_path, name=f"S_{i}", sites=20, seed=i)) for i in range(3)]
    read: list[tuple[str, int]] = []
    sites = ImageStore.sites

    def noted(self: ImageStore, indices: list[int], resolution: int) -> np.ndarray:
        read.extend((self.store_id, i) for i in indices)
        return sites(self, indices, resolution)

    monkeypatch.setattr(ImageStore, "sites", noted)
    monkeypatch.setattr(intensity, "SITES_MEASURED", 60)
    measure_scale(stores, 32)
    assert read == [(f"S_{i}", site) for i in range(3) for site in range(20)]
    read.clear()
    monkeypatch.setattr(intensity, "SITES_MEASURED", 12)
    first = measure_scale(stores, 32)
    counts = [sum(store == f"S_{i}" for store, _ in read) for i in range(3)]
    assert counts == [4, 4, 4]
    assert len({site % 4 for _, site in read}) > 1, "a period of the plate shows"
    assert measure_scale(stores, 32) == first


@pytest.mark.parametrize("kind", Intensity)
def test_a_black_image_among_others_gives_finite_numbers(tmp_path: Path, kind: Intensity) -> None:
    pixels = _fields()
    pixels[2] = 0
    pixels[4, 1] = 0
    scale = measure_scale([ImageStore(write_store(tmp_path, pixels=pixels))], 32, kind)
    assert np.isfinite(scale.apply(pixels).numpy()).all()
    assert np.isfinite(scale.invert(scale.apply(pixels))).all()
