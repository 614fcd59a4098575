"""What jobs request, in a table: ranges where the jobs of a rule differ, nothing of those that stay on this machine."""

from __future__ import annotations

import pytest

from gandl.commands.planning.jobs import Job
from gandl.commands.planning.requests import job_lines, time_in_words


def job(rule: str, gpus: int = 0, memory: int = 2000, minutes: int = 30, **more: object) -> Job:
    resources = {"mem_mb": str(memory), "runtime": str(minutes), "slurm_partition": "long" if gpus else ""}
    return Job(rule, gpus=gpus, resources=resources, **more)  # type: ignore[arg-type]


def test_every_rule_has_a_line_with_what_its_jobs_request() -> None:
    jobs = [
        job("sites", here=True),
        *(job("normalization", memory=memory) for memory in (6000, 2000, 2000)),
        job("training", 4, 64_000, 5760, threads=16),
    ]
    lines = job_lines(jobs, requested=True)
    assert lines[0] == "  jobs       5 jobs, 1 of them on a GPU"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "rule jobs partition GPUs CPUs memory time",
        "sites 1 on this machine",
        "normalization 3 (default) 0 1 2 GB to 6 GB 30 min",
        "training 1 long 4 16 64 GB 4 d",
    ]
    assert lines[3].rindex(" GB") == lines[4].rindex(" GB")


def test_where_no_job_has_a_partition_there_is_no_such_column() -> None:
    lines = job_lines([Job("images", resources={"mem_mb": "3000", "runtime": "240"})], requested=True)
    assert "partition" not in lines[1]
    assert lines[2].split() == ["images", "1", "0", "1", "3", "GB", "4", "h"]


@pytest.mark.parametrize(("minutes", "words"), [(30, "30 min"), (90, "1.5 h"), (1440, "24 h"), (5760, "4 d")])
def test_time_limits_are_given_as_people_write_them(minutes: int, words: str) -> None:
    assert time_in_words(minutes) == words
