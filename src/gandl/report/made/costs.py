"""What a run cost: takes the jobs of provenance.json, makes seconds and peak memory per stage and per rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STAGES = ("source", "images", "models", "embeddings", "normalization", "evaluation", "figures", "report")


@dataclass(frozen=True)
class StageCost:
    """Jobs of one stage: how many, seconds in all, the highest peak memory (MiB; None if no job was long enough)."""

    stage: str
    jobs: int
    seconds: float
    peak_mib: float | None


def stage_costs(jobs: Sequence[dict[str, Any]]) -> list[StageCost]:
    """Costs by stage, in the order of the corridor; stages without a job are left out."""
    costs = []
    for stage in STAGES:
        mine = [job for job in jobs if job["stage"] == stage]
        peaks = [job["peak_mib"] for job in mine if job["peak_mib"] is not None]
        if mine:
            seconds = sum(job["seconds"] or 0.0 for job in mine)
            costs.append(StageCost(stage, len(mine), seconds, max(peaks, default=None)))
    return costs


@dataclass(frozen=True)
class RuleCost:
    """Jobs of one rule: how many, seconds and processor seconds in all, the highest peak memory (MiB)."""

    stage: str
    rule: str
    jobs: int
    seconds: float
    cpu_seconds: float
    peak_mib: float | None


def rule_costs(jobs: Sequence[dict[str, Any]]) -> list[RuleCost]:
    """Costs by rule, stages in the order of the corridor and the most expensive rule of a stage first.

    A job whose benchmark names no rule stands under its own name.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in jobs:
        found.setdefault((job["stage"], job["rule"] or job["job"]), []).append(job)
    costs = []
    for (stage, rule), mine in found.items():
        seconds, cpu = (sum(job[name] or 0.0 for job in mine) for name in ("seconds", "cpu_seconds"))
        peaks = [job["peak_mib"] for job in mine if job["peak_mib"] is not None]
        costs.append(RuleCost(stage, rule, len(mine), seconds, cpu, max(peaks, default=None)))
    order = {stage: i for i, stage in enumerate(STAGES)}
    return sorted(costs, key=lambda cost: (order.get(cost.stage, len(order)), -cost.seconds))


def duration(seconds: float | None) -> str:
    """Seconds in words: 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
