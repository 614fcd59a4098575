"""The command line beside Snakemake's: what a run will move and make, and what it found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.__main__ import finish_lines, main, report_path
from gandl.config import Config


@pytest.fixture(autouse=True)
def _in_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def test_a_plate_map_with_mistakes_ends_the_plan_in_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platemap = tmp_path / "platemap.csv"
    platemap.write_text("well,row\nA01,A\n", encoding="utf-8")
    text = Path("config/bbbc013.yaml").read_text(encoding="utf-8")
    config = tmp_path / "mine.yaml"
    config.write_text(text.replace("resources/bbbc013_platemap.csv", str(platemap)), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"platemap\.csv"):
        main(["plan", "--configfile", str(config)])


def test_the_plan_of_a_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--configfile", "config/paper.yaml", "--mirror", "https://example.org/data"])
    reported = capsys.readouterr().out
    assert reported.startswith("Run paper: rxrx19a and rxrx1\n")
    assert "from the mirror https://example.org/data" in reported


def test_a_run_that_is_not_finished_says_so() -> None:
    assert finish_lines(Config(run="never-started"))[0] == "The run is not finished yet."


def test_the_report_lies_in_the_runs_folder(capsys: pytest.CaptureFixture[str]) -> None:
    main(["report-path", "--configfile", "config/ci.yaml"])
    assert capsys.readouterr().out.strip() == "results/ci/report.zip" == str(report_path(Config(run="ci")))
