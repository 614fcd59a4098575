"""Status lines: what they say, and where they go."""

from __future__ import annotations

import logging

import pytest
from rich.text import Text

from gandl.workflow import progress
from gandl.workflow.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_how_far_how_fast_and_how_long_still(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Progress("training", 10_000, "images") as status:
        clock[0] += 50
        status.update(2_500, loss_generator=1.2345)
    assert caplog.messages == [
        "training: 2,500 of 10,000 images · 50.0 images/s · 2 min 30 s left · loss generator 1.23"
    ]


def test_speed_counts_only_what_this_process_did(clock: list[float]) -> None:
    status = Progress("training", 10_000, "images", done=9_000)
    clock[0] += 10
    assert status.speed(9_500) == pytest.approx(50)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.7, "1 min 0 s"), (75, "1 min 15 s"), (3_700, "1 h 1 min"), (float("nan"), "unknown time")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_of_ones_own_is_logged_without_its_style(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gandl"), Progress("training", 10_000, "images") as status:
        status.show(1_000, Text.assemble(("ten", "bold red"), " percent"))
        clock[0] += 1
        status.show(2_000, "too soon")
        clock[0] += 5
        status.show(3_000, "thirty percent")
        status.show(10_000, "the end")
    assert caplog.messages == ["ten percent", "thirty percent", "the end"]
