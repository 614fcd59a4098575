"""Embedding a store: rows, order, metadata, memory, and what is refused."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from embedding_inputs import SCREEN, write_store
from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings import embed
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer
from gandl.embeddings.intensity import IntensityFeaturizer
from gandl.embeddings.metadata import feature_metadata, feature_names, write_features
from gandl.embeddings.reading import read_ahead
from gandl.images.store_reader import ImageStore, StoreError
from gandl.tables import EMBEDDINGS, TableError, read_table

SETTINGS = EmbeddingsSettings(resolutions={SCREEN: 8})
SITES = 11


class Spy:
    """A featurizer that notes what it was given."""

    name = FeaturizerName.INTENSITY
    feature_names = ("first", "second")
    dim = 2

    def __init__(self, channels: tuple[str, ...] = ("gfp", "dna"), full_size: bool = True) -> None:
        self.channels = list(channels)
        self.full_size = full_size
        self.pixel_size_um: float | None = None
        self.seen: list[tuple[int, ...]] = []

    def embed(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(images.shape)
        return images.reshape(len(images), -1)[:, :2].astype(np.float32)


class Halves(Spy):
    """Looks once (notes it) and chooses one of two halves of what it saw."""

    def __init__(self, look: Look, half: int) -> None:
        super().__init__(full_size=False)
        self.look, self.half = look, half

    def embed(self, images: np.ndarray) -> np.ndarray:
        return self.choose(self.look(images))

    def choose(self, seen: np.ndarray) -> np.ndarray:
        return seen[:, 2 * self.half : 2 * self.half + 2]


class Look:
    """The first four pixels of every image."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(images.shape)
        return images.reshape(len(images), -1)[:, :4].astype(np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven sites of 16 px, stored at 8 px, too."""
    images = np.random.default_rng(1).integers(0, 256, (SITES, 2, 16, 16), np.uint8)
    return write_store(tmp_path_factory.mktemp("store"), images, name="P_1")


def embed_one(store: Path, featurizer: Featurizer, output: Path, sites_per_read: int = embed.SITES_PER_READ) -> None:
    embed.embed_store(store, [featurizer], [output], SETTINGS, SCREEN, sites_per_read=sites_per_read)


def test_each_row_is_the_embedding_of_its_site(store: Path, tmp_path: Path) -> None:
    featurizer, output = IntensityFeaturizer(["gfp", "dna"]), tmp_path / "deep" / "P_1.parquet"
    embed_one(store, featurizer, output, sites_per_read=4)
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
        embed_one(store, IntensityFeaturizer(["gfp", "dna"]), output, sites_per_read=sites_per_read)
        written.append(output.read_bytes())
    assert written[0] == written[1] == written[2]


def test_only_a_few_sites_are_in_memory_at_a_time(store: Path, tmp_path: Path) -> None:
    spy = Spy()
    embed_one(store, spy, tmp_path / "P_1.parquet", sites_per_read=4)
    assert spy.seen == [(4, 2, 16, 16), (4, 2, 16, 16), (3, 2, 16, 16)]


def test_networks_get_the_size_that_the_settings_name_and_floors_the_largest(store: Path, tmp_path: Path) -> None:
    network, floor = Spy(full_size=False), Spy()
    outputs = [tmp_path / "network.parquet", tmp_path / "floor.parquet"]
    embed.embed_store(store, [network, floor], outputs, SETTINGS, SCREEN, sites_per_read=SITES)
    assert (network.seen, floor.seen) == ([(SITES, 2, 8, 8)], [(SITES, 2, 16, 16)])


def test_several_tables_come_from_one_pass(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored size is read once for all, a network looks once for all that share it, and tables are as if made alone."""
    read, sites = [], ImageStore.sites

    def noted(self: ImageStore, indices: np.ndarray, resolution: int) -> np.ndarray:
        read.extend((resolution, int(i)) for i in indices)
        return sites(self, indices, resolution)

    monkeypatch.setattr(ImageStore, "sites", noted)
    look, other = Look(), Look()
    several = [Halves(look, 0), IntensityFeaturizer(["gfp", "dna"]), Halves(look, 1), Spy(), Halves(other, 1)]
    outputs = [tmp_path / f"{i}.parquet" for i in range(5)]
    embed.embed_store(store, several, outputs, SETTINGS, SCREEN, sites_per_read=4)
    assert sorted(read) == [(resolution, i) for resolution in (8, 16) for i in range(SITES)]
    assert look.seen == other.seen == [(4, 2, 8, 8), (4, 2, 8, 8), (3, 2, 8, 8)]
    for featurizer, output in zip(several, outputs, strict=True):
        embed_one(store, featurizer, tmp_path / "alone.parquet")
        assert output.read_bytes() == (tmp_path / "alone.parquet").read_bytes()


def test_networks_that_see_other_channels_do_not_share_a_look(store: Path, tmp_path: Path) -> None:
    look = Look()
    one, other = Halves(look, 0), Halves(look, 0)
    other.channels = ["dna", "gfp"]
    outputs = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    embed.embed_store(store, [one, other], outputs, SETTINGS, SCREEN, sites_per_read=SITES)
    assert len(look.seen) == 2
    vectors = [pd.read_parquet(output).iloc[:, 1:].to_numpy() for output in outputs]
    assert not np.array_equal(*vectors)


def test_vectors_are_written_group_by_group(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory does not grow with the sites: the same table, in row groups."""
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    embed_one(store, IntensityFeaturizer(["gfp", "dna"]), whole)
    monkeypatch.setattr(embed, "SITES_PER_GROUP", 4)
    embed_one(store, IntensityFeaturizer(["gfp", "dna"]), parts, sites_per_read=3)
    assert pq.ParquetFile(whole).num_row_groups == 1
    assert [pq.ParquetFile(parts).metadata.row_group(i).num_rows for i in range(3)] == [4, 4, 3]
    pd.testing.assert_frame_equal(read_table(parts, EMBEDDINGS), read_table(whole, EMBEDDINGS))
    assert feature_metadata(parts) == feature_metadata(whole)


def test_the_table_reports_its_features_featurizer_and_settings(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "P_1.parquet"
    embed_one(store, IntensityFeaturizer(["gfp", "dna"]), output)
    assert feature_names(output) == ["mean_gfp", "deviation_gfp", "mean_dna", "deviation_dna"]
    metadata = feature_metadata(output)
    assert (metadata["featurizer"], metadata["dataset"]) == ("intensity", "rxrx19a")
    assert EmbeddingsSettings.model_validate_json(metadata["settings"]) == SETTINGS


def test_metadata_pass_to_another_table_with_its_own_columns(store: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    embed_one(store, IntensityFeaturizer(["gfp", "dna"]), first)
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
    with pytest.raises(TableError, match=r"plain\.parquet.*does not name its features"):
        feature_names(path)


@pytest.mark.parametrize("channels", [("gfp", "hoechst"), ("gfp",), ("gfp", "dna", "wga")])
def test_other_channels_are_refused_before_anything_is_written(
    store: Path, tmp_path: Path, channels: tuple[str, ...]
) -> None:
    outputs = [tmp_path / "fits.parquet", tmp_path / "other.parquet"]
    with pytest.raises(EmbeddingError, match=rf"holds the channels gfp, dna, .* made for {', '.join(channels)};"):
        embed.embed_store(store, [Spy(), Spy(channels)], outputs, SETTINGS, SCREEN)
    assert list(tmp_path.iterdir()) == []


def test_an_embedding_that_fails_leaves_the_old_table(store: Path, tmp_path: Path) -> None:
    class Failing(Spy):
        def embed(self, images: np.ndarray) -> np.ndarray:
            if len(self.seen) == 1:
                raise RuntimeError("killed")
            return super().embed(images)

    output = tmp_path / "P_1.parquet"
    embed_one(store, Spy(), output)
    before = output.read_bytes()
    with pytest.raises(RuntimeError, match="killed"):
        embed_one(store, Failing(), output, sites_per_read=4)
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["P_1.parquet"]


def test_vectors_of_a_wrong_shape_or_not_finite_are_refused(store: Path, tmp_path: Path) -> None:
    class Long(Spy):
        dim = 3

    class Undefined(Spy):
        def embed(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 2), np.nan, np.float32)

    with pytest.raises(EmbeddingError, match=r"shape \(8, 2\) from 8 sites, not \(8, 3\)"):
        embed_one(store, Long(), tmp_path / "P_1.parquet")
    with pytest.raises(EmbeddingError, match="intensity gave site P_1_0 a first of nan, which is not a finite number"):
        embed_one(store, Undefined(), tmp_path / "P_1.parquet")
    assert not (tmp_path / "P_1.parquet").exists()


def test_sites_are_read_ahead_in_order_by_one_thread_and_no_further_than_said() -> None:
    read: list[tuple[int, str]] = []

    def note(item: int) -> int:
        read.append((item, threading.current_thread().name))
        return item * item

    with closing(read_ahead(note, range(8), ahead=2)) as results:
        for i, result in enumerate(results):
            assert result == i * i
            assert len(read) <= i + 3
    assert [item for item, _ in read] == list(range(8))
    assert len({name for _, name in read}) == 1
    assert threading.current_thread().name not in {name for _, name in read}


@pytest.mark.parametrize("stop", ["error", "caller"])
def test_reading_ahead_leaves_no_thread(stop: str) -> None:
    """Whether reading fails, which the caller learns in its turn, or the caller stops."""

    def read(item: int) -> int:
        if stop == "error" and item == 3:
            raise OSError("disk gone")
        return item

    before = threading.active_count()
    with closing(read_ahead(read, range(100))) as results:
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        if stop == "error":
            with pytest.raises(OSError, match="disk gone"):
                next(results)
    assert threading.active_count() == before


@pytest.mark.parametrize("readers", [1, 3])
def test_any_number_of_readers_gives_the_same_table_and_ends(store: Path, tmp_path: Path, readers: int) -> None:
    before = threading.active_count()
    alone, shared = tmp_path / "alone.parquet", tmp_path / "shared.parquet"
    embed_one(store, IntensityFeaturizer(["gfp", "dna"]), alone)
    embed.embed_store(store, [IntensityFeaturizer(["gfp", "dna"])], [shared], SETTINGS, SCREEN, readers=readers)
    assert shared.read_bytes() == alone.read_bytes()
    assert threading.active_count() == before


def test_a_damaged_store_ends_the_embedding_with_its_own_sentence(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (6, 2, 16, 16), np.uint8)
    store = write_store(tmp_path, images)
    shard = next(file for file in sorted((store / "16").rglob("*")) if file.is_file() and file.name != "zarr.json")
    data = shard.read_bytes()
    shard.write_bytes(data[:100] + bytes(8) + data[108:])
    before = threading.active_count()
    with pytest.raises(StoreError, match="is damaged"):
        embed_one(store, Spy(), tmp_path / "P_1.parquet", sites_per_read=2)
    assert threading.active_count() == before
    assert not (tmp_path / "P_1.parquet").exists()


def test_rows_are_grouped_without_a_change() -> None:
    pieces = [[np.arange(start, stop)[:, None]] for start, stop in ((0, 3), (3, 4), (4, 13), (13, 14))]
    groups = [tables[0][:, 0].tolist() for tables in embed.regrouped(pieces, 4)]
    assert groups == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13]]
