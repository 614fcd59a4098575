"""Tiles as a store: what a training sees of the table, what it is told of labels, and which tables it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from gandl.config import RecipeSettings, TilesSettings
from gandl.config.comparison_terms import Switch
from gandl.config.representations import OBJECTIVE_SETTINGS
from gandl.images.tiles.table import write_tiles
from gandl.models.crops.crop_sampler import CropError, CropSampler
from gandl.models.crops.loader import Loader
from gandl.models.crops.supervision import SupervisionError
from gandl.models.crops.tiles import TileStore, open_tiles, read_tiles
from gandl.models.engine.training import train
from gandl.models.networks.comparison.trained import TrainedRepresentation
from gandl.models.networks.weights import load
from gandl.models.objectives.objective import Objective
from gandl.tables import CURVE, TILES, read_table, write_table
from model_inputs import NETWORK, REPRESENTATIONS, TRAINING
from tile_inputs import TiledScreen, tiled_screen
from training_runs import SEED, assert_same, no_peak

__all__ = ["no_peak"]
pytestmark = pytest.mark.usefixtures("no_peak")

SIDE, RESOLUTION = 16, 36


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> TiledScreen:
    return tiled_screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def table(screen: TiledScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiles") / "screen.tiles.parquet"
    write_tiles(screen.manifests, screen.sites, path, TilesSettings(side=SIDE), RESOLUTION)
    return path


@pytest.fixture(scope="module")
def store(screen: TiledScreen, table: Path) -> TileStore:
    return open_tiles(table, screen.manifests, SIDE, RESOLUTION)


def changed(table: Path, folder: Path, change: pd.DataFrame) -> Path:
    """A copy of the table with other columns."""
    path = folder / "changed.tiles.parquet"
    write_table(read_table(table, TILES).assign(**change), path, TILES)
    return path


def train_on(
    tiles: TileStore, folder: Path, objective: str = "weakly_supervised", settings: RecipeSettings | None = None
) -> Path:
    weights = folder / "weights.safetensors"
    train(
        [],
        settings or REPRESENTATIONS[objective],
        SEED,
        weights,
        folder / "curve.parquet",
        folder / "samples.png",
        folder / "checkpoints",
        objective=objective,
        tiles=tiles,
    )
    return weights


def test_the_store_holds_the_tiles_of_train_and_validation_and_none_of_test(
    screen: TiledScreen, table: Path, store: TileStore
) -> None:
    reader, whole = read_tiles(table, screen.manifests, SIDE, RESOLUTION)
    seen = whole[whole["part"] != "test"]
    assert len(store) == len(seen) < len(whole)
    np.testing.assert_array_equal(store.sites(range(len(store))), reader.read(seen["tile"].to_numpy()))
    training, validating = store.parts
    assert len(training) == (whole["part"] == "train").sum()
    assert len(validating) == (whole["part"] == "validation").sum()
    assert not set(training) & set(validating)


def test_a_sampler_draws_whole_tiles_of_the_part_that_it_is_given(store: TileStore) -> None:
    training, _ = store.parts
    sampler = CropSampler([store], RESOLUTION, SIDE, training)  # type: ignore[list-item]
    places = sampler.draw(500, np.random.default_rng(0))
    assert set(sampler.positions_of(places)) <= set(training)
    assert not places[:, 2:].any(), "a tile is as large as the crop"
    np.testing.assert_array_equal(sampler.read(places[:20]), store.sites(places[:20, 1]))


def test_labels_are_drug_and_control_of_the_labelled_tiles(table: Path, store: TileStore) -> None:
    labels = store.supervision.of([store])  # type: ignore[list-item]
    whole = read_table(table, TILES)
    seen = whole[whole["part"] != "test"].reset_index(drop=True)
    assert labels.classes == ("control", "drug")
    for position in (0, len(seen) // 2, len(seen) - 1):
        assert labels.classes[labels.of_site[position]] == seen["label"][position]
    np.testing.assert_array_equal(labels.training, store.parts[0])


def test_tiles_without_a_label_are_of_the_store_and_not_of_its_labels(
    screen: TiledScreen, table: Path, tmp_path: Path
) -> None:
    whole = read_table(table, TILES)
    pem = (whole["treatment"] == "PEM").to_numpy(bool)
    path = changed(table, tmp_path, pd.DataFrame({"label": whole["label"].where(~pem, None)}))
    without = open_tiles(path, screen.manifests, SIDE, RESOLUTION)
    labels = without.supervision.of([without])  # type: ignore[list-item]
    assert len(labels.training) == ((whole["part"] == "train") & ~pem).sum()
    assert len(without.parts[0]) == (whole["part"] == "train").sum()


def tiles_shown(tiles: TileStore, monkeypatch: pytest.MonkeyPatch, folder: Path, objective: str) -> np.ndarray:
    """Positions of the tiles of every batch of a training of four steps."""
    seen: dict[int, list[int]] = {}
    batch = Loader.batch

    def noted(self: Loader, step: int, course: int) -> list[Tensor]:
        seen[step] = torch.cat(self.sites(step, course)).tolist()
        return batch(self, step, course)

    recipe = {"batch": 8, "images": 32, "looks": 1}
    settings = TRAINING.changed(network=NETWORK.model_dump(), probe=False, quality_crops=8, **recipe)
    monkeypatch.setattr(Loader, "batch", noted)
    train_on(tiles, folder, objective, settings if objective == "gan" else REPRESENTATIONS[objective].changed(**recipe))
    monkeypatch.undo()
    return np.array([seen[step] for step in range(4)]).ravel()


def test_every_paradigm_sees_the_same_tiles_and_the_regulariser_without_a_gradient_learns_the_autoencoders_codes(
    screen: TiledScreen, table: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One tile in eight of the training part is a drug's, and one in four of the controls has no label."""
    whole, rng = read_table(table, TILES), np.random.default_rng(0)
    kind = rng.choice(np.array(["drug", "control", None], object), size=len(whole), p=[0.12, 0.66, 0.22])
    few = open_tiles(changed(table, tmp_path, pd.DataFrame({"label": kind})), screen.manifests, SIDE, RESOLUTION)
    seen = {name: tiles_shown(few, monkeypatch, tmp_path / name, name) for name in [*OBJECTIVE_SETTINGS, "gan"]}
    labels = kind[(whole["part"] != "test").to_numpy(bool)][seen["unsupervised"]]
    assert None not in labels
    assert 0.25 < (labels == "drug").mean() < 0.75
    for name, positions in seen.items():
        np.testing.assert_array_equal(positions, seen["unsupervised"], err_msg=name)
    detached = REPRESENTATIONS["regularized"].changed(
        batch=8, images=32, looks=1, switches=[Switch.DETACHED_REGULARIZER]
    )
    train_on(few, tmp_path / "detached", "regularized", detached)
    alone, with_head, joint = (
        load(tmp_path / name / "weights.safetensors", TrainedRepresentation).encoder.state_dict()
        for name in ("unsupervised", "detached", "regularized")
    )
    assert all(torch.equal(tensor, with_head[key]) for key, tensor in alone.items())
    assert not any(torch.equal(tensor, joint[key]) for key, tensor in alone.items())


def test_training_on_tiles_makes_a_model_and_says_how_good_it_is_on_validation_tiles(
    store: TileStore, tmp_path: Path
) -> None:
    model = load(train_on(store, tmp_path), TrainedRepresentation)
    assert (model.objective, model.classes, model.channels) == ("weakly_supervised", ("control", "drug"), ["grey"])
    metrics = set(read_table(tmp_path / "curve.parquet", CURVE)["metric"])
    assert {"loss", "train_accuracy", "feature_spread"} <= metrics
    assert {"accuracy", "precision", "recall", "held_out_spread", "collapsed"} <= metrics


def test_an_autoencoder_shows_held_out_tiles_beside_their_reconstructions(store: TileStore, tmp_path: Path) -> None:
    train_on(store, tmp_path, "unsupervised")
    tiles = {tile.tobytes() for tile in store.sites(store.parts[1]).astype(np.float32).round()}
    with np.load(tmp_path / "samples.npz") as samples:
        assert samples["real"].shape == samples["fake"].shape == (16, 1, SIDE, SIDE)
        shown = [tile.round().tobytes() in tiles for tile in samples["real"]]
    assert np.mean(shown) > 0.5, "but for pixels beyond the scale"


def test_gan_dl_trains_on_the_same_tiles(store: TileStore, tmp_path: Path) -> None:
    settings = TRAINING.changed(network=NETWORK.model_dump(), probe=False, images=32, quality_crops=8)
    model = load(train_on(store, tmp_path, "gan", settings))
    assert model.channels == ["grey"]


@pytest.mark.parametrize("objective", ["regularized", "self_supervised"])
def test_a_training_on_tiles_that_was_killed_ends_with_the_same_bits(
    store: TileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    unbroken = train_on(store, tmp_path / "unbroken", objective)
    step = Objective.step

    def killed(self: Objective) -> None:
        if self.step_number == 13:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Objective, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        train_on(store, tmp_path / "killed", objective)
    monkeypatch.undo()
    assert_same(train_on(store, tmp_path / "killed", objective), unbroken)


def test_other_parts_labels_or_pixels_are_another_training(
    screen: TiledScreen, table: Path, store: TileStore, tmp_path: Path
) -> None:
    whole = read_table(table, TILES)
    first = int(np.flatnonzero(whole["part"] == "train")[0])
    part = whole["part"].mask(whole["tile"] == first, "validation")
    other = open_tiles(changed(table, tmp_path, pd.DataFrame({"part": part})), screen.manifests, SIDE, RESOLUTION)
    assert list(other.index["sha256"]) != list(store.index["sha256"])
    label = whole["label"].mask(whole["tile"] == first, "drug" if whole["label"][first] == "control" else "control")
    relabelled = open_tiles(
        changed(table, tmp_path, pd.DataFrame({"label": label})), screen.manifests, SIDE, RESOLUTION
    )
    assert relabelled.supervision.content != store.supervision.content
    assert len(set(store.index["sha256"])) == len(store)


def test_tiles_smaller_than_the_crop_are_refused(screen: TiledScreen, store: TileStore, tmp_path: Path) -> None:
    settings = REPRESENTATIONS["weakly_supervised"].changed(network={"crop": 32})
    message = r"tiles of 16 px, smaller than a crop of 32 px \(comparison\.recipe\.network\.crop\)"
    with pytest.raises(CropError, match=message):
        train_on(store, tmp_path, settings=settings)


def test_a_class_with_one_tile_is_refused(screen: TiledScreen, table: Path, tmp_path: Path) -> None:
    whole = read_table(table, TILES)
    drug = np.flatnonzero((whole["label"] == "drug") & (whole["part"] == "train"))
    label = whole["label"].mask(whole.index.isin(drug[1:]), None)
    few = open_tiles(changed(table, tmp_path, pd.DataFrame({"label": label})), screen.manifests, SIDE, RESOLUTION)
    with pytest.raises(SupervisionError, match="gives the label drug to a single tile to train on"):
        train_on(few, tmp_path)
    train_on(few, tmp_path, "unsupervised", REPRESENTATIONS["unsupervised"].changed(images=16))


def test_a_single_class_is_refused(screen: TiledScreen, table: Path, tmp_path: Path) -> None:
    whole = read_table(table, TILES)
    only = whole["label"].where(whole["label"] == "drug", None)
    store = open_tiles(changed(table, tmp_path, pd.DataFrame({"label": only})), screen.manifests, SIDE, RESOLUTION)
    with pytest.raises(SupervisionError, match=r"1 label to train on \(only drug\): telling classes apart needs two"):
        train_on(store, tmp_path)


def test_a_table_without_tiles_to_train_on_is_refused(screen: TiledScreen, table: Path, tmp_path: Path) -> None:
    whole = read_table(table, TILES)
    path = changed(table, tmp_path, pd.DataFrame({"part": whole["part"].replace("train", "test")}))
    with pytest.raises(CropError, match="has no tile of the part train: there is nothing to train on"):
        open_tiles(path, screen.manifests, SIDE, RESOLUTION)


def test_switches_of_models_are_settings_of_the_training() -> None:
    settings = REPRESENTATIONS["regularized"].changed(switches=[Switch.LINEAR_HEAD])
    assert settings.has(Switch.LINEAR_HEAD)
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
