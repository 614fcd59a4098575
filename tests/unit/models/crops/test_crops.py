"""Crops: they are squares of the sites that may be drawn, each as likely as any other, and nobody remembers what was drawn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from gandl.config import Pairs
from gandl.images.store_reader import ImageStore
from gandl.models.crops import crop_sampler as crops
from gandl.models.crops.crop_sampler import ORIENTATIONS, CropError, CropSampler, hold_out, open_stores, orient
from gandl.models.crops.intensity import moments_of
from model_inputs import write_store


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[ImageStore]:
    folder = tmp_path_factory.mktemp("stores")
    return open_stores([write_store(folder, name=name, sites=n, seed=n) for name, n in (("A", 5), ("B", 2))], 32, 16)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sampler(stores: list[ImageStore], positions: np.ndarray | None = None) -> CropSampler:
    return CropSampler(stores, 32, 16, positions)


def sample(crops: CropSampler, n: int, seed: int = 0) -> np.ndarray:
    return crops.read(crops.draw(n, rng(seed)))


def test_a_crop_is_what_the_store_holds_there(stores: list[ImageStore]) -> None:
    places = sampler(stores).draw(50, rng())
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


def test_every_training_site_is_equally_likely_and_no_other_is_drawn(stores: list[ImageStore]) -> None:
    positions, drawn = np.array([0, 2, 3, 5, 6]), 5 * 2000
    places = sampler(stores, positions).draw(drawn, rng())
    found, counts = np.unique(places[:, 0] * 5 + places[:, 1], return_counts=True)
    assert found.tolist() == positions.tolist()
    assert chisquare(counts).pvalue > 0.01
    for axis in (2, 3):
        corners, counts = np.unique(places[:, axis], return_counts=True)
        assert corners.tolist() == list(range(17))
        assert chisquare(counts).pvalue > 0.01


def test_a_sampler_remembers_nothing_of_what_it_drew(stores: list[ImageStore]) -> None:
    one = sampler(stores)
    first = one.draw(20, rng(3))
    one.draw(7, rng(4))
    np.testing.assert_array_equal(one.draw(20, rng(3)), first)
    assert not np.array_equal(one.draw(20, rng(4)), first)


def test_only_sites_that_may_be_drawn_are_held_in_memory(stores: list[ImageStore]) -> None:
    """Others can be read all the same: from their store."""
    few, all_sites = sampler(stores, np.array([1, 6])), sampler(stores)
    assert few._held is not None
    assert len(few._held) == len(few) == 2
    places = all_sites.draw(30, rng())
    np.testing.assert_array_equal(few.read(places), all_sites.read(places))
    np.testing.assert_array_equal(few.moments(places), all_sites.moments(places))


def test_no_sites_to_draw_are_reported(stores: list[ImageStore]) -> None:
    with pytest.raises(CropError, match="no sites to cut crops from"):
        sampler(stores, np.array([], np.int64))


@pytest.mark.parametrize(
    ("n", "share", "wanted"), [(100, 0.05, 5), (7, 0.0, 0), (7, 0.01, 1), (2, 0.9, 1), (1, 0.5, 0)]
)
def test_held_out_sites_are_a_share_and_the_rest_is_for_training(n: int, share: float, wanted: int) -> None:
    training, held_out = hold_out(n, share)
    assert len(held_out) == wanted
    assert sorted([*training.tolist(), *held_out.tolist()]) == list(range(n))
    assert (np.diff(training) > 0).all()
    assert (np.diff(held_out) > 0).all()


def test_the_same_sites_are_held_out_every_time_and_a_larger_share_holds_out_more_of_them() -> None:
    np.testing.assert_array_equal(hold_out(50, 0.1)[1], hold_out(50, 0.1)[1])
    assert set(hold_out(50, 0.1)[1]) < set(hold_out(50, 0.3)[1])
    assert hold_out(50, 0.1)[1].tolist() != list(range(5)), "they come from everywhere"


def test_many_stores_leave_no_file_open(stores: list[ImageStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    many = sampler(stores * 20)
    before = len(list(Path("/dev/fd").iterdir()))
    sample(many, 100)
    assert len(list(Path("/dev/fd").iterdir())) == before


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
    crops = CropSampler(open_stores([write_store(tmp_path, pixels=pixels)], 32, 16), 32, 16)
    places = crops.draw(4000, rng())
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


def test_stores_of_other_pixel_sizes_are_refused_unless_unknown(tmp_path: Path) -> None:
    half, whole, unknown = (
        write_store(tmp_path, name=name, pixel_size_um=size)
        for name, size in (("half", 0.5), ("whole", 1.0), ("unknown", None))
    )
    with pytest.raises(CropError, match=r"whole\.zarr has pixels of 1 um, but .*half\.zarr of 0\.5 um"):
        open_stores([unknown, half, whole], 32, 16)
    assert len(open_stores([half, unknown], 32, 16)) == 2


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
    sampler = CropSampler(open_stores(paths, 32, 16), 32, 16)
    for n in (1, 3, 40):
        places = sampler.draw(n, rng(n))
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


def test_an_image_to_measure_is_read_once_for_crop_and_moments(
    stores: list[ImageStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = sampler(stores).draw(9, rng())
    expected = sampler(stores).read(places), sampler(stores).moments(places)
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    one = sampler(stores)
    whole, window = [], []
    sites, crop = ImageStore.sites, ImageStore.crop
    monkeypatch.setattr(
        ImageStore, "sites", lambda self, i, size: whole.append((self.store_id, *i)) or sites(self, i, size)
    )
    monkeypatch.setattr(ImageStore, "crop", lambda self, *at: window.append((self.store_id, at[0])) or crop(self, *at))
    for _ in range(2):
        moments = np.empty((9, 2, 2), np.float32)
        np.testing.assert_array_equal(one.read(places, moments=moments), expected[0])
        np.testing.assert_array_equal(moments, expected[1])
    drawn = [("AB"[store], site) for store, site, _, _ in places.tolist()]
    assert len(set(drawn)) < 9
    assert sorted(whole) == sorted(set(drawn))
    assert len(whole) + len(window) == 2 * 9


def test_threads_find_the_same_crops_and_moments(stores: list[ImageStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    places = sampler(stores).draw(200, rng())
    alone, together = sampler(stores), sampler(stores)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda place: (together.moments(place[None]), together.read(place[None])), places))
    np.testing.assert_array_equal(np.concatenate([moments for moments, _ in found]), alone.moments(places))
    np.testing.assert_array_equal(np.concatenate([pixels for _, pixels in found]), alone.read(places))


def test_a_black_channel_has_a_deviation_of_one(tmp_path: Path) -> None:
    pixels = fields(2, 32, 32)
    pixels[0, 1] = 0
    sampler = CropSampler(open_stores([write_store(tmp_path, pixels=pixels)], 32, 16), 32, 16)
    assert sampler.moments(np.array([[0, 0, 0, 0]]))[0, 1].tolist() == [0.0, 1.0]


@pytest.fixture
def wells(tmp_path: Path) -> list[ImageStore]:
    """Two stores of six sites: wells of three, two and one site each."""
    for name in ("A_1", "B_1"):
        write_store(tmp_path, name=name, sites=6, well_of=("x", "x", "y", "x", "z", "y"))
    return open_stores([tmp_path / "A_1.zarr", tmp_path / "B_1.zarr"], 32, 16)


def test_pairs_of_a_well_are_two_of_its_sites_or_one_that_is_alone(wells: list[ImageStore]) -> None:
    places = sampler(wells).draw_pairs(4000, rng(), Pairs.WELL)
    first, second = places[::2], places[1::2]
    assert (first[:, 0] == second[:, 0]).all(), "a well lies in one store"
    well = np.array(["x", "x", "y", "x", "z", "y"])
    assert (well[first[:, 1]] == well[second[:, 1]]).all()
    alone = well[first[:, 1]] == "z"
    assert alone.any()
    assert ((first[:, 1] == second[:, 1]) == alone).all()
    partners, counts = np.unique(second[first[:, 1] == 0][:, 1], return_counts=True)
    assert partners.tolist() == [1, 3]
    assert chisquare(counts).pvalue > 0.01


def test_pairs_of_a_well_never_leave_the_sites_that_may_be_drawn(wells: list[ImageStore]) -> None:
    places = sampler(wells, np.array([0, 2, 3, 7, 10])).draw_pairs(2000, rng(), Pairs.WELL)
    assert set((places[:, 0] * 6 + places[:, 1]).tolist()) == {0, 2, 3, 7, 10}


def test_pairs_of_a_site_are_two_corners_of_it(wells: list[ImageStore]) -> None:
    places = sampler(wells).draw_pairs(400, rng(), Pairs.SITE)
    assert (places[::2, :2] == places[1::2, :2]).all()
    assert (places[::2, 2:] != places[1::2, 2:]).any()
