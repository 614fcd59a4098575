"""The request: takes what is to be evaluated, and what became of it, keeps the folder of results in order.

A folder holds the results of one evaluation, and says of which.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from gandl.config import EvaluationSettings, Normalization, NormalizationSettings
from gandl.own_features.feature_table import FeaturesError
from gandl.own_features.sites_of import Controls
from gandl.workflow.files import atomic, write_json

MADE = ("source", "normalization", "evaluation", "embeddings", "summary.txt")
"""What is made below the folder of results, and made anew."""
RECORD = "evaluate.json"
"""What was evaluated, and how; by it a folder is known as one that this command made."""


@dataclass(frozen=True)
class Request:
    """What is evaluated.

    Attributes
    ----------
    features : table of every featurizer, by its name. out : the folder of results.
    sites : table of sites or wells; None: the metadata of the features suffice. wells : what was done to the wells, beside it.
    methods : normalisations, the one used by most questions first; none: those that fit the screen.
    normalization : how those are fitted that do not name their own wells.
    questions : names of `questions.ASKED`. settings : of the evaluation. seed : of splits and of the bootstrap.
    controls : wells that are controls beside those that the table names. truth : of a simulated screen.
    drop_nan : leave out features that are no number somewhere. keep_profiles : keep embeddings and profiles of sites, too.
    """

    features: Mapping[str, Path]
    out: Path
    questions: Sequence[str]
    sites: Path | None = None
    wells: Path | None = None
    methods: tuple[Normalization, ...] = ()
    normalization: NormalizationSettings = field(default_factory=NormalizationSettings)
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    seed: int = 0
    controls: Controls = field(default_factory=Controls)
    truth: Path | None = None
    drop_nan: bool = False
    keep_profiles: bool = False


@dataclass
class Findings:
    """What became of the questions.

    Attributes
    ----------
    answered : files of numbers, by question. reasons : why a question has no answer, or some featurizers and normalisations none.
    failed : why a featurizer could not be evaluated at all, by its name.
    seconds : how long each step took, all featurizers and normalisations together.
    """

    answered: dict[str, list[Path]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count how long the block takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + time.perf_counter() - began, 1)

    def add_reason(self, question: str, reason: str) -> None:
        """Note once why a question has no answer."""
        said = self.reasons.setdefault(question, [])
        if reason not in said:
            said.append(reason)


def prepare(out: Path) -> None:
    """Refuse a folder that holds anything else than results of this command."""
    if out.exists() and not out.is_dir():
        raise FeaturesError(f"{out} is a file; name a folder for the results")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise FeaturesError(f"{out} holds files that gandl evaluate did not make; name a new or an empty folder")


def clean(out: Path) -> None:
    """Remove earlier results, so that two evaluations never mix."""
    out.mkdir(parents=True, exist_ok=True)
    write_json({"finished": False}, out / RECORD)
    for name in MADE:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def record(
    request: Request, sites: int, methods: Sequence[Normalization], findings: Findings, lines: Sequence[str]
) -> None:
    """Write the summary, and what was evaluated and how."""
    with atomic(request.out / "summary.txt") as partial:
        partial.write_text("\n".join([*lines, ""]), encoding="utf-8")
    files = {"sites": request.sites, "wells": request.wells, "truth": request.truth}
    about = {
        "finished": True,
        "version": version("gandl"),
        "features": {name: str(path) for name, path in request.features.items()},
        **{key: str(path) for key, path in files.items() if path is not None},
        "controls": {"positive": request.controls.positive, "negative": request.controls.negative},
        "normalizations": [method.value for method in methods],
        "normalization": request.normalization.model_dump(mode="json", exclude={"methods", "method"}),
        "questions": list(request.questions),
        "answered": sorted(findings.answered),
        "reasons": findings.reasons,
        "failed": findings.failed,
        "seconds": findings.seconds,
        "seed": request.seed,
        "settings": request.settings.model_dump(mode="json", exclude={"questions"}),
        "sites_evaluated": sites,
    }
    write_json(about, request.out / RECORD)
