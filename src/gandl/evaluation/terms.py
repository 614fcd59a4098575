"""Terms that evaluation shares with the readers of its tables: questions, what needs no classifier, groups of wells, doses, and
the tables of treatments, of compounds and of comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from gandl.source.schemes import WHOLE, Scheme
from gandl.tables import NUMBERS, Column, Schema

DOSE_RESPONSE = "dose_response"
"""Question: how a score follows the dose."""
CALIBRATION = "calibration"
"""Question: how well a simulated truth is recovered."""
RECOGNITION_QUESTION = "recognition"
"""Question: whether the baseline recognises the siRNAs that it was trained on, in experiments that it has not seen."""
IMAGES = "images"
"""Question: what the images hold, whatever was done to the wells."""
RATIO = "nuclear_over_ring"
"""The one column of a featurizer that is scored by itself, without an SVM; also the name of this floor."""
NO_TRAINING = "no_training"
"""Stands for the scheme in a split if nothing was trained, so that nothing had to be held out."""
CLASSIFIERS = {"on": "", "on_lda": "_lda"}
"""Columns of well scores, and the suffix of a metric's name: nothing by the paper's SVM, `_lda` by the shrinkage LDA."""
NUCLEUS_COUNT = "nucleus_count"
"""The column with the nuclei of a field."""
UNSEEN, SEEN = "unseen_plates", "seen_plates"
"""Stand for the scheme in a split of wells that were scored with whole plates left out: those of plates that no network without
labels was trained on (`source.unseen`), and the others."""
ALL = "all"
"""The group of a split that holds all cell types."""
NO_CELL_TYPE = "unknown"
"""The cell type of wells whose table names none; readers see words instead (`gandl.figures.common.labels.wells_of`)."""
STRICTEST = (*WHOLE, Scheme.QUARTER_BY_CELL_TYPE, Scheme.QUARTER)
"""By which scheme a treated well is scored: the first of these that scores its cell type. All but the last have an axis for each
cell type; the last stands for a screen of one."""
OF_CELL_TYPES = (Scheme.LEAVE_PLATE_OUT, Scheme.LEAVE_EXPERIMENT_OUT, Scheme.QUARTER_BY_CELL_TYPE)
"""Schemes that only screens of several plates or cell types have."""
MOSTLY_TREATED = 0.5
"""Above this share of treated wells among those that are not controls, these need not be a plate's normal state."""
TREATMENT, POSITIVE, NEGATIVE = "treatment", "positive", "negative"
"""What a row of the table of treatments is about."""
OF_REPLICATES, OF_CONTROLS, OF_WELLS = "replicates", "negative controls", "own wells"
"""What an interval's spread is of: treatments' wells around their means, negative controls within plates, the row's own wells."""
TREATMENTS = Schema(
    "treatments",
    (
        Column("featurizer", "string"),
        Column("normalization", "string"),
        Column("scheme", "string"),
        Column("cell_type", "string"),
        Column("kind", "string", allowed=(POSITIVE, NEGATIVE, TREATMENT)),
        Column("treatment", "string", nullable=True),
        Column("concentration_um", "float", nullable=True, positive=True),
        Column("wells", "integer"),
        Column("plates", "integer"),
        Column("mean", "float"),
        Column("low", "float", nullable=True),
        Column("high", "float", nullable=True),
        Column("interval", "string", nullable=True, allowed=(OF_REPLICATES, OF_CONTROLS, OF_WELLS)),
        Column("band_low", "float", nullable=True),
        Column("band_high", "float", nullable=True),
        Column("difference", "float", nullable=True),
        Column("p", "float", nullable=True),
        Column("q", "float", nullable=True),
        Column("differs", "boolean"),
        Column("plates_without_negative", "string", nullable=True),
    ),
    key=("featurizer", "normalization", "cell_type", "kind", "treatment", "concentration_um"),
)
"""Mean on score of every treatment and dose with its interval, its `difference` from the negative controls of its plates, p and q
(Benjamini-Hochberg) of that, and whether it `differs`, towards the positive controls or away from them: no hit by that, which
is a compound of `COMPOUNDS`. Those of its plates that have no negative control, joined by |, where others have: nothing is tested
then. Of both kinds of controls the mean, and the band in which a further well lies (prediction interval of normal wells)."""

COMPARISONS = Schema(
    "comparisons",
    (
        *NUMBERS.columns[:2],
        Column("against", "string"),
        *NUMBERS.columns[2:],
        Column("drawn", "string", allowed=("well", "plate", "experiment", "row", "column")),
        Column("units", "integer"),
        Column("p", "float", nullable=True),
        Column("p_holm", "float", nullable=True),
    ),
    key=(*NUMBERS.key[:2], "against", *NUMBERS.key[2:]),
)
"""Differences of a featurizer from a floor (`against`) on the same held-out wells or images, of which `units` were drawn."""


EC50_BELOW, EC50_ABOVE, OPEN = "ec50_below_doses", "ec50_above_doses", "interval_open"
BIPHASIC, FALLING = "biphasic", "falling"
TOXIC, TOXICITY_UNKNOWN = "toxic", "toxicity_unknown"
NO_DOSE, ONE_DOSE, FEW_DOSES, ONE_REPLICATE = "no_dose", "one_dose", "few_doses", "one_replicate"
FLAGS = {
    EC50_BELOW: "the fitted EC50 is below the lowest dose",
    EC50_ABOVE: "the fitted EC50 is above the highest dose",
    OPEN: "an end of the EC50's interval is at the limit of the search, half a decade beyond the doses",
    BIPHASIC: "the score rises and falls again (`screening.hooks`)",
    FALLING: "the fitted curve falls with the dose",
    TOXIC: "at some dose wells are farther off the axis or have fewer nuclei than both kinds of controls (`screening.toxicity`)",
    TOXICITY_UNKNOWN: "some dose could not be tested for that: too few controls of a kind, or none on its plates",
    NO_DOSE: "no well has a dose",
    ONE_DOSE: "all doses are equal",
    FEW_DOSES: "there are too few doses for a curve",
    ONE_REPLICATE: "no dose has two wells",
}
"""What a flag of a compound in a cell type says."""
OF_CELL_TYPE = ("featurizer", "normalization", "scheme", "cell_type")
FITTED = ("ec50_um", "ec50_low_um", "ec50_high_um", "hill_slope", "bottom", "top", "delta_aicc_constant", "p_constant")
COMPOUNDS = Schema(
    "compounds",
    (
        Column("featurizer", "string"),
        Column("normalization", "string"),
        Column("scheme", "string"),
        Column("cell_type", "string"),
        Column("compound", "string"),
        Column("wells", "integer"),
        Column("plates", "integer"),
        Column("doses", "integer"),
        Column("replicates", "integer"),
        Column("efficacy", "float"),
        Column("efficacy_low", "float", nullable=True),
        Column("efficacy_high", "float", nullable=True),
        Column("efficacy_dose_um", "float", nullable=True, positive=True),
        Column("hit", "boolean"),
        Column("hit_doses", "integer"),
        Column("q", "float", nullable=True),
        Column("sign_test_hit", "boolean"),
        Column("toxic_dose_um", "float", nullable=True, positive=True),
        Column("average_precision", "float", nullable=True),
        Column("agreement_p", "float", nullable=True),
        *(Column(name, "float", nullable=True) for name in FITTED),
        Column("flags", "string", nullable=True),
        Column("no_curve", "string", nullable=True),
    ),
    key=("featurizer", "normalization", "cell_type", "compound"),
)
"""`efficacy`: the highest mean on score of a dose not found toxic (of any dose where all are), with its interval and dose;
`hit`: above the negative controls at doses not found toxic, `q` at most the false discovery rate over compounds
(`screening.compounds`); `hit_doses`: its doses that are hits by themselves. `replicates`: wells of the
dose that has fewest. `average_precision`, `agreement_p`: of the dose with the smallest p (Bonferroni over the doses). `flags`: of
`FLAGS`, joined by |. `no_curve`: why there is no EC50."""


def dose_series(wells: pd.DataFrame) -> pd.DataFrame:
    """The wells of the dose series: treated, with a dose, and no controls."""
    chosen = (wells["control"] == "none") & wells["treatment"].notna() & wells["concentration_um"].notna()
    return wells[chosen]


def most_treated(wells: pd.DataFrame) -> tuple[str, float]:
    """The plate with the largest share of treated wells among those that are not controls, and that share; `("", 0.0)` where all
    wells are controls."""
    others = wells[wells["control"] == "none"]
    treated = others["treatment"].notna().groupby(others["plate_id"]).mean()
    return (str(treated.idxmax()), float(treated.max())) if len(treated) else ("", 0.0)


def named_by_cell_type(splits: Iterable[str]) -> bool:
    """Whether the groups in a screen's splits of controls (`<scheme>:<group>`, all of them) are cell types, else plate rows.

    A name alone does not say it (cell type KB, plate rows AA). Controls are reported by cell type where there are several plates
    or cell types (`controls.groups_of_split`), and just there one of the schemes `OF_CELL_TYPES` is evaluated.
    """
    return any(split.partition(":")[0] in OF_CELL_TYPES for split in splits)


def compounds_of(wells: pd.DataFrame) -> pd.Series:
    """Under which name a well belongs to a series: its compound, or what the screen wrote where it names none."""
    return wells["compound"].where(wells["compound"].notna(), wells["treatment"])


def by_strictest_scheme(scores: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Of each cell type its scheme of `STRICTEST` and the wells scored by it: (scheme, cell type, rows of `scores`)."""
    for cell_type in scores["cell_type"].unique():
        mine = scores[scores["cell_type"] == cell_type]
        scheme = next((scheme.value for scheme in STRICTEST if (mine["scheme"] == scheme.value).any()), None)
        if scheme is not None:
            yield scheme, str(cell_type), mine[mine["scheme"] == scheme]


def flagged(compounds: pd.DataFrame, flag: str) -> pd.Series:
    """Which rows of compounds bear a flag of `FLAGS`."""
    return compounds["flags"].fillna("").str.split("|").map(lambda flags: flag in flags).astype(bool)
