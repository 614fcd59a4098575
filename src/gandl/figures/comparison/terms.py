"""Metrics of the comparison as readers see them, in the order of the paper's Table 2, those that it lacks beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PAPER = "Comparing representations (2022)"
"""Source of the paper's values in `resources/paper_values.csv`."""
PAPER_PAIR = ("MTX", "PTX")
"""The similar drugs as the paper calls them: methotrexate, and pemetrexed, not paclitaxel, for which PTX often stands."""
NAMES_HERE = (("MTX", "PEM"), PAPER_PAIR)
"""Pairs of names for these two drugs: those of the simulator and the default configuration, and the paper's own."""
OF_PAIR = ("d", "inverse_distance")
"""Metrics of the paper's Table 2 that are of these two drugs alone."""


@dataclass(frozen=True)
class Metric:
    """A metric: its label, with `{a}` and `{b}` for the similar drugs, its task, whether the paper has it, decimals, and what a
    value is multiplied by before it is shown."""

    label: str
    task: str
    of_paper: bool = True
    decimals: int = 2
    factor: float = 1.0


SIMILARITY, DRUG_CONTROL, CLUSTERING = "Similarity", "Drug or control", "Clusters"
METRICS = {
    "d": Metric("d({a}, {b})", SIMILARITY),
    "inverse_distance": Metric("1 / D({a}, {b})", SIMILARITY),
    "d_scale_free": Metric("d, scale-free", SIMILARITY, of_paper=False),
    "inverse_distance_scale_free": Metric("1 / D, scale-free", SIMILARITY, of_paper=False),
    "separation": Metric("Separation", SIMILARITY, of_paper=False),
    "separation_between": Metric("Separation, less spread", SIMILARITY, of_paper=False),
    "shift_cosine_similar": Metric("Cosine of shifts, similar", SIMILARITY, of_paper=False),
    "shift_cosine_opposite": Metric("Cosine of shifts, opposite (less is better)", SIMILARITY, of_paper=False),
    "majority_accuracy": Metric("Accuracy of the commoner label (floor)", DRUG_CONTROL, of_paper=False),
    "head_accuracy": Metric("Accuracy", DRUG_CONTROL),
    "head_precision": Metric("Precision", DRUG_CONTROL),
    "head_recall": Metric("Recall", DRUG_CONTROL),
    "head_roc_auc": Metric("ROC AUC", DRUG_CONTROL),
    "head_balanced_accuracy": Metric("Balanced accuracy", DRUG_CONTROL, of_paper=False),
    "svm_accuracy": Metric("Accuracy, SVM", DRUG_CONTROL, of_paper=False),
    "svm_precision": Metric("Precision, SVM", DRUG_CONTROL, of_paper=False),
    "svm_recall": Metric("Recall, SVM", DRUG_CONTROL, of_paper=False),
    "svm_roc_auc": Metric("ROC AUC, SVM", DRUG_CONTROL, of_paper=False),
    "svm_balanced_accuracy": Metric("Balanced accuracy, SVM", DRUG_CONTROL, of_paper=False),
    "clusters": Metric("Clusters", CLUSTERING, decimals=1),
    "not_noise": Metric("Not noise (%)", CLUSTERING, decimals=0, factor=100),
    "silhouette": Metric("Silhouette", CLUSTERING),
    "inverse_davies_bouldin": Metric("1 / Davies–Bouldin", CLUSTERING),
}
SEPARATION, COSINE, COLLAPSED = "separation_between", "shift_cosine_opposite", "collapsed"
"""What decides whether a setup sees the planted truth: distances less what tiles of one drug lie apart, and whether the opposite
drugs shift codes in opposite directions."""
PLAIN = "separation"
"""The same of plain distances, which decides nothing."""


def is_paper_pair(similar: Sequence[str]) -> bool:
    """Whether the similar drugs of a run are those of the paper, or their stand-ins in the simulator."""
    return any(set(similar) == set(pair) for pair in NAMES_HERE)


def metric_label(name: str, similar: Sequence[str] = ("a", "b")) -> str:
    """A metric's name for readers."""
    a, b = similar
    return METRICS[name].label.format(a=a, b=b) if name in METRICS else name.replace("_", " ")
