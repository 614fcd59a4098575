"""Answers that cannot be given: takes a question's function and its files, makes its tables, or empty ones with the reason.

One featurizer that does not fit, or one question that a screen cannot answer, must not keep the others and the report from being
made. The reason stays in the tables' metadata: a question that reads such a table says the same, and the report lists it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gandl.config import QuestionName
from gandl.tables import NUMBERS, WELL_SCORES, Schema
from gandl.workflow.files import atomic

MISSING = "missing"
"""The key in a table's metadata."""
TYPES = {"string": pa.string(), "integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}
TEXTS = (
    *("scheme", "unit", "true", "predicted", "well_id", "plate_id", "cell_type", "condition", "control"),
    *("compound", "treatment", "kind", "featurizer", "normalization"),
)
"""Columns of text among those of tables without a schema."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Missing:
    """An answer that could not be given: of which question and featurizer, under which normalisation, and why."""

    question: str
    featurizer: str
    normalization: str
    reason: str


def answer(
    call: Callable[[], None],
    question: str,
    inputs: Iterable[Any],
    outputs: Mapping[str, Path],
    names: Mapping[str, str],
) -> str:
    """Answer a question; where it cannot be answered, write its tables without rows and with the reason.

    Parameters
    ----------
    call : writes the tables. question : its name. inputs : files that it reads; lists of files, which are those of several
        featurizers, are its own affair.
    outputs : by the names of its parameters. names : what is known of `featurizer` and `normalization`.

    Returns
    -------
    The reason; empty where there is an answer.

    Raises
    ------
    The error itself where an output is none of `tables_of`, and whatever is no mistake in what is evaluated: a defect.
    """
    reasons = [reason for path in inputs if isinstance(path, str | Path) and (reason := reason_of(Path(path)))]
    if not reasons:
        try:
            call()
        except ValueError as error:
            known = set(outputs) <= set(tables_of(question))
            if not type(error).__module__.startswith("gandl.") or not known or not names:
                raise
            reasons = [str(error)]
    if not reasons:
        return ""
    about = Missing(question, names.get("featurizer", ""), names.get("normalization", ""), reasons[0])
    logger.warning("not evaluated, %s of %s: %s", question, about.featurizer, about.reason)
    tables = tables_of(question)
    for name, path in outputs.items():
        write_missing(Path(path), tables[name], about)
    return about.reason


def tables_of(question: str) -> dict[str, Schema | Sequence[str]]:
    """What the outputs of a question hold, by the names that these bear in its function.

    The questions' modules are imported where an answer is missing: at the start of every job they took 0.2 s of a core.
    """
    from gandl.evaluation.calibration import COMPOUND_COLUMNS, WELL_COLUMNS
    from gandl.evaluation.cell_type import ANSWERS, CONFUSION_COLUMNS
    from gandl.evaluation.dose_response import CURVE_COLUMNS, POINT_COLUMNS
    from gandl.evaluation.held_out import SITE_SCORES
    from gandl.evaluation.mechanism.terms import CONFUSION_COLUMNS as OF_MECHANISMS, MATCHES
    from gandl.evaluation.screening.terms import DOSES
    from gandl.evaluation.strict.permutations import PERMUTATIONS
    from gandl.evaluation.strict.refits import REFITS
    from gandl.evaluation.terms import COMPOUNDS, TREATMENTS

    if question == QuestionName.MECHANISM:
        return {"output": NUMBERS, "treatments": MATCHES, "confusion": OF_MECHANISMS}
    return {
        "output": NUMBERS,
        "scores": WELL_SCORES,
        "site_scores": SITE_SCORES,
        "refits": REFITS,
        "permutations": PERMUTATIONS,
        "treatments": TREATMENTS,
        "answers": ANSWERS,
        "confusion": CONFUSION_COLUMNS,
        "curves": CURVE_COLUMNS,
        "points": POINT_COLUMNS,
        "wells": WELL_COLUMNS,
        "plates": NUMBERS,
        "doses": DOSES,
        "compounds": COMPOUNDS if question == QuestionName.SCREENING else COMPOUND_COLUMNS,
    }


def write_missing(path: Path, columns: Schema | Sequence[str], about: Missing) -> None:
    """Write a table of these columns without rows, with what is missing in its metadata."""
    if isinstance(columns, Schema):
        fields = [(column.name, TYPES[column.kind]) for column in columns.columns]
    else:
        fields = [(name, pa.string() if name in TEXTS else pa.float64()) for name in columns]
    note = {MISSING: json.dumps(vars(about), ensure_ascii=False)}
    with atomic(path) as partial:
        pq.write_table(pa.schema(fields, metadata=note).empty_table(), partial)


def reason_of(path: Path) -> str:
    """Why a table has no rows; empty where nothing is missing, or it is no table."""
    found = _missing_of(path)
    return found.reason if found else ""


def missing_answers(paths: Iterable[Path]) -> list[Missing]:
    """What is missing among tables."""
    return [found for path in paths if (found := _missing_of(Path(path)))]


def _missing_of(path: Path) -> Missing | None:
    if path.suffix != ".parquet":
        return None
    note = (pq.read_schema(path).metadata or {}).get(MISSING.encode())
    return None if note is None else Missing(**json.loads(note))
