"""The jobs that a target still needs: takes targets and a configuration, gives rule, outputs and wildcards of each job.

They are read out of a dry run of Snakemake, which knows what is there already and starts nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gandl.workflow.made_of import GATHERING, workflow_sources

TRAININGS = {
    "training": "gandl",
    "baseline": "densenet161_arcface",
    "conv_ae": "conv_ae",
    "imagenet_collapsed": "imagenet_collapsed",
}
"""Rules that train, and what: the name of a featurizer. Those of CytoGAN name it by their wildcard `family`."""
PROFILES = Path("profiles")
CORES = "9999"
"""Of a machine on which a job would get all the threads that it requests."""


class JobsError(RuntimeError):
    """Snakemake refuses the targets or the configuration; the message is its own."""


@dataclass(frozen=True)
class Job:
    """A job that would run.

    gpus, threads, resources : that it requests; sizes in MB (`mem_mb`), times in minutes (`runtime`). here : it runs where
    Snakemake runs, also under a profile that submits jobs.
    """

    rule: str
    outputs: tuple[str, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0
    threads: int = 1
    resources: Mapping[str, str] = field(default_factory=dict)
    here: bool = False

    @property
    def trains(self) -> str | None:
        """The featurizer whose network it trains; None: none."""
        return self.wildcards["family"] if self.rule == "cytogan" else TRAININGS.get(self.rule)

    @property
    def memory(self) -> int:
        """MB."""
        return self._number("mem_mb")

    @property
    def minutes(self) -> int:
        """Its time limit."""
        return self._number("runtime")

    def _number(self, name: str) -> int:
        text = self.resources.get(name, "")
        return int(text) if text.isdigit() else 0


def jobs_of(
    arguments: Sequence[str], configuration: Path, mirror: str | None = None, profile: str | None = None
) -> list[Job]:
    """The jobs that targets still need.

    Parameters
    ----------
    arguments : targets first, then options, as on Snakemake's command line; (): everything.
    configuration : file. mirror : in place of its own. profile : of Snakemake, by which jobs would be submitted; None: here.

    Raises
    ------
    JobsError : there is no such target or profile, it does not apply to this configuration, or another mistake that Snakemake
        finds.
    """
    if profile and not any(place.exists() for place in (Path(profile), PROFILES / profile)):  # Snakemake would run here
        raise JobsError(f"There is no profile {profile}; those of the project lie in {PROFILES}/")
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", CORES, "--configfile", str(configuration)]
    command += ["--workflow-profile", profile] if profile else []
    command += ["--dry-run", *(["--config", f"mirror={mirror}"] if mirror else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise JobsError(_mistake(done.stdout + done.stderr))
    here = local_rules()
    return [replace(job, here=job.rule in here) for job in read_jobs(done.stdout + done.stderr)]


def local_rules(workflow: Path = Path()) -> set[str]:
    """Rules of the workflow in a folder that run where Snakemake runs, whatever the profile; a dry run does not print which."""
    found = set()
    for source in workflow_sources(workflow):
        parts = re.split(
            r"^(?:use rule \w+ as (\w+) with|rule (\w+)):$", (workflow / source).read_text("utf-8"), flags=re.M
        )
        named = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        found |= {heir or alone for heir, alone, text in named if "\n    localrule: True\n" in text}
    return found


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
                int(lines.get("threads", "1")),
                resources,
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
            if job.trains:
                trainings[job.trains] = None
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
