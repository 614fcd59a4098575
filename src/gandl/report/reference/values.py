"""Reference values: takes `resources/paper_values.csv`, makes one `Reference` per row, checked.

A row is one number or named claim of a paper: where it stands (`source`, `place`; `paper`, `line` and `sentence` as in the text
of the paper), how it is `printed`, and by what it is compared. That is named as an evaluation names its numbers (question,
featurizer, normalization, split, unit, metric); `against` is a second featurizer, from which a difference is taken. Known of it
are a `value`, an accepted range from `low` to `high` (an empty end is open), or a `text`. An empty `normalization` is the run's
own, an empty `unit` of an evaluated question the well. A row without a metric is compared with nothing, and its `note` says
why; one with a metric and without value, range and text was looked for, and no source was found.

`repeats` names the row of the same source that prints the same number first, `conflicts` those that print another for it.

`line` is where the sentence begins in the text of the paper. Sentences that were found by their numbers (all that the list of
them beside the papers has) bear the line where their paragraph or page begins instead, and stand as that search cut them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from gandl.workflow.words import named


class ReferenceError(ValueError):
    """The table of reference values has a mistake; the message names the file and the row."""


class Kind(StrEnum):
    """What a row is: a result, a setting of the method or of the assay, a count, a claim in words, a figure without numbers or
    what is said of one that only the eye can compare."""

    RESULT = "result"
    SETTING = "setting"
    COUNT = "count"
    CLAIM = "claim"
    FIGURE = "figure"


SETTINGS, SCREEN, COMPOUNDS, COSTS, PAPER = "settings", "screen", "compounds", "costs", "paper"
"""Questions that no evaluation answers: what the configuration says, what a screen holds, how a compound does among the others,
what a job cost, and what the paper itself prints elsewhere."""
DERIVED = (SETTINGS, SCREEN, COMPOUNDS, COSTS, PAPER)


@dataclass(frozen=True)
class Reference:
    """One row of the table; `low`, `value` and `high` are None if the table is empty."""

    dataset: str
    question: str
    featurizer: str
    normalization: str
    split: str
    unit: str
    metric: str
    low: float | None
    value: float | None
    high: float | None
    source: str
    place: str
    note: str
    id: str = ""
    kind: Kind = Kind.RESULT
    paper: str = ""
    line: str = ""
    sentence: str = ""
    what: str = ""
    printed: str = ""
    repeats: str = ""
    conflicts: str = ""
    against: str = ""
    text: str = ""
    target: str = ""

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.text) or any(number is not None for number in (self.low, self.value, self.high))

    @property
    def ranged(self) -> bool:
        """Whether a range is accepted."""
        return self.low is not None or self.high is not None

    @property
    def evaluated(self) -> bool:
        """Whether a number of an evaluation by itself answers it."""
        of_numbers = self.kind in (Kind.RESULT, Kind.CLAIM) and self.question not in DERIVED
        return of_numbers and bool(self.metric) and not self.against

    @property
    def key(self) -> tuple[str, ...]:
        """By what it is compared."""
        return (
            self.question,
            self.featurizer,
            self.against,
            self.normalization,
            self.split,
            self.unit or ("well" if self.question not in DERIVED else ""),
            self.metric,
        )


COLUMNS = tuple(field.name for field in fields(Reference))
NUMBERS = ("low", "value", "high")


def read_values(path: Path) -> list[Reference]:
    """Read all reference values, in the order of the table.

    Raises
    ------
    ReferenceError : a column is missing, an id is missing or repeated or named and not there, a kind is unknown, a value is no
        finite number, or a range is inverted.
    """
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise ReferenceError(f"{path} lacks the {named('column', missing)}")
        found = {f"{path}, row {reader.line_num}": row for row in reader}
    references = [_reference(row, where) for where, row in found.items()]
    _check_ids(references, list(found))
    return references


def read_references(path: Path, dataset: str) -> list[Reference]:
    """Read what a number of an evaluation of one screen answers, in the order of the table.

    What is printed twice, or in two versions of a paper, is there once.

    Raises
    ------
    ReferenceError : as `read_values`.
    """
    return once(reference for reference in read_values(path) if reference.dataset == dataset and reference.evaluated)


def once(references: Iterable[Reference]) -> list[Reference]:
    """The first of all that state the same of the same number."""
    found: dict[tuple[object, ...], Reference] = {}
    for reference in references:
        known = (reference.low, reference.value, reference.high, reference.text)
        alone = (reference.id,) if not reference.known else ()
        found.setdefault((reference.dataset, *reference.key, *known, *alone), reference)
    return list(found.values())


def _reference(row: dict[str, str], where: str) -> Reference:
    low, value, high = (_number(row[name], f"{where}: {name}") for name in NUMBERS)
    if low is not None and high is not None and low > high:
        raise ReferenceError(f"{where}: low ({low:g}) is above high ({high:g})")
    texts = {name: (row[name] or "").strip() for name in COLUMNS if name not in (*NUMBERS, "kind")}
    kinds = [kind.value for kind in Kind]
    if row["kind"] not in kinds:
        raise ReferenceError(f"{where}: kind is {row['kind']!r}; it must be one of {', '.join(kinds)}")
    return Reference(**texts, kind=Kind(row["kind"]), low=low, value=value, high=high)


def _number(text: str | None, where: str) -> float | None:
    if not (text or "").strip():
        return None
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ReferenceError(f"{where} is {text!r}; it must be a number or empty")
    return number


def _check_ids(references: list[Reference], places: list[str]) -> None:
    known: set[str] = set()
    for reference, where in zip(references, places, strict=True):
        if not reference.id or reference.id in known:
            raise ReferenceError(f"{where}: id is {reference.id!r}; each row needs one of its own")
        known.add(reference.id)
    for reference, where in zip(references, places, strict=True):
        for name in ("repeats", "conflicts"):
            unknown = [other for other in getattr(reference, name).split() if other not in known]
            if unknown:
                raise ReferenceError(f"{where}: {name} names {', '.join(unknown)}, which no row is called")
