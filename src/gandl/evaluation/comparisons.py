"""Comparisons: takes held-out scores and answers of all featurizers, makes the difference of each from each floor, and from
GAN-DL.

Every pair is compared on the same wells or images: by well where whole plates (rows, columns, experiments) were left out, by
image in the paper's split. Draws are shared by all featurizers (`gandl.evaluation.paired`): of what was left out as a whole, else
of wells. One training stands behind every network, so nothing here says what another training seed would give.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import TRAINED, EvaluationSettings, Normalization, floors_among
from gandl.evaluation.cell_type import ANSWERS
from gandl.evaluation.controls import by_cell_type, groups_of_split
from gandl.evaluation.held_out import SCORED_BY_IMAGE, SITE_SCORES
from gandl.evaluation.paired import (
    Draws,
    LeftOutValues,
    difference,
    draw,
    drawn_accuracy,
    drawn_auc,
    holm,
    refitted_difference,
)
from gandl.evaluation.strict.intervals import left_out_values
from gandl.evaluation.strict.refits import REFITS
from gandl.evaluation.terms import ALL, COMPARISONS
from gandl.source.schemes import LINES
from gandl.source.splits import CELL_MODELS, Question, Scheme
from gandl.statistics.folds import labels_of
from gandl.statistics.separation import auc
from gandl.tables import WELL_SCORES, Schema, read_table, write_table
from gandl.workflow.words import counted

ABOUT = ["scheme", "well_id", "plate_id", "experiment", "row", "column", "cell_type", "control"]
LEFT_OUT = {Scheme.LEAVE_PLATE_OUT: "plate", Scheme.LEAVE_EXPERIMENT_OUT: "experiment", **LINES}
"""What is drawn where it was left out, by the scheme; in all other schemes wells are."""
UNITS = {"plate": "plate_id"}
"""The column that names a unit, where it is not called as the unit is."""
RAW = Normalization.NONE.value

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


class ComparisonError(ValueError):
    """Featurizers cannot be compared on the same wells; the message names what they lack."""


@dataclass(frozen=True)
class Held:
    """One set of held-out wells or images on which featurizers are compared.

    Attributes
    ----------
    question, split, unit, metric, normalization : as in `tables.NUMBERS`. n : wells or images.
    drawn : what the bootstrap draws, as in `terms.COMPARISONS`. units : how many of each class.
    together : the classes have the same units, which are drawn for all of them at once.
    statistic : featurizer, draws -> (1 + draws,) its value, and that of every draw.
    wells : the controls whose axes are refitted without each plate, where they can be (`strict.refits`).
    """

    question: str
    split: str
    unit: str
    metric: str
    normalization: str
    n: int
    drawn: str
    units: list[int]
    together: bool
    statistic: Callable[[str, Draws], Floats]
    wells: pd.DataFrame | None = None


def write_comparisons(
    featurizers: Sequence[str],
    controls: Sequence[Path],
    control_images: Sequence[Path],
    cell_model: Sequence[Path],
    cell_model_images: Sequence[Path],
    cell_type: Sequence[Path],
    settings: EvaluationSettings,
    development_rows: Sequence[str],
    *,
    normalization: str,
    seed: int,
    training_seeds: Mapping[str, int],
    output: Path,
    refits: Sequence[Path] = (),
    pairs: Sequence[tuple[str, str]] | None = None,
) -> None:
    """Write `terms.COMPARISONS` on every set of held-out wells: every featurizer that is not a floor against every floor,
    and against the leading one.

    Parameters
    ----------
    featurizers : in the order of the files of each question.
    controls, control_images : well scores and `held_out.SITE_SCORES` under the run's own normalisation; none where the question
        was not requested. cell_model, cell_model_images : the same of raw profiles. cell_type : `cell_type.ANSWERS`.
    development_rows : rows of a screen of one plate on which settings were chosen: they are not compared by themselves.
    refits : `strict.refits.REFITS` of `controls`: where plates, rows or experiments are held out, each is left out in turn
        and the axes are refitted, instead of drawing them, which keeps the axes.
    normalization : of `controls`. seed : of the bootstrap, whose draws are the same for every featurizer.
    training_seeds : of each featurizer's network, for the table.
    pairs : featurizers and what they are compared with, in place of the floors.
    output : `auc_difference` of wells, `accuracy_difference` of images (and of wells by cell type), split `<scheme>:<group>`.
        Interval and p are of one comparison; `p_holm` is adjusted over all rows, those against the leading featurizer among
        them: one family, of all that is claimed. They are null where a class has one unit to
        draw, where all draws agree, or where one in twenty has no well of a class. Without rows where nothing but floors, or one
        featurizer and no floor, is there.

    Raises
    ------
    ComparisonError : featurizers have no well or image of a question in common, or two bear one name.
    """
    if twice := [name for i, name in enumerate(featurizers) if name in featurizers[:i]]:
        raise ComparisonError(f"two featurizers are called {twice[0]}; their scores cannot be told apart")
    if pairs is None:
        pairs = pairs_of(featurizers)
    sets: list[Held] = []
    if pairs:
        sets += _controls(featurizers, controls, control_images, development_rows, normalization)
        sets += _cell_model(featurizers, cell_model, cell_model_images)
        sets += _cell_type(featurizers, cell_type)
    rows = []
    left_out = {name: read_table(Path(path), REFITS) for name, path in zip(featurizers, refits, strict=False)}
    for position, held in enumerate(sets):
        draws = draw(held.units, settings.bootstrap, seed + position, together=held.together)
        values = {name: held.statistic(name, draws) for name in featurizers}
        without = _without_each(held, left_out)
        for featurizer, other in pairs:
            if np.isnan([values[featurizer][0], values[other][0]]).any():
                continue  # one of them has no scores in this scheme
            found = difference(values[featurizer], values[other], draws.freedom, settings.confidence)
            found = refitted_difference(found, without.get(featurizer), without.get(other), settings.confidence)
            about = {name: getattr(held, name) for name in ("question", "normalization", "split", "unit", "n", "drawn")}
            interval = {"value": found.value, "low": found.low, "high": found.high, "p": found.p}
            names = {"featurizer": featurizer, "against": other, "metric": f"{held.metric}_difference"}
            units = held.units[0] if held.together else sum(held.units)
            rows.append({**about, **names, **interval, "units": units, "seed": training_seeds[featurizer]})
        logger.info("%s, %s by %s: %s of %d", held.question, held.split, held.unit, counted(len(pairs), "pair"), held.n)
    table = pd.DataFrame(rows, columns=[name for name in COMPARISONS.names if name not in ("fold", "p_holm")])
    table = table.assign(fold="all", p_holm=holm(table["p"].to_numpy(float)))
    kinds = {"integer": "int64", "float": "float64"}
    table = table.astype({column.name: kinds[column.kind] for column in COMPARISONS.columns if column.kind in kinds})
    write_table(table[COMPARISONS.names], Path(output), COMPARISONS)


def _without_each(held: Held, left_out: Mapping[str, pd.DataFrame]) -> dict[str, LeftOutValues]:
    """Each featurizer's AUC without each plate (row, experiment), axes refitted; empty where nothing was refitted."""
    if held.wells is None:
        return {}
    signs, scheme = labels_of(held.wells["control"]), held.split.partition(":")[0]
    return {
        name: left_out_values(held.wells, signs, table[table["scheme"] == scheme], "on", auc)
        for name, table in left_out.items()
    }


def pairs_of(featurizers: Sequence[str]) -> list[tuple[str, str]]:
    """Who is compared with whom: each featurizer that is no floor with each floor, then with the leading one, which is the
    first of this run's own GAN (`gandl.config.TRAINED`); that one's own differences from floors are already there."""
    floors = floors_among(featurizers)
    learned = [name for name in featurizers if name not in floors]
    leading = [name for name in TRAINED if name in learned][:1]
    return [pair for pair in product(learned, [*floors, *leading]) if pair[0] != pair[1]]


def _controls(
    featurizers: Sequence[str],
    wells: Sequence[Path],
    images: Sequence[Path],
    development_rows: Sequence[str],
    normalization: str,
) -> Iterator[Held]:
    question = Question.CONTROLS.value
    for scheme, split, part in _groups(featurizers, wells, WELL_SCORES, development_rows):
        if scheme in LEFT_OUT:
            kinds = part["control"] == "positive", part["control"] == "negative"
            for held in _by_auc(question, split, normalization, part, kinds, LEFT_OUT[Scheme(scheme)]):
                yield replace(held, wells=part[["well_id", "control"]])
    for scheme, split, part in _groups(featurizers, images, SITE_SCORES, development_rows):
        if scheme in SCORED_BY_IMAGE:
            signs = np.where(part["control"] == "positive", 1, -1)
            yield from _by_image(question, split, normalization, part, signs, part["control"])


def _groups(
    featurizers: Sequence[str], paths: Sequence[Path], schema: Schema, development_rows: Sequence[str]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Scheme, split and rows of the controls, as the question reports them; of one plate without the development rows."""
    scores = _joined(featurizers, paths, schema, "on")
    by_type = by_cell_type(scores)
    scores = scores[scores["control"].isin(["positive", "negative"])]
    for scheme, of_scheme in scores.groupby("scheme", sort=False):
        for split, part in groups_of_split(of_scheme, str(scheme), development_rows, by_type=by_type):
            if by_type or not set(part["row"]) <= set(development_rows):
                yield str(scheme), split, part


def _cell_model(featurizers: Sequence[str], wells: Sequence[Path], images: Sequence[Path]) -> Iterator[Held]:
    """HRCE against VERO: a plate has one of them, so plates of each are drawn where plates were left out."""
    question = Question.CELL_MODEL.value
    for paths, schema in ((wells, WELL_SCORES), (images, SITE_SCORES)):
        scores = _joined(featurizers, paths, schema, "on")
        scores = scores[(scores["control"] != "none") & scores["cell_type"].isin(CELL_MODELS)]
        for named, part in scores.groupby("scheme", sort=False):
            scheme = str(named)
            first = part["cell_type"] == CELL_MODELS[0]
            if schema is WELL_SCORES and scheme == Scheme.LEAVE_PLATE_OUT:
                yield from _by_auc(question, f"{scheme}:{ALL}", RAW, part, (first, ~first), "plate")
            elif schema is SITE_SCORES and scheme in SCORED_BY_IMAGE:
                signs = np.where(first, 1, -1)
                yield from _by_image(question, f"{scheme}:{ALL}", RAW, part, signs, part["cell_type"])


def _cell_type(featurizers: Sequence[str], paths: Sequence[Path]) -> Iterator[Held]:
    """Cell types: whole experiments by well, the paper's split by image."""
    answers = _joined(featurizers, paths, ANSWERS, "predicted")
    for (scheme, unit), part in answers.groupby(["scheme", "unit"], sort=False):
        drawn = "experiment" if scheme == Scheme.LEAVE_EXPERIMENT_OUT else "well"
        if (scheme == Scheme.LEAVE_EXPERIMENT_OUT) == (unit == "well"):
            right = {name: _where_known(part[name], part[name] == part["true"]) for name in featurizers}
            about = (Question.CELL_TYPE.value, f"{scheme}:{ALL}", str(unit), "accuracy", RAW)
            yield _accuracy(about, part["drawn"], part["true"], right, drawn)


def _by_auc(
    question: str,
    split: str,
    normalization: str,
    part: pd.DataFrame,
    kinds: tuple[pd.Series, pd.Series],
    drawn: str,
) -> Iterator[Held]:
    """Wells of two kinds by AUC; nothing where one kind is missing."""
    positive, negative = (part[kind] for kind in kinds)
    if min(len(positive), len(negative)) == 0:
        return
    column = UNITS.get(drawn, drawn)
    (at, other_at), units, together = _numbered([positive[column], negative[column]])

    def statistic(featurizer: str, draws: Draws) -> Floats:
        one, other = (rows[featurizer].to_numpy(np.float64) for rows in (positive, negative))
        if np.isnan(one).any():
            return np.full(len(draws.factors[0]), np.nan)
        return drawn_auc(one, other, (at, other_at), draws)

    n = len(positive) + len(negative)
    yield Held(question, split, "well", "auc", normalization, n, drawn, units, together, statistic)


def _by_image(
    question: str, split: str, normalization: str, part: pd.DataFrame, signs: npt.NDArray[np.int_], classes: pd.Series
) -> Iterator[Held]:
    """Images by accuracy: an on score is right on the side of its class."""
    features = [name for name in part.columns if name not in (*ABOUT, "site_id")]
    side = {name: signs * part[name].to_numpy(float) for name in features}
    right = {name: _where_known(part[name], (of > 0) + (of == 0) / 2) for name, of in side.items()}
    about = (question, split, "site", "accuracy", normalization)
    yield _accuracy(about, part["well_id"], classes, right, "well")


def _accuracy(
    about: tuple[str, str, str, str, str], drawn: pd.Series, classes: pd.Series, right: dict[str, Floats], what: str
) -> Held:
    """A set judged by accuracy: right answers are summed by what is drawn, class by class."""
    members = [np.flatnonzero(classes == name) for name in sorted(classes.unique())]
    units, sizes, together = _numbered([drawn.iloc[here] for here in members])

    def statistic(featurizer: str, draws: Draws) -> Floats:
        each = list(zip(units, members, sizes, strict=True))
        sums = [np.bincount(at, right[featurizer][here], size).astype(np.float64) for at, here, size in each]
        totals = [np.bincount(at, minlength=size).astype(np.float64) for at, _, size in each]
        return drawn_accuracy(sums, totals, draws)

    return Held(*about, len(drawn), what, sizes, together, statistic)


def _where_known(answers: pd.Series, right: npt.ArrayLike) -> Floats:
    """1 where an answer is right, 0 where it is wrong; not a number where there is none."""
    return np.where(answers.isna(), np.nan, np.asarray(right, np.float64))


def _numbered(names: Sequence[pd.Series]) -> tuple[list[npt.NDArray[np.int_]], list[int], bool]:
    """The unit of each row, class by class, and the numbers of units; whether classes share units.

    Where they do, units are numbered over all classes, which then have the same number of them; else within each class.
    """
    of_classes = [of_class.to_numpy(str) for of_class in names]
    every = np.unique(np.concatenate(of_classes))
    own = [np.unique(of_class) for of_class in of_classes]
    if sum(map(len, own)) > len(every):
        return [np.searchsorted(every, of_class) for of_class in of_classes], [len(every)] * len(own), True
    at = [np.searchsorted(units, of_class) for units, of_class in zip(own, of_classes, strict=True)]
    return at, [len(units) for units in own], False


def _joined(featurizers: Sequence[str], paths: Sequence[Path], schema: Schema, column: str) -> pd.DataFrame:
    """Rows that all featurizers of a scheme have, with a column of each one's own scores or answers; no rows without files.

    A featurizer that has nothing of a scheme (its models were not trained for it) is empty there, and takes no rows from others.

    Raises
    ------
    ComparisonError : they have no row in common.
    """
    known = [name for name in schema.names if name in (*ABOUT, *schema.key, "drawn", "true")]
    if not paths:
        return pd.DataFrame(columns=[*dict.fromkeys([*ABOUT, *known]), *featurizers])
    key = list(schema.key)
    tables = {
        name: read_table(Path(path), schema, [*known, column]).rename(columns={column: name})
        for name, path in zip(featurizers, paths, strict=True)
    }
    parts = []
    for scheme in dict.fromkeys(each for table in tables.values() for each in table["scheme"]):
        of_scheme = {name: table[table["scheme"] == scheme] for name, table in tables.items()}
        first, *others = [name for name, table in of_scheme.items() if len(table)]
        part = of_scheme[first]
        for name in others:
            part = part.merge(of_scheme[name][[*key, name]], on=key, validate="one_to_one")
        if missing := [name for name in featurizers if name not in (first, *others)]:
            logger.info("%s: %s without scores are left out", scheme, ", ".join(missing))
        parts.append(part)
    found = pd.concat(parts, ignore_index=True) if parts else tables[featurizers[0]]
    if found.empty and any(len(table) for table in tables.values()):
        raise ComparisonError(f"featurizers {', '.join(featurizers)} have no row of {schema.name} in common")
    found = found.reindex(columns=[*dict.fromkeys([*found.columns, *featurizers])])
    return found
