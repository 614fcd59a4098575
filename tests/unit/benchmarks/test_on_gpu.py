"""What is measured on a lent GPU: no part that fails or is late stops the others, and what was made is there however it ended."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tarfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.gpu import recipe as on_gpu_recipe
from benchmarks.gpu.parts import ARCHIVE, DONE, FAILED, LATE, NOT_BEGUN, SECONDS, Part, collect, parts_of, run_parts

REPOSITORY = Path(__file__).parents[3]
MAKE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('made'); print('told')"
SLEEP = "import time; time.sleep(600)"
FILES_BACK, MEBIBYTES_BACK = 8, 16
"""What a lent machine may give back."""


def script(*words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run `on_gpu.sh` with this Python, from elsewhere."""
    return subprocess.run(
        [str(REPOSITORY / "benchmarks/on_gpu.sh"), *words],
        env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def archived(out: Path) -> dict[str, str]:
    """Texts in the archive, by name."""
    with tarfile.open(out / ARCHIVE) as archive:
        files = {name: archive.extractfile(name) for name in archive.getnames()}
        return {name: file.read().decode("utf-8", "replace") for name, file in files.items() if file is not None}


def test_a_part_that_fails_or_is_late_stops_no_other_and_leaves_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    parts = [
        Part("fails", ["-c", f"{MAKE}; sys.exit(3)", str(work / "a.txt")], 60, ("a.txt",)),
        Part("late", ["-c", f"{MAKE}; {SLEEP}", str(work / "b.txt")], 3, ("b.txt",)),
        Part("sound", ["-c", MAKE, str(work / "c.txt")], 60, ("c.txt",)),
    ]
    ended = run_parts(parts, work, out)
    assert [(part.name, part.state) for part in ended] == [("fails", FAILED), ("late", LATE), ("sound", DONE)]
    assert ended[1].seconds < 60
    assert {path.name for path in out.glob("*.txt")} == {"a.txt", "b.txt", "c.txt"}
    assert archived(out)["logs/sound.log"].endswith("told\n")
    rows = list(csv.DictReader((out / "parts.csv").open()))
    assert [row["ended"] for row in rows] == [FAILED, LATE, DONE]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-3:]] == ["fails", "late", "sound"]


def test_what_a_part_makes_is_copied_before_it_ends(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    seen = tmp_path / "seen.txt"
    watch = (
        "import sys, pathlib, time\n"
        "made, copied, seen = map(pathlib.Path, sys.argv[1:])\n"
        "made.write_text('made')\n"
        "while not copied.exists(): time.sleep(0.1)\n"
        "seen.write_text(copied.read_text())"
    )
    command = ["-c", watch, str(work / "a.txt"), str(out / "a.txt"), str(seen)]
    assert [part.state for part in run_parts([Part("slow", command, 120, ("a.txt",))], work, out)] == [DONE]
    assert seen.read_text() == "made"


def test_a_file_that_is_too_large_stays_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    write = f"import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(bytes({MEBIBYTES_BACK} * 2**20 + 1))"
    run_parts([Part("large", ["-c", write, str(work / "a.bin")], 60, ("a.bin",))], work, out)
    assert {path.name for path in out.iterdir()} == {"parts.csv", ARCHIVE}
    assert "a.bin is larger than 16 MiB" in capsys.readouterr().out


def test_a_file_that_is_still_being_written_stays(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    names = ("a.parquet", ".b.parquet.123.partial")
    write = f"import sys, pathlib; [pathlib.Path(sys.argv[1], name).write_text('made') for name in {names}]"
    run_parts([Part("scores", ["-c", write, str(work)], 60, makes=("*.partial",), keeps=("*parquet*",))], work, out)
    assert {path.name for path in out.iterdir()} == {"parts.csv", ARCHIVE}
    assert {name for name in archived(out) if "parquet" in name} == {"a.parquet"}


def test_parts_share_one_time_and_what_has_none_left_is_not_begun(tmp_path: Path) -> None:
    parts = [Part("long", ["-c", SLEEP], 60), Part("left over", ["-c", "print()"], 60)]
    start = time.monotonic()
    ended = run_parts(parts, tmp_path / "work", tmp_path / "out", seconds=6)
    assert time.monotonic() - start < 40
    assert [part.state for part in ended] == [LATE, NOT_BEGUN]


def test_nothing_of_a_part_outlives_its_limit(tmp_path: Path) -> None:
    reported = tmp_path / "child.txt"
    child = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])"
    command = ["-c", f"{child}; open({str(reported)!r}, 'w').write(str(p.pid)); p.wait()"]
    run_parts([Part("parent", command, 5)], tmp_path / "work", tmp_path / "out")
    process = Path("/proc") / reported.read_text() / "stat"
    for _ in range(100):  # a process that was killed lies there until its new parent hears of it
        if not process.exists() or process.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child of a late part still runs")


def test_the_most_valuable_parts_come_first_and_fit_the_time_together(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, rehearse=False, config=Path("config/config.yaml"))
    assert [part.name for part in parts] == [
        "data",
        "recipe",
        "speed",
        "scores",
        "tests",
        "counterparts",
        "embedding",
        "loader",
    ]
    assert sum(part.seconds for part in parts if part.name in ("data", "recipe")) < SECONDS
    assert all(part.seconds <= SECONDS for part in parts)
    for part in parts:
        assert part.command[0] == "-m"
        assert find_spec(part.command[1]) is not None, part.name
    assert parts_of(tmp_path, rehearse=False, config=Path("c"), data=tmp_path)[0].name == "recipe"


def test_a_rehearsal_reports_every_part_and_brings_home_few_files(tmp_path: Path) -> None:
    """All parts at toy size, as they run on the machine; one of them is broken on purpose."""
    out, work = tmp_path / "out", tmp_path / "work"
    done = script("rehearse", "--out", str(out), "--work", str(work), "--break", "tests", "--seconds", "580")
    logs = "\n".join(f"{path.name}\n{path.read_text()}" for path in (work / "logs").glob("*.log"))
    assert done.returncode == 0, done.stderr + logs
    ended = {row["part"]: row["ended"] for row in csv.DictReader((out / "parts.csv").open())}
    sound = dict.fromkeys(("data", "recipe", "speed", "scores", "counterparts", "embedding", "loader"), DONE)
    assert ended == {**sound, "tests": FAILED}, logs
    assert [line.split()[0] for line in done.stdout.splitlines()[-8:]] == list(ended)
    files = list(out.iterdir())
    assert {"parts.csv", ARCHIVE, "simulated_samples.png", "last.safetensors"} <= {path.name for path in files}
    assert len(files) <= FILES_BACK
    assert max(path.stat().st_size for path in files) <= MEBIBYTES_BACK * 2**20
    inside = archived(out)
    assert {f"results/{name}.csv" for name in ("on_gpu", "training", "counterparts", "embedding", "loader")} <= set(
        inside
    )
    assert {"recipe/curve.parquet", "recipe/scores/gpu/seed_0/wells_0.parquet"} <= set(inside)
    numbers = list(csv.DictReader(inside["results/on_gpu.csv"].splitlines()))
    assert all("simulated" in row["metric"] and row["date"] and row["device"] and row["versions"] for row in numbers)
    assert {"auc post HRCE svm ema (simulated)", "severity blocks VERO lda ema (simulated)"} <= {
        row["metric"] for row in numbers
    }
    assert not any(str(tmp_path) in row["command"] for row in numbers), "a command names no folder of the machine"
    assert {row["images"] for row in numbers if row["command"].split()[3] == "score"} > {"0"}, "the twin and more"


def test_results_are_collected_once(tmp_path: Path) -> None:
    work, out, ours = tmp_path / "work", tmp_path / "out", tmp_path / "results"
    ours.mkdir()
    (ours / "speed.csv").write_text("date,value\n2020-01-01,1\n")
    table = "pathlib.Path(os.environ['BENCHMARK_RESULTS'], 'speed.csv')"
    write = f"import os, pathlib; {table}.write_text('date,value\\n2020-01-02,2\\n')"
    run_parts([Part("speed", ["-c", write], 60)], work, out)
    for _ in range(2):
        collect(out, ours)
        assert (ours / "speed.csv").read_text() == "date,value\n2020-01-01,1\n2020-01-02,2\n"
    (ours / "speed.csv").write_text("date,other\n")
    with pytest.raises(ValueError, match="other columns"):
        collect(out, ours)


@pytest.mark.parametrize(("code", "ended"), [(0, True), (75, True), (1, False)])
def test_an_engine_has_worked_where_its_training_ended_in_order(tmp_path: Path, code: int, ended: bool) -> None:
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])
    deadline = time.monotonic() + 60
    assert on_gpu_recipe.wait(process, deadline, tmp_path / "live.csv", patient=False) is ended


def test_a_training_must_stop_when_its_time_is_up(tmp_path: Path) -> None:
    hear = f"import signal, sys; signal.signal({int(signal.SIGTERM)}, lambda *_: sys.exit(75))"
    process = subprocess.Popen([sys.executable, "-c", f"{hear}; print(flush=True); {SLEEP}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert on_gpu_recipe.wait(process, time.monotonic(), tmp_path / "live.csv", patient=True)


def test_an_engine_that_shows_nothing_for_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_gpu_recipe, "FIRST_SECONDS", 0.5)
    live = tmp_path / "live.csv"
    live.write_text("header\n")
    process = subprocess.Popen([sys.executable, "-c", SLEEP])
    assert not on_gpu_recipe.wait(process, time.monotonic() + 60, live, patient=False)
    assert process.returncode == -signal.SIGKILL
    live.write_text("header\na row\n")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"])
    assert on_gpu_recipe.wait(process, time.monotonic() + 60, live, patient=False), "it has begun"


@pytest.mark.parametrize(("kept", "chosen"), [(0, []), (1, []), (2, [0]), (3, [0, 1]), (8, [0, 4]), (9, [0, 4])])
def test_the_first_and_the_middle_model_are_scored_beside_the_last(
    tmp_path: Path, kept: int, chosen: list[int]
) -> None:
    for i in range(kept):
        (tmp_path / f"{i:09d}.safetensors").touch()
    assert [int(path.stem) for path in on_gpu_recipe.chosen(tmp_path)] == chosen


def test_without_a_word_the_script_says_what_it_can_do() -> None:
    done = script()
    assert done.returncode == 2
    assert "rehearse --out OUT" in done.stdout
