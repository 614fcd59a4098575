"""The work: takes features that were matched to sites, makes profiles and answers questions, featurizer by featurizer.

Every question is answered by the function that the workflow calls (`questions.QUESTIONS`); what one cannot be answered for is a
sentence, and the others go on.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.evaluation.cell_type import ANSWERS
from gandl.evaluation.comparisons import write_comparisons
from gandl.evaluation.held_out import SITE_SCORES
from gandl.evaluation.missing.answers import Missing, write_missing
from gandl.evaluation.strict.refits import REFITS
from gandl.normalization.profiles import write_profiles
from gandl.own_features.feature_table import FeaturesError, FeatureTable
from gandl.own_features.matching import Integers, write_embeddings
from gandl.own_features.questions import COMPARISONS, QUESTIONS, Methods, Question, Screen
from gandl.own_features.request import Findings, Request
from gandl.tables import WELL_SCORES, Schema
from gandl.workflow.calls import bound
from gandl.workflow.jobs import is_ours
from gandl.workflow.words import counted

COMPARED: Mapping[str, tuple[str, Schema]] = {
    "controls": ("scores/{featurizer}.{method}.parquet", WELL_SCORES),
    "refits": ("scores/{featurizer}.{method}.refits.parquet", REFITS),
    "control_images": ("scores/{featurizer}.{method}.sites.parquet", SITE_SCORES),
    "cell_model": ("cell_model/{featurizer}.none.scores.parquet", WELL_SCORES),
    "cell_model_images": ("cell_model/{featurizer}.none.sites.parquet", SITE_SCORES),
    "cell_type": ("cell_type/{featurizer}.none.answers.parquet", ANSWERS),
}
"""Files below `evaluation` that comparisons are made of, by the parameters of `write_comparisons`, and what they hold."""

logger = logging.getLogger(__name__)


class Work:
    """Makes profiles and answers questions, featurizer by featurizer."""

    def __init__(
        self, request: Request, sites: pd.DataFrame, screen: Screen, methods: tuple[Normalization, ...]
    ) -> None:
        self.request, self.sites, self.screen, self.methods = request, sites, screen, methods
        self.out = request.out
        crossfit, negative = Normalization.NEGATIVE_CROSSFIT, Normalization.NEGATIVE
        self.made = tuple(dict.fromkeys(negative if method is crossfit else method for method in methods))
        self.findings = Findings()
        self._failed: dict[Path, str] = {}
        self._missing = {question.name: question.needs(screen) for question in QUESTIONS}

    def evaluate(self, name: str, table: FeatureTable, at: Integers) -> list[str]:
        """Everything of one featurizer; what is worth knowing of its features. One whose features cannot be used is noted
        (`Findings.failed`), and keeps no other from being evaluated."""
        folder = self.out / "embeddings" / "plates" / name
        try:
            return self._evaluate(name, table, at, folder)
        except Exception as error:
            self.findings.failed[name] = self._plain(_reason(error))
            logger.warning("%s: not evaluated: %s", name, self.findings.failed[name])
            shutil.rmtree(folder, ignore_errors=True)
            return []

    def _evaluate(self, name: str, table: FeatureTable, at: Integers, folder: Path) -> list[str]:
        with self.findings.timed("reading features"):
            written = write_embeddings(table, at, self.sites, folder, name, drop_nan=self.request.drop_nan)
        logger.info("%s: %s of %s", name, counted(written.dim, "feature"), counted(len(self.sites), "row"))
        for note in written.notes:
            logger.warning(note)
        of_mechanisms = self.made if QuestionName.MECHANISM in self.request.questions else ()
        for method in dict.fromkeys([Normalization.NONE, *self.methods, *of_mechanisms]):
            if method is not Normalization.NEGATIVE_CROSSFIT:
                with self.findings.timed("profiles"):
                    self._normalise(name, written.paths, method)
            for question in QUESTIONS:
                if self._is_asked(question, method):
                    with self.findings.timed(question.name):
                        self._answer(question, name, method)
            if not self.request.keep_profiles and method is not Normalization.NONE:
                self._sites_of(name, method).unlink(missing_ok=True)
        if not self.request.keep_profiles:
            self._sites_of(name, Normalization.NONE).unlink(missing_ok=True)
            shutil.rmtree(folder)
        return written.notes

    def compare(self, names: Sequence[str]) -> None:
        """Every featurizer with every later one, on the same held-out wells and images; of every question those that answered
        it."""
        if COMPARISONS not in self.request.questions:
            return
        if len(names) < 2:
            reason = (
                f"{names[0]} alone could be evaluated"
                if self.findings.failed
                else "one featurizer was given; name each of several by --embeddings NAME=table"
            )
            self.findings.add_reason(COMPARISONS, reason)
            return
        method = self.methods[0].value
        output = self.out / "evaluation/comparisons/pairs.parquet"
        with self._compared(names, method) as files:
            if not any(files.values()):
                self.findings.add_reason(COMPARISONS, "no question was answered of two featurizers on held-out wells")
                return
            try:
                write_comparisons(
                    list(names),
                    settings=self.request.settings,
                    development_rows=[],
                    normalization=method,
                    seed=self.request.seed,
                    training_seeds=dict.fromkeys(names, 0),
                    output=output,
                    pairs=[(one, other) for i, one in enumerate(names) for other in names[i + 1 :]],
                    **{key: list(of.values()) for key, of in files.items()},
                )
            except Exception as error:
                self.findings.add_reason(COMPARISONS, self._plain(_reason(error)))
                return
        self.findings.answered[COMPARISONS] = [output]

    @contextmanager
    def _compared(self, names: Sequence[str], method: str) -> Iterator[dict[str, dict[str, Path]]]:
        """Files that comparisons read, by parameter and featurizer. A featurizer that did not answer a question another one did
        has a table without rows in its place, as in the workflow; a question of fewer than two featurizers has none."""
        with TemporaryDirectory() as folder:
            found: dict[str, dict[str, Path]] = {}
            for key, (file, schema) in COMPARED.items():
                paths = {name: self.out / "evaluation" / file.format(featurizer=name, method=method) for name in names}
                there = [name for name, path in paths.items() if path.exists()]
                found[key] = {}
                for name, path in paths.items() if len(there) > 1 else ():
                    found[key][name] = path if name in there else Path(folder, f"{key}.{name}.parquet")
                    if name not in there:
                        write_missing(found[key][name], schema, Missing(key, name, method, "not answered"))
            yield found

    def _sites_of(self, name: str, method: Normalization) -> Path:
        return self.out / f"normalization/plates/{name}.{method}.sites.parquet"

    def _normalise(self, name: str, embeddings: Sequence[Path], method: Normalization) -> None:
        of_sites = self._sites_of(name, method)
        of_wells = of_sites.with_name(f"{name}.{method}.wells.parquet")
        logger.info("%s: profiles, normalisation %s", name, method)
        try:
            sites = self.out / "source/plates/sites.parquet"
            write_profiles(embeddings, sites, method, of_sites, of_wells, settings=self.request.normalization)
        except Exception as error:
            self._failed |= dict.fromkeys((of_sites, of_wells), _reason(error))

    def _is_asked(self, question: Question, method: Normalization) -> bool:
        """Whether a question is asked of a normalisation, and it or one that rests on it was requested."""
        of = {
            Methods.EVERY: method in self.methods,
            Methods.FIRST: method is self.methods[0],
            Methods.MADE: method in self.made,
            Methods.RAW: method is Normalization.NONE,
        }
        return of[question.methods] and question.name in self._requested()

    def _requested(self) -> set[str]:
        """Questions that were requested, and those whose files they read."""
        wanted = set(self.request.questions)
        if COMPARISONS in wanted and len(self.request.features) > 1:
            wanted |= {"scores", *(name for name in ("cell_model", "cell_type") if not self._missing[name])}
        by_output = {file: each.name for each in QUESTIONS for file in each.outputs.values()}
        for question in reversed(QUESTIONS):
            if question.name in wanted:
                wanted |= {by_output[file] for file in question.inputs.values() if file in by_output}
        return wanted

    def _answer(self, question: Question, name: str, method: Normalization) -> None:
        """Answer one question of one featurizer and normalisation, or note why it has no answer."""
        asked = question.name in self.request.questions
        if missing := self._missing[question.name]:
            if asked:
                self.findings.add_reason(question.name, missing)
            return
        profiles = Normalization.NONE if method is Normalization.NEGATIVE_CROSSFIT else method
        words = {
            "featurizer": name,
            "method": method.value,
            "profiles": profiles.value,
            "truth": str(self.request.truth),
        }
        inputs = {key: self.out / file.format(**words) for key, file in question.inputs.items()}
        outputs = {key: self.out / file.format(**words) for key, file in question.outputs.items()}
        if "truth" in inputs:
            inputs["truth"] = Path(words["truth"])
        logger.info("%s: %s, normalisation %s", name, question.name, method)
        try:
            for path in inputs.values():
                if path in self._failed:
                    raise FeaturesError(self._failed[path])
            bound(question.calls, inputs, outputs, {}, offered=self._offered(name, method))()
        except Exception as error:
            reason = _reason(error)
            self._failed |= dict.fromkeys(outputs.values(), reason)
            if asked:
                self.findings.add_reason(question.name, f"{name}, normalisation {method}: {self._plain(reason)}")
            return
        if asked:
            self.findings.answered.setdefault(question.name, []).append(outputs["output"])

    def _offered(self, name: str, method: Normalization) -> dict[str, object]:
        """What functions of the evaluation take beside files."""
        return {
            "settings": self.request.settings,
            "featurizer": name,
            "normalization": method.value,
            "seed": self.request.seed,
            "training_seed": 0,
            "development_rows": [],
        }

    def _plain(self, reason: str) -> str:
        """A sentence without the folder of results in its paths."""
        return reason.replace(f"{self.out}/", "")


def _reason(error: Exception) -> str:
    """What gandl noticed; anything else, a full disk among it, ends the command."""
    if isinstance(error, OSError) or not is_ours(error):
        raise error
    return str(error)
