"""The jobs of a run in words: takes those of a dry run, makes a line for every rule: how many there are and, under a profile that
submits them to a cluster, what each requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from itertools import groupby
from operator import attrgetter

from gandl.commands.planning.jobs import Job
from gandl.commands.planning.sizes import size_in_words
from gandl.workflow.words import counted

PARTITION = "slurm_partition"
UNNAMED = "(default)"
HERE = "on this machine"
INDENT = " " * 13


def job_lines(jobs: Sequence[Job], *, requested: bool = False) -> list[str]:
    """How many jobs of each rule there are, in the order of the corridor's data; with what they request, if that is wanted."""
    if not jobs:
        return ["  jobs       none: everything is there already"]
    on_gpu = sum(job.gpus > 0 for job in jobs)
    of_gpus = f", {on_gpu:,} of them on a GPU" if on_gpu else ""
    head = f"  jobs       {counted(len(jobs), 'job')}{of_gpus}"
    if requested:
        return [head, *request_lines(jobs)]
    counts = Counter(job.rule for job in jobs)
    width = max(map(len, counts))
    return [head, *(f"{INDENT}{rule:{width}} {count:6,}" for rule, count in counts.items())]


def request_lines(jobs: Sequence[Job]) -> list[str]:
    """Of every rule its jobs, their partition (where jobs have one), GPUs, CPUs, memory and time, in the order of the jobs.

    What differs among the jobs of a rule is given from its least to its most. Jobs that stay on this machine request nothing.
    """
    queued = any(PARTITION in job.resources for job in jobs)
    head = ["rule", "jobs", *(["partition"] if queued else []), "GPUs", "CPUs", "memory", "time"]
    rows = [head]
    by_rule = sorted(jobs, key=attrgetter("rule"))
    of_rule = {rule: list(found) for rule, found in groupby(by_rule, attrgetter("rule"))}
    for rule in dict.fromkeys(job.rule for job in jobs):
        found = of_rule[rule]
        row = [rule, f"{len(found):,}"]
        rows.append([*row, HERE] if all(job.here for job in found) else [*row, *_requested(found, queued)])
    widths = [max(len(row[i]) for row in rows if i < len(row) and row[i] != HERE) for i in range(len(head))]
    return [INDENT + _laid_out(row, widths, words={0, 2} if queued else {0}) for row in rows]


def _requested(jobs: Sequence[Job], queued: bool) -> list[str]:
    """The cells of one rule."""
    partitions = dict.fromkeys(job.resources.get(PARTITION, "").strip("'\"") or UNNAMED for job in jobs)
    return [
        *([", ".join(partitions)] if queued else []),
        _from_to(map(str, _ends(job.gpus for job in jobs))),
        _from_to(map(str, _ends(job.threads for job in jobs))),
        _from_to(size_in_words(value * 1e6) for value in _ends(job.memory for job in jobs)),
        _from_to(map(time_in_words, _ends(job.minutes for job in jobs))),
    ]


def _laid_out(row: Sequence[str], widths: Sequence[int], words: Set[int]) -> str:
    """Columns of words to the left, numbers to the right."""
    cells = [
        cell.ljust(width) if i in words or cell == HERE else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return "  ".join(cells).rstrip()


def _ends(values: Iterable[int]) -> list[int]:
    found = sorted(set(values))
    return found if len(found) == 1 else [found[0], found[-1]]


def _from_to(words: Iterable[str]) -> str:
    return " to ".join(words)


def time_in_words(minutes: int) -> str:
    """A time limit: `30 min`, `12 h`, `4 d`."""
    if minutes >= 2880 and not minutes % 1440:
        return f"{minutes // 1440} d"
    if minutes >= 60:
        return f"{minutes / 60:g} h"
    return f"{minutes} min"
