"""What a training reports at every tick: one line, and a row of a CSV that survives kills."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pytest

from gandl.config import TrainingSettings
from gandl.models.compute.device import CPU, peak_memory
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.looks import status as module
from gandl.models.looks.status import Machine, Status, columns_of, machine_of
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.gan_work import work_per_image
from gandl.workflow import progress
from model_inputs import TRAINING

SETTINGS = TrainingSettings(images=10_000)
MACHINE = Machine(work=2e9, peak=4e11, memory=lambda: (3 * 2**29, 2**31))
ROWS = [
    (1_600, 100, "loss_generator", 0.5),
    (1_600, 100, "quality", 0.25),
    (3_200, 200, "loss_generator", 1.2345),
    (3_200, 200, "loss_discriminator", 0.75),
    (3_200, 200, "real_logit", 0.4),
    (3_200, 200, "r1", 0.00456),
]
ROLL_BACK = [(2_400, 150, "roll_back", 1.0), (2_400, 150, "learning_rate", 5e-4), (2_400, 150, "r1_gamma", 50.0)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_says_what_a_person_needs(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS, machine=MACHINE) as status:
        clock[0] += 32
        status.report(3_200, 200, ROWS)
    assert caplog.messages == [
        "training: 3,200 of 10,000 images · 100.0 images/s · 50 % of the device's peak · 1.5 GiB (peak 2.0) · "
        "1 min 8 s left · loss of G 1.23 · of D 0.75 · R1 0.00456 · quality 0.25"
    ]


def test_what_is_unknown_is_left_out(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS) as status:
        clock[0] += 10
        status.report(160, 10, [])
    assert caplog.messages == ["training: 160 of 10,000 images · 16.0 images/s · 10 min 15 s left"]


def test_the_last_batch_may_overshoot_and_no_time_is_left(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS) as status:
        clock[0] += 3_600
        status.report(10_008, 625, [])
    assert caplog.messages[-1].endswith(" · 0 s left")


def test_roll_backs_are_reported_with_what_training_continues_with(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    again = [(2_000, 125, name, value) for _, _, name, value in ROLL_BACK]
    twice = ROWS + ROLL_BACK + [(*again[0][:3], 2.0), again[1], (*again[2][:3], 100.0)]
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS) as status:
        clock[0] += 10
        status.report(2_560, 160, ROWS + ROLL_BACK)
        clock[0] += 10
        status.report(2_720, 170, twice)
    assert caplog.messages[0].endswith(" · 1 roll-back (learning rate 0.0005, R1 gamma 50)")
    assert caplog.messages[1].endswith(" · 2 roll-backs (learning rate 0.0005, R1 gamma 100)")


def test_speed_is_that_since_the_last_tick(clock: list[float]) -> None:
    status = Status(Gan, SETTINGS)
    clock[0] += 10
    status.report(1_000, 100, [])
    clock[0] += 10
    assert status.speed(1_200) == pytest.approx(20)


def test_speed_and_time_left_know_nothing_of_an_interrupted_life(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS, images=8_000, step=500) as status:
        clock[0] += 10
        status.report(8_100, 510, [])
    assert caplog.messages == ["training: 8,100 of 10,000 images · 10.0 images/s · 3 min 10 s left"]


def test_after_a_roll_back_speed_counts_from_where_training_continues(clock: list[float]) -> None:
    status = Status(Gan, SETTINGS)
    clock[0] += 10
    status.report(5_000, 500, [])
    clock[0] += 100
    status.start(4_000, 400)
    clock[0] += 10
    assert status.speed(4_200) == pytest.approx(20)


def test_one_slow_tick_does_not_decide_the_time_left(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS) as status:
        for images, seconds in ((1_000, 10), (2_000, 10), (3_000, 10), (4_000, 90)):
            clock[0] += seconds
            status.report(images, images, [])
    assert caplog.messages[-1].endswith("11.1 images/s · 3 min 0 s left")


def test_the_speed_of_steps_does_not_count_the_time_of_looks(clock: list[float]) -> None:
    with Status(Gan, SETTINGS) as status:
        clock[0] += 10
        status.looked(100, {"quality": 0.5}, seconds=6)
        assert status.speed(400) == pytest.approx(100)
        status.report(400, 4, [])
        clock[0] += 4
        assert status.speed(800) == pytest.approx(100)


def test_a_look_is_reported_when_it_was_made(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"):
        Status(Gan, SETTINGS).looked(2_500, {"quality": 0.25, "quality_floor": 0.01, "probe_z_prime": -0.1})
    assert caplog.messages == ["after 2,500 images: quality 0.25 · quality floor 0.01 · probe Z′ -0.1"]


def test_a_terminal_shows_the_line_live_and_a_log_holds_it_without_style(
    clock: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    with caplog.at_level(logging.INFO, logger="gandl"), Status(Gan, SETTINGS) as status:
        clock[0] += 10
        status.report(3_200, 200, ROWS + ROLL_BACK)
    shown = capsys.readouterr().err
    assert "\x1b[" in shown
    assert "3,200 of 10,000" in shown
    assert "\x1b" not in caplog.text


def test_the_machine_is_all_devices_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "peak_flops", lambda device, precision: 1e12)
    machine = machine_of(Gan, TRAINING, 2, CPU, Ranks(0, 3))
    assert (machine.work, machine.peak) == (work_per_image(TRAINING, 2), 3e12)
    assert machine.memory is not None
    now, most = machine.memory()
    assert 2**20 < now <= 1.1 * most <= 1.1 * peak_memory(CPU)


def test_a_devices_peak_is_that_of_a_matrix_product() -> None:
    assert machine_of(Gan, TRAINING, 2, CPU, ALONE).peak > 1e8


def test_every_tick_adds_a_row(clock: list[float], tmp_path: Path) -> None:
    path = tmp_path / "logs" / "training.csv"
    status = Status(Gan, SETTINGS, machine=MACHINE, live=path)
    for step in (100, 200):
        clock[0] += 32
        status.report(16 * step, step, [row for row in ROWS if row[1] <= step])
    first, second = rows(path)
    assert list(first) == list(columns_of(Gan))
    assert [first["step"], second["step"], second["images"]] == ["100", "200", "3200"]
    assert (first["loss_generator"], second["loss_generator"]) == ("0.5", "1.2345")
    assert (first["real_logit"], second["real_logit"]) == ("", "0.4")
    assert (second["share_of_peak"], second["memory_bytes"], second["images_per_second"]) == (
        "0.25",
        "1610612736",
        "50.0",
    )
    assert second["quality"] == "0.25", "the last look's"


def write_ticks(path: Path, steps: range) -> None:
    status = Status(Gan, SETTINGS, live=path)
    for step in steps:
        status.report(16 * step, step, ROWS)


@pytest.mark.parametrize("restart", ["resume", "roll back"])
def test_no_step_stands_twice_after_going_back(clock: list[float], tmp_path: Path, restart: str) -> None:
    path = tmp_path / "training.csv"
    status = Status(Gan, SETTINGS, live=path)
    for step in range(10, 60, 10):
        clock[0] += 1
        status.report(16 * step, step, ROWS)
    if restart == "resume":
        status = Status(Gan, SETTINGS, images=480, step=30, live=path)
    else:
        status.start(480, 30)
    assert [row["step"] for row in rows(path)] == ["10", "20", "30"]
    clock[0] += 1
    status.report(640, 40, ROWS)
    assert [row["step"] for row in rows(path)] == ["10", "20", "30", "40"]


def test_a_row_that_a_kill_tore_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    write_ticks(path, range(10, 40, 10))
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines(keepends=True)[-1])):
        path.write_bytes(whole[:-cut])
        Status(Gan, SETTINGS, images=480, step=30, live=path)
        kept = rows(path)
        assert [row["step"] for row in kept] == ["10", "20"], f"{cut} bytes were missing"
        assert None not in kept[-1].values()


def test_a_file_of_other_columns_keeps_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    path.write_text("step,loss_generator,old\n10,0.5,7\nx,1,1\n")
    Status(Gan, SETTINGS, images=480, step=30, live=path)
    (row,) = rows(path)
    assert (row["step"], row["loss_generator"], row["quality"]) == ("10", "0.5", "")


def test_a_disk_that_fails_is_reported_once_and_stops_nothing(
    clock: list[float], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with caplog.at_level(logging.WARNING, logger="gandl"):
        status = Status(Gan, SETTINGS, live=blocked / "training.csv")
        for step in (10, 20):
            clock[0] += 1
            status.report(16 * step, step, ROWS)
    assert len(caplog.messages) == 1
    assert "training continues without it" in caplog.text
