"""Published embeddings: each store gets its sites' vectors in the order of the sites table, whatever the order of the files."""

from __future__ import annotations

import hashlib
import re
import resource
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import Dataset, RxRx1Settings, RxRx19aSettings
from gandl.embeddings.metadata import feature_metadata, feature_names
from gandl.source.screens import released
from gandl.source.screens.released import ReleasedError, write_released
from gandl.source.screens.rxrx19a import write_sites
from gandl.tables import EMBEDDINGS, SITES, read_table
from rxrx_inputs import real_wells, write_metadata_zip

DIM = 5


@pytest.fixture
def sites(shared_data: Path, repository: Path, tmp_path: Path) -> Path:
    """The real wells of HRCE-1 plate 25, and the same on plate 26: two stores of 168 sites."""
    frame = real_wells(shared_data)
    other = frame.replace({"25": "26"})
    for column in ("site_id", "well_id"):
        other[column] = other[column].str.replace("_25_", "_26_")
    archive = write_metadata_zip(tmp_path / "metadata.zip", pd.concat([frame, other]))
    settings = RxRx19aSettings(complete=False)
    write_sites(archive, settings, tmp_path / "sites.parquet", repository / "resources/compound_variants.csv")
    return tmp_path / "sites.parquet"


@pytest.fixture
def vectors(sites: Path) -> pd.DataFrame:
    """A vector of each site, in another order than the sites'."""
    site_ids = read_table(sites, SITES)["site_id"]
    values = np.random.default_rng(0).normal(size=(len(site_ids), DIM)).astype(np.float32)
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(DIM)])
    frame.insert(0, "site_id", site_ids)
    return frame.sample(frac=1, random_state=1, ignore_index=True)


@pytest.fixture
def write(sites: Path, tmp_path: Path) -> Callable[..., dict[str, Path]]:
    """Write the embeddings of both stores from CSV files of these names."""

    def run(
        *, complete: bool = True, sha256: str | None = None, width: int = DIM, **files: pd.DataFrame | str
    ) -> dict[str, Path]:
        outputs = {store: tmp_path / "out" / f"{store}.parquet" for store in ("HRCE-1_25", "HRCE-1_26")}
        archive = embeddings_zip(tmp_path / "embeddings.zip", **files)
        write_released(archive, sites, outputs, dataset=Dataset.RXRX19A, width=width, complete=complete, sha256=sha256)
        return outputs

    return run


def embeddings_zip(path: Path, **files: pd.DataFrame | str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, table in files.items():
            archive.writestr(f"RxRx19a/{name}.csv", table if isinstance(table, str) else table.to_csv(index=False))
    return path


def test_each_store_gets_its_sites_in_the_order_of_the_sites_table(
    sites: Path, vectors: pd.DataFrame, write: Callable[..., dict[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(released, "PIECE_BYTES", 1_000)  # a dozen rows at a time
    outputs = write(embeddings=vectors)
    table, by_site = read_table(sites, SITES), vectors.set_index("site_id")
    for store, path in outputs.items():
        written = read_table(path, EMBEDDINGS)
        assert written["site_id"].tolist() == table.loc[table["store_id"] == store, "site_id"].tolist()
        expected = by_site.loc[written["site_id"]].to_numpy()
        np.testing.assert_array_equal(written.drop(columns="site_id").to_numpy(), expected)
        assert (written.dtypes.drop("site_id") == np.float32).all()


def test_the_table_says_what_its_features_are(vectors: pd.DataFrame, write: Callable[..., dict[str, Path]]) -> None:
    path = write(embeddings=vectors)["HRCE-1_25"]
    assert feature_names(path) == [f"released_{i}" for i in range(DIM)]
    assert feature_metadata(path)["featurizer"] == "released"
    assert "embeddings.zip" in feature_metadata(path)["settings"]


def test_one_file_and_several_give_the_same(vectors: pd.DataFrame, write: Callable[..., dict[str, Path]]) -> None:
    one = [pd.read_parquet(path) for path in write(embeddings=vectors).values()]
    shuffled = vectors[["feature_3", "site_id", "feature_0", "feature_1", "feature_2", "feature_4"]]
    several = write(first=vectors[:100], second=vectors[100:250], third=vectors[250:])
    for before, path in zip(one, several.values(), strict=True):
        pd.testing.assert_frame_equal(before, pd.read_parquet(path))
    for before, path in zip(one, write(embeddings="\ufeff" + shuffled.to_csv(index=False)).values(), strict=True):
        pd.testing.assert_frame_equal(before, pd.read_parquet(path))


def test_vectors_without_a_site_are_passed_over_unless_the_screen_is_complete(
    vectors: pd.DataFrame, write: Callable[..., dict[str, Path]]
) -> None:
    more = pd.concat([vectors, vectors[:3].assign(site_id=["HRCE-2_1_B02_1", "HRCE-2_1_B02_2", "HRCE-2_1_B02_3"])])
    assert all(path.is_file() for path in write(embeddings=more, complete=False).values())
    with pytest.raises(ReleasedError, match="has an embedding of 'HRCE-2_1_B02_1', which is not a site of the screen"):
        write(embeddings=more)


def test_sites_without_a_vector_are_named(vectors: pd.DataFrame, write: Callable[..., dict[str, Path]]) -> None:
    lost = vectors[~vectors["site_id"].isin(["HRCE-1_26_E08_1", "HRCE-1_25_B15_4"])]
    with pytest.raises(ReleasedError, match=r"has no embedding of 2 sites: HRCE-1_25_B15_4, HRCE-1_26_E08_1$"):
        write(embeddings=lost, complete=False)


@pytest.mark.parametrize("apart", [False, True])
def test_a_site_with_two_vectors_is_refused(
    vectors: pd.DataFrame, write: Callable[..., dict[str, Path]], apart: bool
) -> None:
    site = vectors["site_id"].iloc[0]
    files = {"a": vectors, "b": vectors[:1]} if apart else {"a": pd.concat([vectors, vectors[:1]])}
    with pytest.raises(ReleasedError, match=rf"[ab]\.csv has a second embedding of '{site}'"):
        write(**files)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("abc", r"is not a valid table of numbers: row 21: feature_2 of 'HRCE-1_2[56]_\w+_\d' is 'abc', not a number$"),
        ("", r"is not a valid table of numbers: row 21: feature_2 of 'HRCE-1_2[56]_\w+_\d' is empty$"),
        ("nan", r"feature_2 of 'HRCE-1_2[56]_\w+_\d' is nan, not a finite number"),
        ("inf", r"feature_2 of 'HRCE-1_2[56]_\w+_\d' is inf, not a finite number"),
        ("1,2", r"is not a valid table of numbers: row 21: 'HRCE-1_2[56]_\w+_\d' has 7 fields, the header has 6$"),
    ],
)
def test_what_is_no_number_is_refused(
    vectors: pd.DataFrame, write: Callable[..., dict[str, Path]], value: str, message: str
) -> None:
    lines = vectors.to_csv(index=False).splitlines()
    fields = lines[20].split(",")
    lines[20] = ",".join([*fields[:3], value, *fields[4:]])
    with pytest.raises(ReleasedError, match=message) as error:
        write(embeddings="\n".join(lines))
    assert "embeddings.zip: RxRx19a/embeddings.csv" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"embeddings\.zip holds no CSV file of embeddings; it holds nothing"),
        ({"a": "site_id,feature_0\n", "b": "site_id,feature_0,feature_1\n"}, r"a\.csv has 1 feature, .*b\.csv has 2 features"),
        ({"a": "site,feature_0\n"}, r"a\.csv must have the columns site_id, feature_0, .*; it has site, feature_0"),
        ({"a": "site_id,feature_1,feature_2\n"}, r"a\.csv must have the columns site_id, feature_0"),
        ({"a": ""}, r"a\.csv must have the columns .*; it has no header"),
    ],
)  # fmt: skip
def test_files_of_another_form_are_refused(
    write: Callable[..., dict[str, Path]], files: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleasedError, match=message):
        write(**files)
    assert not (tmp_path / "out").exists()


def test_another_width_than_the_release_has_is_refused_with_both_numbers(
    vectors: pd.DataFrame, write: Callable[..., dict[str, Path]], tmp_path: Path
) -> None:
    with pytest.raises(ReleasedError) as error:
        write(embeddings=vectors, width=RxRx19aSettings().released_width)
    assert str(error.value).startswith(f"{tmp_path}/embeddings.zip: RxRx19a/embeddings.csv has 5 features, but ")
    assert "have 1,024 (source.rxrx19a.released_width" in str(error.value)
    assert RxRx1Settings().released_width == 128
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_another_separator_is_named_in_a_short_sentence(
    write: Callable[..., dict[str, Path]], separator: str, name: str
) -> None:
    header = separator.join(["site_id", *(f"feature_{i}" for i in range(1024))])
    row = separator.join(["HRCE-1_25_AA02_1", *["0,12"] * 1024])
    with pytest.raises(ReleasedError) as error:
        write(embeddings=f"{header}\n{row}\n")
    sentence = str(error.value).partition(": ")[2]
    assert f"separated by {name}; they must be separated by commas" in sentence
    assert len(sentence) < 300 - len("results/downloads/storage.googleapis.com/rxrx/RxRx19a/RxRx19a-embeddings.zip")
    assert "\n" not in str(error.value)


def test_no_message_quotes_a_whole_line(write: Callable[..., dict[str, Path]]) -> None:
    with pytest.raises(ReleasedError) as error:
        write(embeddings=":".join(f"feature_{i}" for i in range(1024)) + "\n")
    assert len(str(error.value).partition(": ")[2]) < 200


def test_the_checksum_of_the_table_inside_is_held_against_the_published_one(
    vectors: pd.DataFrame, write: Callable[..., dict[str, Path]]
) -> None:
    right = hashlib.sha256(vectors.to_csv(index=False).encode()).hexdigest()
    assert write(embeddings=vectors, sha256=right)
    with pytest.raises(ReleasedError, match=f"is {right}, the published one is {'0' * 64}"):
        write(embeddings=vectors, sha256="0" * 64)
    with pytest.raises(ReleasedError, match="holds 2 CSV files; the published checksum is of one"):
        write(a=vectors[:9], b=vectors[9:], sha256=right)


def test_damaged_archives_and_unknown_stores_are_refused(vectors: pd.DataFrame, sites: Path, tmp_path: Path) -> None:
    archive = embeddings_zip(tmp_path / "e.zip", embeddings=vectors)
    outputs, screen = {"HRCE-1_25": tmp_path / "out.parquet"}, Dataset.RXRX19A
    with pytest.raises(ReleasedError, match="has no site of HRCE-9_1"):
        write_released(archive, sites, {**outputs, "HRCE-9_1": tmp_path / "other.parquet"}, dataset=screen, width=DIM)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] = ord("7") if data[len(data) // 2] != ord("7") else ord("8")
    archive.write_bytes(data)
    with pytest.raises(ReleasedError, match=r"e\.zip: .*(damaged|no proper table)"):
        write_released(archive, sites, outputs, dataset=screen, width=DIM)
    archive.write_bytes(data[:-40])
    with pytest.raises(ReleasedError, match=r"e\.zip is truncated or damaged.*; delete .*e\.zip and run again"):
        write_released(archive, sites, outputs, dataset=screen, width=DIM)
    assert not (tmp_path / "out.parquet").exists()


def test_vectors_wait_in_tmpdir_and_leave_nothing_there(
    sites: Path, vectors: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    archive = embeddings_zip(tmp_path / "embeddings.zip", embeddings=vectors)
    outputs = {"HRCE-1_25": tmp_path / "out/HRCE-1_25.parquet"}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as a full disk
    try:
        said = f"do not fit into a temporary file in {re.escape(str(scratch))} \\(File too large\\); TMPDIR"
        with pytest.raises(ReleasedError, match=said):
            write_released(archive, sites, outputs, dataset=Dataset.RXRX19A, width=DIM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    write_released(archive, sites, outputs, dataset=Dataset.RXRX19A, width=DIM)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["HRCE-1_25.parquet"]
    assert list(scratch.iterdir()) == []
