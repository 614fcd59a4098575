"""Changing the content of one plate's manifest redoes what depends on that plate, and nothing else.

What depends on a plate is derived here from who learns from which images, not from the rules: of embeddings, models, profiles and
answers; of figures, tables and pages a list by hand says which are kept. The runs are dry.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiny_project import TINY_SIMULATED, Project

RUN = "results/tiny"
FEATURIZERS = [name for name in TINY_SIMULATED["embeddings"]["featurizers"] if name != "imagenet_collapsed"]
FOLDS = {"controls": "rxrx19a", "cell_model": "rxrx19a", "cell_type": "rxrx1"}
"""Questions for which a network of its own is trained, and the screen that it is trained on."""
STORES = {
    "rxrx19a": ["HRCE-1_1", "HRCE-2_1", "VERO-1_1", "VERO-2_1"],
    "rxrx1": ["HUVEC-01", "HUVEC-02", "RPE-01", "RPE-02"],
}
LEARNED_FROM = {
    "rxrx19a": {"gandl", "gandl_blocks", "conv_ae", "imagenet_concatenated"},
    "rxrx1": {"densenet161_arcface"},
}
"""Featurizers that see all images of a screen: in training, or (ImageNet) for the scale of its grey values."""
TRAININGS = {"rxrx19a": {"gandl", "conv_ae"}, "rxrx1": {"densenet161_arcface"}}
QUESTIONS = {"cell_type": "rxrx1", "recognition": "rxrx1"}
"""Questions that are not asked of RxRx19a."""
OF_NO_PLATE = {"calibration/score_curves"}
"""Answers about simulated scores, not about a screen."""
OF_GANDL = {
    *("figure_samples", "figure_training", "figure_s_training", "figure_s_reconstructions", "figure_plate"),
    *("figure_treatments", "figure_s_drugs", "figure_s_layout", "figure_calibration", "preprint_figure_5"),
}
"""What shows RxRx19a by networks that are trained on it, and nothing else."""
KEPT = {
    "rxrx19a": {"preprint_figure_7"},
    "rxrx1": {*OF_GANDL, "figure_1", "preprint_figure_7", "explorer/thumbnails"},
}
"""By screen, figures, tables and pages that a changed plate of it leaves as they are: the architecture; of RxRx1 the examples,
too, since the plate that is changed here is none of those shown."""


@contextmanager
def other_content(path: Path) -> Iterator[None]:
    """A manifest with another content, put back afterwards with its old time."""
    text, stat = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(json.dumps({**json.loads(text), "code": "another"}), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def changed_by(screen: str, store: str) -> dict[str, set[str]]:
    """Of embeddings, models and profiles the files that depend on one store, by stage, without their endings."""
    other = next(name for name in STORES if name != screen)
    learned = {*LEARNED_FROM[screen], *(f"imagenet_collapsed-{of}" for of, at in FOLDS.items() if at == screen)}
    folds_of = {at: {f"imagenet_collapsed-{of}" for of, where in FOLDS.items() if where == at} for at in STORES}
    embedded = {f"{screen}/{name}/{store}" for name in {*FEATURIZERS, *folds_of[screen]}}
    for at, stores in STORES.items():
        whole = {name for name in learned if not name.startswith("imagenet_collapsed") or name in folds_of[at]}
        embedded |= {f"{at}/{name}/{each}" for name in whole for each in stores}
    return {
        "embeddings": embedded,
        "models": {*TRAININGS[screen], *(name for name in learned if name.startswith("imagenet_collapsed"))},
        "normalization": {f"{screen}/{name}" for name in {*FEATURIZERS, *folds_of[screen]}}
        | {f"{other}/{name}" for name in LEARNED_FROM[screen]},
    }


def answers_changed_by(screen: str, profiles: set[str], every: set[str]) -> set[str]:
    """Of all files of answers those whose featurizer's profiles are among the changed ones, and the comparisons of all."""
    found = {"comparisons/floors"}
    for answer in every - OF_NO_PLATE:
        question, _, rest = answer.partition("/")
        featurizer = rest.partition(".")[0]
        at = QUESTIONS.get(question, "rxrx19a")
        by_fold = featurizer == "imagenet_collapsed"
        asked = question if question in FOLDS else "controls"
        if question == "recognition":
            found |= {answer} if screen == at else set()
        elif f"{at}/{featurizer}{f'-{asked}' if by_fold else ''}" in profiles:
            found.add(answer)
    return found


PATTERNS = {
    "embeddings": r"embeddings/(.+)\.parquet$",
    "models": r"models/([\w-]+)/",
    "normalization": r"normalization/(\w+/[\w-]+)\.\w+\.wells\.parquet$",
    "evaluation": r"evaluation/(.+)\.parquet$",
    "shown": r"(?:figures|tables|report)/((?:explorer/)?\w+)\.(?:svg|html|json)$",
    "source": r"(source|downloads)/",
    "images": r"images/(.+)",
}
"""Files of each stage, without their endings."""


def planned_files(project: Project) -> dict[str, set[str]]:
    """What a dry run would write, by stage."""
    found: dict[str, set[str]] = {}
    for job in project.jobs():
        for output in job.outputs:
            for stage, pattern in PATTERNS.items():
                if match := re.match(rf"{RUN}/{pattern}", output):
                    found.setdefault(stage, set()).add(match[1])
    return found


def files_of_run(project: Project, stage: str) -> set[str]:
    """What a run left of a stage."""
    files = (path.relative_to(project.folder).as_posix() for path in (project.folder / RUN).rglob("*"))
    return {match[1] for file in files if (match := re.match(rf"{RUN}/{PATTERNS[stage]}", file))}


@pytest.mark.parametrize(("screen", "store"), [("rxrx19a", "HRCE-2_1"), ("rxrx1", "HUVEC-02")])
def test_a_changed_plate_redoes_what_depends_on_it_and_nothing_else(
    simulated: Project, screen: str, store: str
) -> None:
    manifest = simulated.folder / RUN / f"images/{screen}/{store}.manifest.json"
    with other_content(manifest):
        planned = planned_files(simulated)
    expected = changed_by(screen, store)
    assert {"source", "images"} & set(planned) == set()
    for stage, files in expected.items():
        assert planned[stage] == files, stage
    every = files_of_run(simulated, "evaluation")
    assert every > OF_NO_PLATE
    assert planned["evaluation"] == answers_changed_by(screen, expected["normalization"], every)
    shown = files_of_run(simulated, "shown")
    assert shown > KEPT[screen]
    assert shown > {"explorer", "audit", "provenance", "table_1", "figure_4", "compounds"}
    assert shown - planned["shown"] == KEPT[screen]


def test_a_plate_that_was_only_touched_redoes_nothing(simulated: Project) -> None:
    manifest = simulated.folder / RUN / "images/rxrx19a/HRCE-2_1.manifest.json"
    stat = manifest.stat()
    os.utime(manifest)
    try:
        assert simulated.planned() == {}
    finally:
        os.utime(manifest, ns=(stat.st_atime_ns, stat.st_mtime_ns))
