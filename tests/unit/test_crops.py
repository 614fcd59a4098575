"""Crops: they are squares of the store, one seed gives one sequence, and a saved position continues it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gandl.images.store import ImageStore
from gandl.models import crops
from gandl.models.crops import ORIENTATIONS, CropSampler, open_stores, orient
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
