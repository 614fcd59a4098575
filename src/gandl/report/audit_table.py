"""The audit as a table: takes the reference values and everything that a run made which may answer one, makes audit.csv.

It has a row for every row of `resources/paper_values.csv`, in their order: what is printed and where, ours with its interval, and
a verdict of a closed set (`reference.verdicts.Verdict`). Beside a setting or a count stands what a run of the whole paper takes
(`config/paper.yaml`, the published screens), which can be compared where this run is simulated or small.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import FeaturizerName
from gandl.config.files import read_config
from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPOUNDS
from gandl.figures.common.comparisons import read_comparisons
from gandl.figures.common.style import write_csv
from gandl.report import numbers
from gandl.report.reference import answers
from gandl.report.reference.compounds import named_in_paper, ranks, under_paper_names
from gandl.report.reference.configuration import settings_of
from gandl.report.reference.contrasts import CONTRASTS, contrasts
from gandl.report.reference.margins import MERGED, elsewhere, margins
from gandl.report.reference.representations import ComparisonFiles, comparison_answers
from gandl.report.reference.screens import counts_of, published_counts
from gandl.report.reference.values import COSTS, PAPER, SETTINGS, Kind, Reference, read_values
from gandl.report.reference.verdicts import JUDGED, Comparison, Measured, Verdict, compare, parts_of, rule_of
from gandl.tables import read_table
from gandl.workflow.words import named

COLUMNS = [
    *(
        "id",
        "kind",
        "source",
        "place",
        "what",
        "printed",
        "paper_value",
        "paper_low",
        "paper_high",
        "paper_text",
        "elsewhere",
    ),
    *("ours", "ours_low", "ours_high", "ours_text", "n", "unit", "normalization", "verdict", "rule"),
    *("full_run", "full_run_text", "full_run_verdict", "target", "note"),
    *(
        "dataset",
        "question",
        "featurizer",
        "against",
        "split",
        "metric",
        "repeats",
        "paper",
        "line",
        "sentence",
        "images",
    ),
]
AS_LISTED = (
    *(
        "id",
        "source",
        "place",
        "what",
        "printed",
        "target",
        "note",
        "dataset",
        "question",
        "featurizer",
        "against",
        "split",
    ),
    *("metric", "repeats", "paper", "line", "sentence"),
)
"""Columns that are those of the list itself."""
SIMULATED = "simulated"
RELEASED, TRAINED_HERE = FeaturizerName.RELEASED.value, FeaturizerName.DENSENET161_ARCFACE.value
"""The paper's baseline, and the one that a run trains itself: it answers where the published embeddings are not taken."""


@dataclass(frozen=True)
class AuditTableInputs:
    """Files that the table is made from.

    references : `resources/paper_values.csv`. provenance : provenance.json of the run. full : `config/paper.yaml`.
    numbers : tables of `gandl.tables.NUMBERS`. paired : `evaluation.terms.COMPARISONS`.
    sites : sites table of every screen of the run, in the order of `source.datasets`.
    compounds, doses : `evaluation.terms.COMPOUNDS` and `evaluation.screening.terms.DOSES` of the paper's featurizer; none where
        compounds were not called.
    comparison : of the comparison of representation learning; None where the run has none.
    """

    references: Path
    provenance: Path
    full: Path
    numbers: Sequence[Path]
    sites: Sequence[Path]
    paired: Sequence[Path] = ()
    compounds: Sequence[Path] = ()
    doses: Sequence[Path] = ()
    comparison: ComparisonFiles | None = None


def write_audit_table(inputs: AuditTableInputs, output: Path) -> None:
    """Write audit.csv; the same bytes for the same inputs.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema.
    gandl.report.reference.values.ReferenceError : the table of reference values has a mistake.
    gandl.config.check.ConfigError : `full` is no right configuration.
    """
    write_csv(audit_table(inputs), output)


def write_numbers(inputs: AuditTableInputs, output: Path) -> None:
    """Write numbers.csv: every number of the evaluation, each once, with its file; of a simulated screen with that word.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema.
    """
    simulated = json.loads(inputs.provenance.read_text(encoding="utf-8"))["simulated"]
    table = numbers.read_numbers(inputs.numbers)
    write_csv(table.assign(images=SIMULATED) if simulated else table, output)


def audit_table(inputs: AuditTableInputs) -> pd.DataFrame:
    """The table with `COLUMNS`."""
    references = read_values(inputs.references)
    provenance = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))
    configuration, simulated = provenance["configuration"], bool(provenance["simulated"])
    method = str(configuration["normalization"]["method"])
    ours = _answers(inputs, references, provenance)
    compared = compare(references, ours, method, simulated, parts_of(configuration))
    full = answers.joined([settings_of(read_config(inputs.full).model_dump(mode="json")), published_counts()])
    of_full = compare(references, full, method, simulated=False)
    here = {"", *configuration["source"]["datasets"]}
    rows = [
        _row(item if item.reference.dataset in here else _absent(item), whole, references, simulated)
        for item, whole in zip(compared, of_full, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n": "Int64"})


def counts_in_words(table: pd.DataFrame) -> str:
    """How many rows got which verdict: agrees: 12; differs: 3."""
    counts = table["verdict"].value_counts()
    return "; ".join(
        f"{verdict.value}: {counts[verdict.value]}" for verdict in Verdict if verdict.value in counts.index
    )


def _answers(inputs: AuditTableInputs, references: Sequence[Reference], provenance: Mapping[str, Any]) -> pd.DataFrame:
    """Everything of this run that may answer a reference."""
    configuration = provenance["configuration"]
    method = str(configuration["normalization"]["method"])
    table = numbers.read_numbers(inputs.numbers)
    evaluated = _asked(under_paper_names(table, references), references)
    paired = read_comparisons(inputs.paired)
    if RELEASED not in configuration["embeddings"]["featurizers"]:
        evaluated, paired = (answers.standing_in(each, RELEASED, TRAINED_HERE) for each in (evaluated, paired))
    sites = dict(zip(configuration["source"]["datasets"], inputs.sites, strict=True))
    called = [
        (read_table(doses, DOSES), read_table(compounds, COMPOUNDS))
        for doses, compounds in zip(inputs.doses, inputs.compounds, strict=True)
    ]
    return answers.joined(
        [
            answers.of_numbers(evaluated),
            contrasts(references, evaluated, method),
            margins([one for one in references if one.metric not in CONTRASTS], evaluated, paired, method),
            *(ranks(doses, compounds, references) for doses, compounds in called),
            named_in_paper(references),
            settings_of(configuration, provenance["hardware"]["gpus"]),
            counts_of(sites),
            _costs(provenance),
            comparison_answers(inputs.comparison, provenance),
        ]
    )


def _asked(table: pd.DataFrame, references: Sequence[Reference]) -> pd.DataFrame:
    """The numbers that may answer a reference: a screen of 1,672 compounds has a hundred thousand others."""
    wanted = {name: {getattr(r, name) for r in references} for name in ("question", "split", "metric")}
    wanted["split"].add(MERGED)  # margins also take these
    wanted["metric"].add("accuracy")
    return table[pd.concat([table[name].isin(values) for name, values in wanted.items()], axis=1).all(axis=1)]


def _costs(provenance: Mapping[str, Any]) -> pd.DataFrame:
    """Hours of the training of GAN-DL, with the hardware in words."""
    hardware = provenance["hardware"]
    where = named_hardware(hardware)
    rows = [
        {
            "question": COSTS,
            "featurizer": "gandl",
            "metric": "training_hours",
            "value": job["seconds"] / 3600,
            "n": int(provenance["configuration"]["training"]["images"]),
            "unit": "image",
            "text": f"on {where}",
        }
        for job in provenance["jobs"]
        if job["stage"] == "models" and job["job"].startswith("gandl_seed_") and job["seconds"] is not None
    ]
    return answers.table(rows)


def named_hardware(hardware: Mapping[str, Any]) -> str:
    """The GPUs, or the cores where there is none."""
    gpus = hardware["gpus"]
    return f"the {named('GPU', gpus)}" if gpus else f"{hardware['cores']} cores ({hardware['cpu']})"


def _absent(item: Comparison) -> Comparison:
    """The same where the screen is none of the run's: another's numbers do not answer it."""
    asked = item.verdict not in (Verdict.BY_EYE, Verdict.NOT_COMPARED, Verdict.NO_REFERENCE)
    kept = item.reference.question == PAPER or not asked
    return item if kept else Comparison(item.reference, None, Verdict.NOT_MEASURED)


def _row(item: Comparison, whole: Comparison, references: Sequence[Reference], simulated: bool) -> dict[str, Any]:
    reference, judged = item.reference, item.verdict in JUDGED
    row: dict[str, Any] = {name: getattr(reference, name) for name in AS_LISTED}
    row |= {"kind": reference.kind.value, "verdict": item.verdict.value, "elsewhere": elsewhere(reference, references)}
    row |= {"paper_value": reference.value, "paper_low": reference.low, "paper_high": reference.high}
    row |= {"paper_text": reference.text, "rule": rule_of(reference).value if judged else ""}
    row |= _of(item.measured)
    if reference.kind in (Kind.SETTING, Kind.COUNT) and whole.measured is not None and whole.measured.known:
        row |= {"full_run": _number(whole.measured.value), "full_run_text": whole.measured.text}
        row["full_run_verdict"] = whole.verdict.value
    from_images = item.measured is not None and reference.question not in (SETTINGS, PAPER)
    return row | {"images": SIMULATED if simulated and from_images else ""}


def _of(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {}
    found = {"ours": measured.value, "ours_low": measured.low, "ours_high": measured.high}
    row: dict[str, Any] = {name: _number(value) for name, value in found.items()}
    row |= {"ours_text": measured.text, "n": measured.n or None, "unit": measured.unit}
    return row | {"normalization": measured.normalization}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
