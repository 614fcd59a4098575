"""What is measured on a lent GPU: no part that fails or is late stops the others, and what was made is there however it ended."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from on_gpu import DONE, FAILED, LATE, Part, parts_of, run_parts

MAKE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('made'); print('told')"


def test_a_part_that_fails_or_is_late_stops_no_other_and_leaves_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    parts = [
        Part("fails", ["-c", f"{MAKE}; sys.exit(3)", str(work / "a.txt")], 60, ("a.txt",)),
        Part("late", ["-c", f"{MAKE}; import time; time.sleep(600)", str(work / "b.txt")], 3, ("b.txt",)),
        Part("sound", ["-c", MAKE, str(work / "c.txt")], 60, ("c.txt",)),
    ]
    ended = run_parts(parts, work, out)
    assert [(name, state) for name, state, _ in ended] == [("fails", FAILED), ("late", LATE), ("sound", DONE)]
    assert ended[1][2] < 60
    assert {path.name for path in out.glob("*.txt")} == {"a.txt", "b.txt", "c.txt"}
    assert (out / "sound.log").read_text() == "told\n"
    rows = list(csv.DictReader((out / "parts.csv").open()))
    assert [row["ended"] for row in rows] == [FAILED, LATE, DONE]
    assert capsys.readouterr().out.count("\n") == 3


def test_tables_of_benchmarks_go_where_results_are_copied_from(tmp_path: Path) -> None:
    part = Part("reads", ["-c", "import os; print(os.environ['BENCHMARK_RESULTS'])"], 60)
    run_parts([part], tmp_path / "work", tmp_path / "out")
    assert (tmp_path / "out/reads.log").read_text().strip() == str(tmp_path / "work/results")


def test_the_most_valuable_part_comes_first_and_all_limits_fit_a_lease(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, rehearse=False, config=Path("config/config.yaml"))
    assert [part.name for part in parts][:3] == ["data", "recipe", "speed"], "a recipe needs its data"
    assert sum(part.seconds for part in parts[:3]) <= 10 * 60
    assert all((Path(part.command[0]).exists() or part.command[0] == "-m") for part in parts)


def test_a_rehearsal_makes_the_data_trains_the_recipe_and_measures_the_speed(tmp_path: Path, toy_pair: Path) -> None:
    repository = Path(__file__).parents[2]
    done = subprocess.run(
        [
            *("benchmarks/on_gpu.sh", "rehearse", str(tmp_path / "out"), "--work", str(tmp_path / "work")),
            *("--config", str(toy_pair), "--only", "data", "--only", "recipe", "--only", "speed"),
        ],
        cwd=repository,
        env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    logs = "\n".join(path.read_text() for path in (tmp_path / "out").glob("*.log"))
    assert done.returncode == 0, done.stderr + logs
    ended = {row["part"]: row["ended"] for row in csv.DictReader((tmp_path / "out/parts.csv").open())}
    assert ended == {"data": DONE, "recipe": DONE, "speed": DONE}, logs
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"training.csv", "weights.safetensors", "curve.parquet", "samples.png", "wells_96.parquet"} <= names


def test_without_a_word_the_script_says_what_it_can_do() -> None:
    done = subprocess.run(
        [str(Path(__file__).parents[2] / "benchmarks/on_gpu.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "rehearse OUT" in done.stdout
