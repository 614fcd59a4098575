"""Rates: takes Snakemake's scheduler, lets it start jobs as soon as they fit where the limit of jobs per timespan is none.

Snakemake (9.27) looks at all open jobs again after every timespan of that limit, and keeps doing so once for every job that has
started: after 200 jobs, 200 times in each. On two cores that took most of one of them in the end. Without a limit it looks when a
job has ended, which is when something can have changed.
"""

from __future__ import annotations

from typing import Any

UNLIMITED = 1_000
"""From so many jobs per timespan on a limit is none; the profiles set it (Snakemake's own default is 100 in each second)."""


def start_at_once(scheduler: Any) -> None:
    """Take a limit away that is none; a smaller one, as a site may set, stays.

    Parameters
    ----------
    scheduler : `workflow.scheduler` of Snakemake, before its first job.
    """
    limit = scheduler.job_rate_limiter
    if limit is not None and limit.max_jobs >= UNLIMITED:
        scheduler.job_rate_limiter = None
