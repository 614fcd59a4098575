"""Changing the content of one plate's manifest redoes what depends on that plate, and nothing else.

What depends on a plate is derived here from who learns from which images, not from the rules. The runs are dry.
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


def planned_files(project: Project) -> dict[str, set[str]]:
    """What a dry run would write of the same stages, and of the evaluation `<question>/<featurizer>`."""
    found: dict[str, set[str]] = {}
    patterns = {
        "embeddings": r"embeddings/(.+)\.parquet$",
        "models": r"models/([\w-]+)/",
        "normalization": r"normalization/(\w+/[\w-]+)\.\w+\.wells\.parquet$",
        "evaluation": r"evaluation/(\w+/\w+)\.\w+\.parquet$",
        "source": r"(source|downloads)/",
        "images": r"images/(.+)",
    }
    for job in project.jobs():
        for output in job.outputs:
            for stage, pattern in patterns.items():
                if match := re.match(rf"{RUN}/{pattern}", output):
                    found.setdefault(stage, set()).add(match[1])
    return found


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
    for answer in planned["evaluation"] - {"comparisons/floors"}:
        question, _, featurizer = answer.partition("/")
        profiles = {
            f"{at}/{featurizer}{f'-{question}' if featurizer == 'imagenet_collapsed' and question in FOLDS else ''}"
            for at in STORES
        }
        if featurizer == "imagenet_collapsed" and question not in FOLDS:
            profiles = {f"{screen}/imagenet_collapsed-controls"}
        at = QUESTIONS.get(question, "rxrx19a")
        assert {name for name in profiles if name.startswith(at)} & expected["normalization"], answer


def test_a_plate_that_was_only_touched_redoes_nothing(simulated: Project) -> None:
    manifest = simulated.folder / RUN / "images/rxrx19a/HRCE-2_1.manifest.json"
    stat = manifest.stat()
    os.utime(manifest)
    try:
        assert simulated.planned() == {}
    finally:
        os.utime(manifest, ns=(stat.st_atime_ns, stat.st_mtime_ns))
