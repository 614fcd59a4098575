"""The command line beside Snakemake's: what a run will move and make, and what it found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.__main__ import finish_lines, main, plan_lines, report_path, store_bytes
from gandl.config import Config


@pytest.fixture(autouse=True)
def _in_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def test_the_plan_tells_what_is_downloaded_and_from_where(tmp_path: Path) -> None:
    told = "\n".join(plan_lines(Config(), "https://example.org/data", downloads=tmp_path))
    assert "BBBC013_v1_images_bmp.zip (size not published) from the mirror https://example.org/data" in told


def test_the_plan_tells_that_a_mirror_folder_lacks_the_file(tmp_path: Path) -> None:
    told = "\n".join(plan_lines(Config(), str(tmp_path), downloads=tmp_path / "downloads"))
    assert "BBBC013_v1_images_bmp.zip is not there" in told


def test_a_plate_map_with_mistakes_ends_the_plan_in_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platemap = tmp_path / "platemap.csv"
    platemap.write_text("well,row\nA01,A\n", encoding="utf-8")
    text = Path("config/config.yaml").read_text(encoding="utf-8")
    config = tmp_path / "mine.yaml"
    config.write_text(text.replace("resources/bbbc013_platemap.csv", str(platemap)), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"platemap\.csv"):
        main(["plan", "--configfile", str(config)])


def test_the_plan_tells_what_is_there_already(tmp_path: Path) -> None:
    archive = tmp_path / "data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(bytes(3 * 2**20))
    assert any("none:" in line and "(3 MiB)" in line for line in plan_lines(Config(), None, downloads=tmp_path))


def test_the_plan_counts_the_bytes_of_every_stored_resolution() -> None:
    assert store_bytes(Config()) == 96 * 2 * (640**2 + 320**2)


def test_a_run_that_is_not_finished_says_so() -> None:
    assert finish_lines(Config(run="never-started"))[0] == "The run is not finished yet."


def test_the_report_lies_in_the_runs_folder(capsys: pytest.CaptureFixture[str]) -> None:
    main(["report-path", "--configfile", "config/ci.yaml"])
    assert capsys.readouterr().out.strip() == "results/ci/report.zip" == str(report_path(Config(run="ci")))
