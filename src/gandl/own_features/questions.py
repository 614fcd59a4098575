"""Questions: the list of what `gandl evaluate` answers. Takes what a screen holds, says which questions it can answer.

A question is one entry of `QUESTIONS`: the function of the evaluation that answers it, the files that this reads and writes
(those of `rules/evaluation.smk`), what it needs of a screen, and which of its numbers the summary prints. The command line reads
their names, so nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import QuestionName
from gandl.source.schemes import Question as Split
from gandl.workflow.words import counted

if TYPE_CHECKING:
    import pandas as pd

WELLS = "normalization/plates/{featurizer}.{profiles}.wells.parquet"
SITES = "normalization/plates/{featurizer}.{profiles}.sites.parquet"
RAW_WELLS = "normalization/plates/{featurizer}.none.wells.parquet"
SPLITS = "source/plates/splits.parquet"
SCORES = "evaluation/scores/{featurizer}.{method}.parquet"
SITE_SCORES = "evaluation/scores/{featurizer}.{method}.sites.parquet"
REFITS = "evaluation/scores/{featurizer}.{method}.refits.parquet"
PERMUTATIONS = "evaluation/scores/{featurizer}.{method}.permutations.parquet"
COMPOUNDS = "evaluation/screening/{featurizer}.{method}.compounds.parquet"
TRUTH = "{truth}"


class Methods(Enum):
    """Of which normalisations a question is asked."""

    EVERY = "every one that is requested"
    FIRST = "the first that is requested"
    MADE = "every one that is requested, as profiles are made: of `negative_crossfit` those of `negative`, treated wells alike"
    RAW = "none: what is constant on a plate would be erased"


@dataclass(frozen=True)
class Screen:
    """What questions may need to know of a screen.

    Attributes
    ----------
    wells : rows of the sites table, a well each. splits : questions that it was split for.
    unsplit : why controls could not be split, where that was tried. truth : the simulated truth, where there is one.
    """

    wells: pd.DataFrame
    splits: frozenset[str]
    unsplit: str = ""
    truth: Path | None = None


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes
    ----------
    name : of its folder of results, and the word for it on the command line. calls : the function that answers it.
    inputs, outputs : files, below the folder of results, by the function's parameters, with `{featurizer}`, `{method}`, and
        `{profiles}`, the method of the profiles that it reads.
    needs : screen -> what is missing to answer it, in a sentence; "" if nothing is.
    methods : of which normalisations it is asked.
    title : for readers. shown : metrics that the summary prints; none of them: it is a step to others, and no question.
    """

    name: str
    calls: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    needs: Callable[[Screen], str]
    methods: Methods = Methods.FIRST
    title: str = ""
    shown: tuple[str, ...] = ()

    @property
    def is_step(self) -> bool:
        return not self.shown


def needs_controls(screen: Screen) -> str:
    """Both kinds of controls, that can be held out."""
    held = set(screen.wells["control"])
    lacking = [kind for kind in ("positive", "negative") if kind not in held]
    if lacking:
        return (
            f"no well is a {' or a '.join(lacking)} control; name them in a column control (or Metadata_control_type), or by "
            f"{' and '.join(f'--{kind}' for kind in lacking)}"
        )
    return "" if Split.CONTROLS in screen.splits else screen.unsplit or "its controls could not be split"


def needs_any_control(screen: Screen) -> str:
    """Controls of one kind at least: wells whose treatment cannot explain what differs between places."""
    return "" if (screen.wells["control"] != "none").any() else needs_controls(screen)


def needs_doses(screen: Screen) -> str:
    """Controls, and wells with a dose."""
    from gandl.evaluation.terms import dose_series

    if missing := needs_controls(screen):
        return missing
    return (
        ""
        if len(dose_series(screen.wells))
        else "no well that is not a control has both a treatment and a concentration"
    )


def needs_treatments(screen: Screen) -> str:
    """Controls, and treated wells."""
    if missing := needs_controls(screen):
        return missing
    treated = screen.wells[screen.wells["control"] == "none"]["treatment"].notna()
    return "" if treated.any() else "no well that is not a control has a treatment"


def needs_cell_models(screen: Screen) -> str:
    """Controls of HRCE and VERO, the cell models of RxRx19a."""
    from gandl.source.splits import CELL_MODELS

    if Split.CELL_MODEL in screen.splits:
        return ""
    return f"control wells of the cell types {' and '.join(CELL_MODELS)} (RxRx19a) are needed; {_types(screen)}"


def needs_cell_types(screen: Screen) -> str:
    """Several cell types, and no infection."""
    if Split.CELL_TYPE in screen.splits:
        return ""
    if screen.wells["cell_type"].nunique() < 2:
        return f"two cell types are needed; {_types(screen)}"
    return "it is asked of screens without infection (a condition `infected`), as RxRx1"


def needs_truth(screen: Screen) -> str:
    """The truth of a simulated screen, and what it is compared with."""
    return needs_doses(screen) or ("" if screen.truth else "only a simulated screen has a known truth (--truth)")


def needs_mechanisms(screen: Screen) -> str:
    """Treated wells with a mechanism of action."""
    if "moa" not in screen.wells:
        return "no column names mechanisms of action; add moa (or Metadata_moa), and compounds and doses beside it"
    named = screen.wells["moa"].fillna("").astype(str).str.strip() != ""
    return (
        ""
        if (named & (screen.wells["control"] == "none")).any()
        else "no well that is not a control has a mechanism (moa)"
    )


def _types(screen: Screen) -> str:
    types = sorted(screen.wells["cell_type"].unique())
    return f"there {'is' if len(types) == 1 else 'are'} {counted(len(types), 'cell type')}: {', '.join(types[:5])}"


def _numbers(question: str) -> str:
    return f"evaluation/{question}/{{featurizer}}.{{method}}.parquet"


def _beside(question: str, **endings: str) -> dict[str, str]:
    """Files of a question by their endings, its numbers first."""
    files = {
        name: f"evaluation/{question}/{{featurizer}}.{{method}}{ending}.parquet" for name, ending in endings.items()
    }
    return {"output": _numbers(question), **files}


PROFILES = {"wells": WELLS, "sites": SITES, "splits": SPLITS}

QUESTIONS: tuple[Question, ...] = (
    Question(
        "scores",
        "gandl.evaluation.scores.write_scores",
        inputs=PROFILES,
        outputs={
            "scores": SCORES,
            "site_scores": SITE_SCORES,
            "refits": REFITS,
            "permutations": PERMUTATIONS,
        },
        needs=needs_controls,
        methods=Methods.EVERY,
    ),
    Question(
        QuestionName.CONTROLS.value,
        "gandl.evaluation.controls.write_controls",
        inputs={
            "scores": SCORES,
            "sites": SITE_SCORES,
            "refits": REFITS,
            "permutations": PERMUTATIONS,
            "raw_wells": RAW_WELLS,
        },
        outputs=_beside("controls"),
        needs=needs_controls,
        methods=Methods.EVERY,
        title="Controls: how far apart positive and negative ones are",
        shown=("z_prime", "auc", "accuracy", "permutation_p"),
    ),
    Question(
        QuestionName.DOSE_RESPONSE.value,
        "gandl.evaluation.dose_response.write_dose_response",
        inputs={"scores": SCORES, "raw_wells": RAW_WELLS},
        outputs=_beside("dose_response", curves=".curves", points=".points"),
        needs=needs_doses,
        title="Dose response: compounds with a curve that fits better than a constant",
        shown=("ec50_um", "hill_slope"),
    ),
    Question(
        QuestionName.TREATMENTS.value,
        "gandl.evaluation.treatments.write_treatments",
        inputs={"scores": SCORES},
        outputs=_beside("treatments", treatments=".treatments"),
        needs=needs_treatments,
        title="Treatments and doses that differ from the negative controls of their plates",
        shown=("differing_share", "negatives_differing", "positives_differing"),
    ),
    Question(
        QuestionName.SCREENING.value,
        "gandl.evaluation.screening.screen.write_screening",
        inputs={"scores": SCORES, "wells": WELLS, "raw_wells": RAW_WELLS},
        outputs=_beside("screening", plates=".plates", doses=".doses", compounds=".compounds"),
        needs=needs_treatments,
        title="Compounds: hits at doses not found toxic, and how often negative controls would be hits",
        shown=("hit_share", "toxic_share", "negative_groups_as_hits", "average_precision"),
    ),
    Question(
        QuestionName.LAYOUT.value,
        "gandl.evaluation.layout.question.write_layout",
        inputs={"wells": WELLS, "raw_wells": RAW_WELLS},
        outputs=_beside("layout"),
        needs=needs_any_control,
        title="Layout: whether profiles carry a well's place, and whether that leaks the label",
        shown=("leak_p", "leak_confounded_p"),
    ),
    Question(
        QuestionName.CELL_MODEL.value,
        "gandl.evaluation.cell_model.write_cell_model",
        inputs=PROFILES,
        outputs=_beside("cell_model", scores=".scores", site_scores=".sites"),
        needs=needs_cell_models,
        methods=Methods.RAW,
        title="Cell models: HRCE against VERO",
        shown=("accuracy", "auc"),
    ),
    Question(
        QuestionName.CELL_TYPE.value,
        "gandl.evaluation.cell_type.write_cell_type",
        inputs=PROFILES,
        outputs=_beside("cell_type", confusion=".confusion", answers=".answers"),
        needs=needs_cell_types,
        methods=Methods.RAW,
        title="Cell types: which one a held-out well is of",
        shown=("accuracy", "balanced_accuracy"),
    ),
    Question(
        QuestionName.CALIBRATION.value,
        "gandl.evaluation.calibration.write_calibration",
        inputs={"scores": SCORES, "doses": _numbers("dose_response"), "screened": COMPOUNDS, "truth": TRUTH},
        outputs=_beside("calibration", wells=".wells", compounds=".compounds"),
        needs=needs_truth,
        title="Against the simulated truth",
        shown=("spearman_severity", "ec50_log10_error", "ec50_coverage", "false_positives"),
    ),
    Question(
        QuestionName.MECHANISM.value,
        "gandl.evaluation.mechanism.question.write_mechanism",
        inputs={"wells": WELLS},
        outputs=_beside("mechanism", treatments=".treatments", confusion=".confusion"),
        needs=needs_mechanisms,
        methods=Methods.MADE,
        title="Mechanisms of action: the nearest treatment of another compound (cosine) has the same one",
        shown=("accuracy", "compound_accuracy", "balanced_accuracy"),
    ),
)
COMPARISONS = "comparisons"
ASKED = (*(question.name for question in QUESTIONS if not question.is_step), COMPARISONS)
"""Names by which questions are requested, in the order in which they are answered."""
