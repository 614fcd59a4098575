"""Interruption: signals are heard in a block, leave it at once where nothing is lost, and are nobody's business after it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from gandl.workflow.interruption import SIGNALS, Interrupted, Interruption
from gandl.workflow.jobs import job


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_changes_nothing_else(number: signal.Signals) -> None:
    with Interruption() as stop:
        assert stop.received is None
        os.kill(os.getpid(), number)
        assert stop.received is number


def fail() -> None:
    raise ValueError("other")


def send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def test_handlers_are_as_before_afterwards_even_after_an_error() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ValueError, match="other"), Interruption():
        fail()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_work_that_loses_nothing_is_left_at_once() -> None:
    with Interruption() as stop:
        with pytest.raises(Interrupted, match=r"stopped by SIGUSR1; run again to resume"), stop.at_once():
            send(signal.SIGUSR1)
        send(signal.SIGUSR1)  # outside again
        assert stop.received is signal.SIGUSR1


def test_such_work_does_not_begin_after_a_signal() -> None:
    with Interruption() as stop:
        send()
        with pytest.raises(Interrupted), stop.at_once():
            pytest.fail("it began")


def test_a_second_signal_disturbs_no_cleaning_up() -> None:
    cleaned = []

    def work() -> None:
        try:
            send()
        finally:
            send()
            cleaned.append(True)

    with Interruption() as stop, pytest.raises(Interrupted), stop.at_once():
        work()
    assert cleaned == [True]


def test_no_handler_of_errors_swallows_it() -> None:
    def work() -> None:
        try:
            send()
        except Exception:
            pytest.fail("it was taken for an error")

    with Interruption() as stop, pytest.raises(Interrupted), stop.at_once():
        work()


def test_blocks_within_blocks_hand_back_to_each_other() -> None:
    with Interruption() as outer:
        with Interruption() as inner:
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
    assert (inner.received, outer.received) == (signal.SIGTERM, signal.SIGUSR1)


def test_another_thread_hears_nothing_and_does_no_harm() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def run() -> None:
        with Interruption() as stop, stop.at_once():
            seen.append((stop.received, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_a_job_that_was_stopped_ends_with_75_and_one_sentence(tmp_path) -> None:
    log = tmp_path / "rule.log"
    with pytest.raises(SystemExit) as caught, job(log):
        raise Interrupted("stopped by SIGTERM at step 7; run again to resume from there")
    assert caught.value.code == 75
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert line.endswith("stopped by SIGTERM at step 7; run again to resume from there")
