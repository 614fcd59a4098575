"""Embedding a store: rows, order, metadata, memory, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.intensity import IntensityFeaturizer
from gandl.embeddings.metadata import feature_metadata, feature_names, write_features
from gandl.images.pack import StorePlan, pack_store
from gandl.images.store import ImageStore
from gandl.tables import EMBEDDINGS, TableError, read_table

SETTINGS = EmbeddingsSettings()
SITES = 11


class Spy:
    """A featurizer that notes what it was given; its settings can be made to disagree with the store's."""

    name = FeaturizerName.INTENSITY
    feature_names = ("first", "second")
    dim = 2

    def __init__(self, channels: tuple[str, ...] = ("gfp", "dna"), resolution: int | None = None) -> None:
        self.channels = list(channels)
        self.resolution = resolution
        self.pixel_size_um: float | None = None
        self.seen: list[tuple[int, ...]] = []

    def embed(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(images.shape)
        return images.reshape(len(images), -1)[:, :2].astype(np.float32)


def make_store(folder: Path, pixel_size_um: float | None = None) -> Path:
    images = np.random.default_rng(1).integers(0, 256, (SITES, 2, 16, 16), np.uint8)
    plan = StorePlan(
        store_id="P_1",
        site_ids=tuple(f"site_{i}" for i in range(SITES)),
        well_ids=tuple(f"well_{i}" for i in range(SITES)),
        channels=("gfp", "dna"),
        dtype="uint8",
        resolutions=(16, 8),
        pixel_size_um=pixel_size_um,
        shard_sites=4,
        shard_mebibytes=1,
        compression_level=1,
        sources={},
    )
    store = folder / "P_1.zarr"
    pack_store(plan, lambda i: images[i], store, folder / "P_1.parquet", folder / "P_1.manifest.json")
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store"))


def test_each_row_is_the_embedding_of_its_site(store: Path, tmp_path: Path) -> None:
    featurizer, output = IntensityFeaturizer(["gfp", "dna"]), tmp_path / "deep" / "P_1.parquet"
    embed_store(store, featurizer, output, SETTINGS, sites_per_read=4)
    table = read_table(output, EMBEDDINGS)
    images = ImageStore(store)
    assert list(table.columns) == ["site_id", "feature_0", "feature_1", "feature_2", "feature_3"]
    assert table["site_id"].tolist() == images.site_ids
    assert set(table.dtypes.iloc[1:]) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), featurizer.embed(images.sites(slice(None))))


def test_sites_per_read_changes_nothing(store: Path, tmp_path: Path) -> None:
    written = []
    for sites_per_read in (1, 4, 100):
        output = tmp_path / f"{sites_per_read}.parquet"
        embed_store(store, IntensityFeaturizer(["gfp", "dna"]), output, SETTINGS, sites_per_read=sites_per_read)
        written.append(output.read_bytes())
    assert written[0] == written[1] == written[2]


def test_only_a_few_sites_are_in_memory_at_a_time(store: Path, tmp_path: Path) -> None:
    spy = Spy()
    embed_store(store, spy, tmp_path / "P_1.parquet", SETTINGS, sites_per_read=4)
    assert spy.seen == [(4, 2, 16, 16), (4, 2, 16, 16), (3, 2, 16, 16)]


def test_a_featurizer_gets_the_resolution_it_was_made_for(store: Path, tmp_path: Path) -> None:
    spy = Spy(resolution=8)
    embed_store(store, spy, tmp_path / "P_1.parquet", SETTINGS, sites_per_read=SITES)
    assert spy.seen == [(SITES, 2, 8, 8)]


def test_the_table_tells_its_features_featurizer_and_settings(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "P_1.parquet"
    embed_store(store, IntensityFeaturizer(["gfp", "dna"]), output, SETTINGS)
    assert feature_names(output) == ["mean_gfp", "deviation_gfp", "mean_dna", "deviation_dna"]
    metadata = feature_metadata(output)
    assert metadata["featurizer"] == "intensity"
    assert EmbeddingsSettings.model_validate_json(metadata["settings"]) == SETTINGS


def test_metadata_pass_to_another_table_with_its_own_columns(store: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    embed_store(store, IntensityFeaturizer(["gfp", "dna"]), first, SETTINGS)
    frame = read_table(first, EMBEDDINGS).assign(
        well=pd.Series(["A01"] * SITES), dose=pd.Series([1] * SITES, dtype="Int64")
    )
    write_features(frame, second, EMBEDDINGS, feature_metadata(first))
    assert feature_metadata(second) == feature_metadata(first)
    pd.testing.assert_frame_equal(pd.read_parquet(second), frame)


def test_names_that_do_not_count_the_features_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"site_id": ["a"], "feature_0": np.float32([1])})
    with pytest.raises(TableError, match="1 features and 2 names"):
        write_features(frame, tmp_path / "x.parquet", EMBEDDINGS, {"feature_names": json.dumps(["one", "two"])})
    assert not (tmp_path / "x.parquet").exists()


def test_a_table_without_names_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    pd.DataFrame({"site_id": ["a"], "feature_0": np.float32([1])}).to_parquet(path)
    with pytest.raises(TableError, match=r"plain\.parquet.*does not say what its features are"):
        feature_names(path)


@pytest.mark.parametrize("channels", [("gfp", "hoechst"), ("dna", "gfp"), ("gfp", "dna", "wga")])
def test_other_channels_are_refused_naming_both_lists(store: Path, tmp_path: Path, channels: tuple[str, ...]) -> None:
    with pytest.raises(EmbeddingError, match=rf"holds the channels gfp, dna, .* made for {', '.join(channels)}"):
        embed_store(store, Spy(channels), tmp_path / "P_1.parquet", SETTINGS)


def test_a_resolution_that_is_not_stored_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"images of 16, 8 px, .* made for 4 px: add 4 to images\.resolutions"):
        embed_store(store, Spy(resolution=4), tmp_path / "P_1.parquet", SETTINGS)


def test_pixel_sizes_are_compared_at_the_resolution_that_is_read(tmp_path: Path) -> None:
    store, spy = make_store(tmp_path, pixel_size_um=0.5), Spy(resolution=8)
    spy.pixel_size_um = 1.0  # 0.5 um at 16 px is 1 um at 8 px
    embed_store(store, spy, tmp_path / "table.parquet", SETTINGS)
    spy.resolution = 16
    with pytest.raises(EmbeddingError, match=r"at 16 px is 0\.5 um wide, .* made for 1 um"):
        embed_store(store, spy, tmp_path / "table.parquet", SETTINGS)


def test_an_unknown_pixel_size_is_no_obstacle(store: Path, tmp_path: Path) -> None:
    spy = Spy()
    spy.pixel_size_um = 0.65
    embed_store(store, spy, tmp_path / "P_1.parquet", SETTINGS)
    assert len(read_table(tmp_path / "P_1.parquet", EMBEDDINGS)) == SITES


def test_an_embedding_that_fails_leaves_the_old_table(store: Path, tmp_path: Path) -> None:
    class Failing(Spy):
        def embed(self, images: np.ndarray) -> np.ndarray:
            if len(self.seen) == 1:
                raise RuntimeError("killed")
            return super().embed(images)

    output = tmp_path / "P_1.parquet"
    embed_store(store, Spy(), output, SETTINGS)
    before = output.read_bytes()
    with pytest.raises(RuntimeError, match="killed"):
        embed_store(store, Failing(), output, SETTINGS, sites_per_read=4)
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["P_1.parquet"]


def test_vectors_of_a_wrong_shape_or_not_finite_are_refused(store: Path, tmp_path: Path) -> None:
    class Long(Spy):
        dim = 3

    class Undefined(Spy):
        def embed(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 2), np.nan, np.float32)

    with pytest.raises(EmbeddingError, match=r"shape \(8, 2\) from 8 site\(s\), not \(8, 3\)"):
        embed_store(store, Long(), tmp_path / "P_1.parquet", SETTINGS)
    with pytest.raises(TableError, match="feature_0 in row 1 is not a finite number"):
        embed_store(store, Undefined(), tmp_path / "P_1.parquet", SETTINGS)
    assert not (tmp_path / "P_1.parquet").exists()
