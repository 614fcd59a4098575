"""A script's mistakes: one sentence for what gandl noticed, a traceback for a defect; the log keeps both."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.tables import TableError
from gandl.workflow.jobs import job


def test_a_mistake_that_gandl_noticed_ends_in_one_sentence(tmp_path: Path) -> None:
    log = tmp_path / "logs/rule.log"
    with pytest.raises(SystemExit) as caught, job(log):
        raise TableError("sites.parquet: row 3 repeats a site")
    assert str(caught.value) == "TableError: sites.parquet: row 3 repeats a site"
    assert log.read_text(encoding="utf-8") == "sites.parquet: row 3 repeats a site\n"


def test_ctrl_c_ends_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="the same command resumes"), job(tmp_path / "rule.log"):
        raise KeyboardInterrupt


def test_a_full_disk_ends_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="No space left on device"), job(tmp_path / "rule.log"):
        raise OSError(28, "No space left on device")


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(KeyError), job(tmp_path / "rule.log"):
        raise KeyError("unforeseen")
    assert "Traceback" in (tmp_path / "rule.log").read_text(encoding="utf-8")


def test_messages_reach_the_log(tmp_path: Path) -> None:
    with job(tmp_path / "rule.log") as logger:
        logger.info("packed 64 of 96 sites")
    assert "packed 64 of 96 sites" in (tmp_path / "rule.log").read_text(encoding="utf-8")
