"""The jobs that a target still needs: takes targets and a configuration, gives rule, outputs and wildcards of each job.

They are read out of a dry run of Snakemake, which knows what is there already and starts nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gandl.workflow.made_of import GATHERING
from gandl.workflow.words import counted

TRAININGS = {
    "training": "gandl",
    "baseline": "densenet161_arcface",
    "conv_ae": "conv_ae",
    "imagenet_collapsed": "imagenet_collapsed",
}
"""Rules that train, and what: the name of a featurizer."""


class JobsError(RuntimeError):
    """Snakemake refuses the targets or the configuration; the message is its own."""


@dataclass(frozen=True)
class Job:
    """A job that would run. `gpus` : that it requests."""

    rule: str
    outputs: tuple[str, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0


def jobs_of(arguments: Sequence[str], configuration: Path, mirror: str | None = None) -> list[Job]:
    """The jobs that targets still need.

    Parameters
    ----------
    arguments : targets first, then options, as on Snakemake's command line; (): everything.
    configuration : file. mirror : in place of its own.

    Raises
    ------
    JobsError : there is no such target, it does not apply to this configuration, or another mistake that Snakemake finds.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--configfile", str(configuration)]
    command += ["--dry-run", *(["--config", f"mirror={mirror}"] if mirror else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise JobsError(_mistake(done.stdout + done.stderr))
    return read_jobs(done.stdout + done.stderr)


def _mistake(text: str) -> str:
    """What Snakemake says of a mistake, without what stands before it."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if re.match(r"\w*(Error|Exception)\b|Error:", line)), 0)
    return "\n".join(lines[start:])


def read_jobs(text: str) -> list[Job]:
    """The jobs that a dry run lists, in its order; rules that only gather files are left out."""
    found = []
    for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}\S.*\n?)*)", text, flags=re.MULTILINE):
        if rule in GATHERING:
            continue
        lines = dict(re.findall(r"^ {4}(\w+): (.*)$", block, flags=re.MULTILINE))
        resources = _pairs(lines.get("resources", ""))
        found.append(
            Job(
                rule,
                tuple(filter(None, lines.get("output", "").split(", "))),
                _pairs(lines.get("wildcards", "")),
                int(resources.get("gpu", "0")),
            )
        )
    return found


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(", ") if "=" in pair)


@dataclass(frozen=True)
class Needs:
    """What jobs need of data and networks.

    stores : of each screen those that are packed, in order. featurizers : that are embedded. trainings : that run, by featurizer.
    downloads : files that are fetched whole. profiles : (screen, featurizer, method) that are written.
    """

    stores: Mapping[str, tuple[str, ...]]
    screens: tuple[str, ...]
    featurizers: tuple[str, ...]
    trainings: tuple[str, ...]
    downloads: tuple[str, ...]
    embedded: tuple[tuple[str, str, str], ...]
    profiles: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Needs:
        """Out of the rules and outputs of jobs."""
        stores: dict[str, list[str]] = {}
        screens: dict[str, None] = {}
        trainings: dict[str, None] = {}
        downloads: list[str] = []
        embedded: list[tuple[str, str, str]] = []
        profiles: list[tuple[str, str, str]] = []
        for job in jobs:
            if job.rule in TRAININGS:
                trainings[TRAININGS[job.rule]] = None
            elif job.rule in ("download", "pretrained"):
                downloads.append(job.outputs[0])
            elif job.rule == "images":
                stores.setdefault(job.wildcards["dataset"], []).append(job.wildcards["store"])
            for output in job.outputs:
                if match := re.search(r"/source/(\w+)/sites\.parquet$", output):
                    screens[match[1]] = None
                elif match := re.search(r"/embeddings/(\w+)/([\w-]+)/([^/]+)\.parquet$", output):
                    embedded.append((match[1], match[2], match[3]))
                elif match := re.search(r"/normalization/(\w+)/([\w-]+)\.(\w+)\.sites\.parquet$", output):
                    profiles.append((match[1], match[2], match[3]))
        return cls(
            {screen: tuple(names) for screen, names in stores.items()},
            tuple(dict.fromkeys([*stores, *screens])),
            tuple(dict.fromkeys(name.partition("-")[0] for _, name, _ in embedded)),
            tuple(trainings),
            tuple(downloads),
            tuple(embedded),
            tuple(profiles),
        )


def job_lines(jobs: Sequence[Job]) -> list[str]:
    """How many jobs of each rule there are, in the order of the corridor's data."""
    if not jobs:
        return ["  jobs       none: everything is there already"]
    counts = Counter(job.rule for job in jobs)
    on_gpu = sum(job.gpus > 0 for job in jobs)
    of_gpus = f", {on_gpu:,} of them on a GPU" if on_gpu else ""
    width = max(map(len, counts))
    return [
        f"  jobs       {counted(len(jobs), 'job')}{of_gpus}",
        *(f"             {rule:{width}} {count:6,}" for rule, count in counts.items()),
    ]
