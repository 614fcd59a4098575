"""Requests: takes how much memory or time a job is meant to need, makes what it requests at an attempt, within what a site has.

A profile that submits failed jobs again (`retries`) names the most that the machines of its site give (`limit`). What a job
requests at first is never cut: it would fail with less.
"""

from __future__ import annotations

import os
import re

MEMORY, TIME = "GANDL_LARGEST_MEMORY", "GANDL_LONGEST_TIME"
"""Environment variables of the most that grows; the jobs of a run inherit them."""
UNITS = {MEMORY: {"MB": 1, "GB": 10**3, "TB": 10**6}, TIME: {"m": 1, "h": 60, "d": 24 * 60}}
EXAMPLES = {MEMORY: "memory, such as 180GB", TIME: "a time, such as 24h"}


def limit(memory: str, time: str) -> None:
    """Let nothing grow beyond an amount of memory (`180GB`) and a time (`24h`); "": no limit.

    Raises
    ------
    SystemExit : it is no such amount, in a sentence.
    """
    for name, most in ((MEMORY, memory), (TIME, time)):
        if most and not _size(most, name):
            raise SystemExit(f"The profile's limit {most} is not {EXAMPLES[name]}")
        os.environ[name] = most


def grown(amount: str, attempt: int) -> str:
    """Memory (`64GB`) or time (`12h`) at an attempt: twice as much at the second, three times at the third, within the limits."""
    name = MEMORY if amount.endswith("B") else TIME
    number, unit = re.fullmatch(r"(\d+)(\w+)", amount).groups()  # type: ignore[union-attr]
    wanted, most = f"{int(number) * attempt}{unit}", os.environ.get(name, "")
    if not most or _size(wanted, name) <= _size(most, name):
        return wanted
    return most if _size(most, name) > _size(amount, name) else amount


def _size(amount: str, name: str) -> int:
    """Megabytes or minutes; 0 of what is no amount."""
    found = re.fullmatch(r"([1-9]\d*)([A-Za-z]+)", amount)
    return int(found[1]) * UNITS[name].get(found[2], 0) if found else 0
