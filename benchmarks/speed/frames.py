"""How long pages are moved while frames are counted, and the processor time that the threads of the browser use meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

SECONDS, FEWEST, PATIENCE = 4.0, 40, 120.0
"""How long the scatter is dragged, and zoomed: so many seconds, and until so many frames were drawn, but no longer than that."""


def goes_on(begun: float, drawn: Callable[[], int], k: int) -> bool:
    """Whether there is time left, or frames are lacking (which is asked now and then)."""
    passed = time.perf_counter() - begun
    return passed < SECONDS or (passed < PATIENCE and (k % 10 > 0 or drawn() < FEWEST))


def processor_time() -> dict[tuple[int, int], float]:
    """Seconds of a core that every thread of the browser has used: of all processes that this one started, themselves or not."""
    parents, found = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        name = Path(f"/proc/{process}/cmdline")
        if above == os.getpid() and process != os.getpid() and "chromium" in name.read_text():
            for thread in Path(f"/proc/{process}/task").glob("*/stat"):
                ticks = thread.read_text().rpartition(")")[2].split()
                found[process, int(thread.parent.name)] = sum(map(int, ticks[11:13])) / os.sysconf("SC_CLK_TCK")
    return found


def busiest(before: Mapping[tuple[int, int], float], after: Mapping[tuple[int, int], float]) -> float:
    """Seconds that the busiest thread used between two looks."""
    return max(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
