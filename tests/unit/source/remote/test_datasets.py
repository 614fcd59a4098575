"""The table of downloads: complete, honest about what is unknown, light to import, and strict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from gandl.source.remote.datasets import COLUMNS, DatasetsError, path_of_url, read_datasets

URL = "https://host.org/a/b.zip"


def table(tmp_path: Path, *rows: str, header: str = ",".join(COLUMNS)) -> Path:
    path = tmp_path / "datasets.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_bbbc013_is_listed_with_licence_and_without_a_checksum_nobody_published(repository: Path) -> None:
    [plate] = [row for row in read_datasets(repository / "resources/datasets.csv") if row.dataset == "bbbc013"]
    assert plate.path == PurePosixPath("data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip")
    assert plate.bytes is None
    assert plate.sha256 is None
    assert plate.licence == "CC BY 3.0"
    assert plate.citation


def test_sizes_and_checksums_are_read_where_known(tmp_path: Path) -> None:
    [row] = read_datasets(table(tmp_path, f'd,images,{URL},12,{"A" * 64},CC0,"Somebody, 2020"'))
    assert (row.bytes, row.sha256, row.citation) == (12, "a" * 64, "Somebody, 2020")


def test_the_first_digits_of_a_checksum_will_do_where_no_more_are_published(repository: Path, tmp_path: Path) -> None:
    [row] = read_datasets(table(tmp_path, f"d,images,{URL},,{'AB' * 4},CC0,"))
    assert row.sha256 == "ab" * 4
    weights = {
        row.file: row for row in read_datasets(repository / "resources/datasets.csv") if row.dataset == "imagenet"
    }
    assert set(weights) == {"densenet121", "resnet50"}
    for file, row in weights.items():
        assert row.path.name == f"{file}-{row.sha256}.pth"


def test_every_mistake_is_reported_with_its_row(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        f"d,images,{URL},,,CC0,",
        f"d,images,{URL},,,CC0,",
        f"d,size,{URL},many,,CC0,",
        f"d,sum,{URL},,abc,CC0,",
        "d,address,ftp://host.org/x,,,CC0,",
        f"d,licence,{URL},,,,",
    )
    with pytest.raises(DatasetsError) as error:
        read_datasets(path)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{path} has mistakes:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [f"row {n}" for n in (3, 4, 5, 6, 7)]
    for line, words in zip(lines[1:], ("listed twice", "bytes", "sha256", "ftp", "licence is empty"), strict=True):
        assert words in line


def test_missing_column_and_missing_file_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DatasetsError, match=r"lacks the columns sha256, citation"):
        read_datasets(table(tmp_path, header="dataset,file,url,bytes,licence"))
    with pytest.raises(DatasetsError, match="cannot be read"):
        read_datasets(tmp_path / "nothing.csv")


@pytest.mark.parametrize("url", ["plate.zip", "https:///x", "https://host.org/", "https://host.org/a/%2e%2e/x"])
def test_address_that_names_no_file_of_a_host_is_refused(url: str) -> None:
    with pytest.raises(DatasetsError):
        path_of_url(url)


def test_reading_the_table_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "requests", "torch", "zarr")
    code = f"import sys, gandl.source.remote.datasets; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
