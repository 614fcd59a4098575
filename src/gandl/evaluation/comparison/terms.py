"""Terms that the tasks of the comparison share with the readers of their tables: questions, metrics, and what is better."""

from __future__ import annotations

from enum import StrEnum

SIMILARITY = "comparison_similarity"
"""Question: how near two drugs lie that are known to be similar (section 4.3.1)."""
DRUG_CONTROL = "comparison_drug_control"
"""Question: how well drugs are told from controls (section 4.3.2)."""
CLUSTERS = "comparison_clusters"
"""Question: which clusters the tiles of a cell line form (section 4.3.3)."""

VEHICLE = "negative"
"""`control` of tiles that were treated with the vehicle alone."""


class Pair(StrEnum):
    """Sets of tiles whose distances are taken: the similar drugs a and b, each of them and vehicle, the opposite ones."""

    SIMILAR = "similar"
    A_VEHICLE = "a_vehicle"
    B_VEHICLE = "b_vehicle"
    OPPOSITE = "opposite"


PAPER_ROWS = {
    "d": "d(MTX, PTX)",
    "inverse_distance": "D⁻¹(MTX, PTX)",
    "head_accuracy": "Accuracy",
    "head_precision": "Precision",
    "head_recall": "Recall",
    "head_roc_auc": "ROAUC",
    "clusters": "# clusters",
    "not_noise": "Not noise, %",
    "silhouette": "Silhouette",
    "inverse_davies_bouldin": "(Davies-Bouldin)⁻¹",
}
"""Metrics that are rows of the paper's Table 2, in its order, and how it names them; `not_noise` is a share here, % there."""
AS_MEAN = ("clusters", "not_noise", "silhouette", "davies_bouldin", "inverse_davies_bouldin", "k")
"""Metrics of which Table 2 gives mean and standard deviation over cell lines; of all others, median and MAD."""
OF_CLASSIFIER = ("accuracy", "balanced_accuracy", "precision", "recall", "roc_auc")
"""What is measured of a head or an SVM."""
BETTER = {
    **dict.fromkeys(("d", "d_scale_free", "inverse_distance_scale_free", "separation_between"), 1),
    **{f"{kind}_{name}": 1 for kind in ("head", "svm") for name in OF_CLASSIFIER},
    **dict.fromkeys(("not_noise", "silhouette", "inverse_davies_bouldin"), 1),
    "davies_bouldin": -1,
    "shift_cosine_similar": 1,
    "shift_cosine_opposite": -1,
}
"""1 where more is better, -1 where less is; metrics that are not here have no better. Nor have 1 / D and the plain separation:
both grow with the scale, or with the spread, of codes, so that they compare no two networks, even of one paradigm."""
_SHARES = (*(f"{kind}_{name}" for kind in ("head", "svm") for name in OF_CLASSIFIER), "not_noise")
RANGE = {
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
    **dict.fromkeys(("silhouette", "shift_cosine_similar", "shift_cosine_opposite"), (-1.0, 1.0)),
    **dict.fromkeys(("inverse_distance", "inverse_distance_scale_free", "clusters"), (0.0, float("inf"))),
    **dict.fromkeys(("davies_bouldin", "inverse_davies_bouldin"), (0.0, float("inf"))),
}
"""What a metric can be at all: an interval that seeds give is cut there, which costs it no coverage."""
