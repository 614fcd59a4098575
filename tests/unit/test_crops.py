"""Crops: they are squares of the store, one seed gives one sequence, and a saved position continues it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.images.store import ImageStore
from gandl.models import crops
from gandl.models.crops import ORIENTATIONS, CropError, CropSampler, open_stores, orient
from gandl.models.intensity import moments_of
from model_inputs import write_store


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[ImageStore]:
    folder = tmp_path_factory.mktemp("stores")
    return open_stores([write_store(folder, name=name, sites=n, seed=n) for name, n in (("A", 5), ("B", 2))], 32, 16)


def sample(crops: CropSampler, n: int) -> np.ndarray:
    return crops.read(crops.draw(n))


def sampler(stores: list[ImageStore], seed: int = 0) -> CropSampler:
    return CropSampler(stores, 32, 16, seed)


def test_a_crop_is_what_the_store_holds_there(stores: list[ImageStore]) -> None:
    places = sampler(stores).draw(50)
    assert set(places[:, 0].tolist()) == {0, 1}
    for crop, (store, site, top, left) in zip(sampler(stores).read(places), places.tolist(), strict=True):
        np.testing.assert_array_equal(crop, stores[store].sites([site], 32)[0, :, top : top + 16, left : left + 16])


def test_stores_too_large_for_memory_give_the_same_crops(
    stores: list[ImageStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = sample(sampler(stores), 20)
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(ImageStore, "sites", lambda *a, **k: pytest.fail("it read whole sites"))
    np.testing.assert_array_equal(sample(sampler(stores), 20), held)


def test_every_site_and_every_position_is_drawn_alike(stores: list[ImageStore]) -> None:
    places = sampler(stores).draw(7 * 2000)
    sites = places[:, 0] * 5 + places[:, 1]
    counts = np.bincount(sites, minlength=7)
    assert (abs(counts - 2000) < 5 * np.sqrt(2000)).all()
    for axis in (2, 3):
        assert np.bincount(places[:, axis], minlength=17).min() > 600
        assert places[:, axis].max() == 16


def test_a_saved_position_continues_the_sequence(stores: list[ImageStore]) -> None:
    one = sampler(stores)
    sample(one, 13)
    position = one.state
    expected = sample(one, 13)
    other = sampler(stores, seed=99)
    other.state = position
    np.testing.assert_array_equal(sample(other, 13), expected)


def test_another_seed_gives_other_crops(stores: list[ImageStore]) -> None:
    assert not np.array_equal(sampler(stores, 0).draw(20), sampler(stores, 1).draw(20))


def test_symmetry_makes_the_eight_orientations_of_a_square() -> None:
    image = np.arange(18).reshape(2, 3, 3)
    turned = orient(torch.from_numpy(image)[None].repeat(ORIENTATIONS, 1, 1, 1), torch.arange(ORIENTATIONS)).numpy()
    expected = {
        np.ascontiguousarray(np.rot90(flipped, turns, axes=(1, 2))).tobytes()
        for flipped in (image, image[:, :, ::-1])
        for turns in range(4)
    }
    assert len(expected) == 8
    assert {np.ascontiguousarray(one).tobytes() for one in turned} == expected


def test_each_image_is_turned_by_its_own_orientation() -> None:
    images = torch.arange(5 * 2 * 9).reshape(5, 2, 3, 3)
    orientation = torch.tensor([0, 3, 5, 7, 2])
    together = orient(images, orientation)
    for i in range(5):
        assert torch.equal(together[i], orient(images[i : i + 1], orientation[i : i + 1])[0])
    assert torch.equal(together[0], images[0])


def fields(n: int, height: int, width: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """(n, 2, height, width) of random pixels."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (n, 2, height, width), dtype, endpoint=True)


@pytest.mark.parametrize("sides", [(32, 51), (45, 32)])
def test_crops_of_images_that_are_not_square_come_from_everywhere(tmp_path: Path, sides: tuple[int, int]) -> None:
    pixels = fields(3, *sides, "uint16")
    crops = CropSampler(open_stores([write_store(tmp_path, pixels=pixels)], 32, 16), 32, 16, seed=0)
    places = crops.draw(4000)
    for axis, side in ((2, sides[0]), (3, sides[1])):
        assert np.bincount(places[:, axis]).min() > 50
        assert places[:, axis].max() == side - 16
    read = crops.read(places[:50])
    assert read.dtype == np.uint16
    for crop, (_, site, top, left) in zip(read, places.tolist(), strict=False):
        np.testing.assert_array_equal(crop, pixels[site, :, top : top + 16, left : left + 16])


def test_stores_of_other_sides_are_refused_by_name(tmp_path: Path) -> None:
    square = write_store(tmp_path, name="square", pixels=fields(1, 32, 32))
    wide = write_store(tmp_path, name="wide", pixels=fields(1, 32, 40))
    with pytest.raises(CropError, match=r"wide\.zarr holds images of 32 x 40 px .*, but .*square\.zarr of 32 x 32 px"):
        open_stores([square, wide], 32, 16)


def test_a_crop_must_fit_the_shorter_side(tmp_path: Path) -> None:
    wide = write_store(tmp_path, pixels=fields(1, 32, 80))
    with pytest.raises(
        CropError, match=r"holds images of 32 x 80 px at training.resolution 32, smaller than a crop of 64 px"
    ):
        open_stores([wide], 32, 64)


@pytest.mark.parametrize("limit", [crops.MEMORY_LIMIT, 0])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_moments_are_those_of_all_images_measured_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, dtype: str
) -> None:
    """Bit for bit, whatever the order, in memory or not."""
    monkeypatch.setattr(crops, "MEMORY_LIMIT", limit)
    parts = [fields(n, 32, 37, dtype, seed=n) for n in (5, 2)]
    paths = [write_store(tmp_path, name=f"S_{len(part)}", pixels=part) for part in parts]
    eager = np.concatenate([moments_of(part) for part in parts])
    sampler = CropSampler(open_stores(paths, 32, 16), 32, 16, seed=1)
    for n in (1, 3, 40):
        places = sampler.draw(n)
        np.testing.assert_array_equal(sampler.moments(places), eager[places[:, 0] * 5 + places[:, 1]])


def test_an_image_is_measured_when_it_is_drawn_and_only_once(
    stores: list[ImageStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    read, sites = [], ImageStore.sites

    def noted(self: ImageStore, indices: list[int], resolution: int) -> np.ndarray:
        read.append((self.store_id, *indices))
        return sites(self, indices, resolution)

    monkeypatch.setattr(ImageStore, "sites", noted)
    one = sampler(stores)
    assert read == []
    places = np.array([[0, 3, 0, 0], [1, 1, 0, 0], [0, 3, 5, 5]])
    first = one.moments(places)
    np.testing.assert_array_equal(one.moments(places), first)
    assert read == [("A", 3), ("B", 1)]


def test_places_for_show_do_not_move_the_sequence(stores: list[ImageStore]) -> None:
    one, other = sampler(stores), sampler(stores)
    shown = one.draw(4, np.random.default_rng(5))
    np.testing.assert_array_equal(shown, sampler(stores, seed=5).draw(4))
    np.testing.assert_array_equal(one.draw(9), other.draw(9))


def test_a_black_channel_has_a_deviation_of_one(tmp_path: Path) -> None:
    pixels = fields(2, 32, 32)
    pixels[0, 1] = 0
    sampler = CropSampler(open_stores([write_store(tmp_path, pixels=pixels)], 32, 16), 32, 16, seed=0)
    assert sampler.moments(np.array([[0, 0, 0, 0]]))[0, 1].tolist() == [0.0, 1.0]
