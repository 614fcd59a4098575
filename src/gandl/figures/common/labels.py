"""Words that readers see: the names of featurizers, normalisations, metrics, splits, channels and doses, each written once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gandl.config import Dataset, FeaturizerName, ImageNetNetwork, Normalization, Scaling
from gandl.evaluation.terms import ALL, NO_CELL_TYPE, RATIO

FEATURIZERS: dict[str, str] = {
    FeaturizerName.GANDL: "GAN-DL, 512-d layer",
    FeaturizerName.GANDL_BLOCKS: "GAN-DL, blocks",
    FeaturizerName.DENSENET161_ARCFACE: "DenseNet on RxRx1 (ArcFace)",
    FeaturizerName.IMAGENET_COLLAPSED: "ImageNet-collapsed",
    FeaturizerName.IMAGENET_CONCATENATED: "ImageNet-concatenated",
    FeaturizerName.CONV_AE: "ConvAE",
    FeaturizerName.DCGAN: "DCGAN",
    FeaturizerName.LSGAN: "LSGAN",
    FeaturizerName.WGAN: "WGAN",
    FeaturizerName.BEGAN: "BEGAN",
    FeaturizerName.BIGAN: "BiGAN",
    FeaturizerName.VAE: "VAE",
    FeaturizerName.CYTOGAN_AUTOENCODER: "CytoGAN autoencoder",
    FeaturizerName.GANDL_UNTRAINED: "Untrained network",
    FeaturizerName.IMAGENET_UNTRAINED: "Untrained ImageNet network",
    FeaturizerName.CELL_COUNT: "Cell count",
    FeaturizerName.INTENSITY: "Channel intensities",
    FeaturizerName.SEGMENTATION: "Segmentation",
    RATIO: "Nucleus/ring ratio, no SVM",
    FeaturizerName.CELL_MEASUREMENTS: "CellProfiler measurements",
    FeaturizerName.RELEASED: "Published embeddings",
}

OF_IMAGENET = ("imagenet_collapsed", "imagenet_concatenated", "imagenet_untrained")
"""Featurizers whose network is a setting (`embeddings.imagenet.network`): their names say which it was."""

_network: ContextVar[str] = ContextVar("imagenet_network", default="")

CHANNELS: dict[str, str] = {
    "fkhr_gfp": "FKHR-GFP",
    "dna": "DNA (DRAQ)",
    "hoechst": "Hoechst (nuclei)",
    "con_a": "ConA (ER)",
    "phalloidin": "Phalloidin (actin)",
    "syto14": "Syto14 (RNA)",
    "mitotracker": "MitoTracker",
    "wga": "WGA (Golgi)",
    "grey": "Phase contrast",
    "dapi": "DAPI (nuclei)",
    "tubulin": "Tubulin",
    "actin": "Actin",
}

SCREENS: dict[str, str] = {
    Dataset.RXRX19A: "RxRx19a",
    Dataset.RXRX1: "RxRx1",
    Dataset.BBBC013: "BBBC013",
    Dataset.PLATES: "Own plates",
    Dataset.CELL_LINES: "Cell lines",
    Dataset.CLASS_FOLDERS: "Folders of classes",
    Dataset.BBBC021: "BBBC021",
}

REFERENCES: dict[str, str] = {RATIO: "Earlier plain segmentation"}
"""What the reference values of a screen were measured by, by the featurizer they are given for."""

NORMALIZATIONS: dict[str, str] = {
    Normalization.UNLABELLED: "Unlabelled wells",
    Normalization.NEGATIVE: "Negative controls",
    Normalization.NEGATIVE_CROSSFIT: "Negatives, cross-fitted",
    Normalization.MOCK: "Untreated wells",
    Normalization.MAD: "Median and MAD",
    Normalization.SPHERIZE: "Spherized",
    Normalization.TVN: "TVN and CORAL",
    Normalization.GLOBAL: "Whole screen",
    Normalization.NONE: "No normalisation",
}
"""The wells in whose units a plate's profiles are, or how they are fitted."""

METRICS: dict[str, str] = {
    "z_prime": "Z′",
    "robust_z_prime": "Robust Z′",
    "ssmd": "SSMD",
    "auc": "AUC",
    "accuracy": "Accuracy",
    "z_prime_lda": "Z′, LDA",
    "compound_accuracy": "Mean over compounds",
    "accuracy_chance": "By chance",
    "accuracy_p": "p",
}

SCHEMES = {
    "quarter": "a quarter of the wells held out (the paper's split)",
    "quarter_by_cell_type": "a quarter of the wells held out, within a cell type",
    "leave_plate_out": "whole plates held out",
    "leave_experiment_out": "whole experiments held out",
    "leave_row_out": "plate rows held out",
    "cross_cell_type": "a whole cell type held out: trained on the other one",
    "leave_column_out": "plate columns held out",
    "unseen_plates": "whole plates held out, of those that trained no network without labels",
    "seen_plates": "whole plates held out, of those whose images trained the networks, too",
    "probe": "whole plates (of a single plate: rows or columns) held out, as the probe evaluates them during training",
    "confirmation": "rows that chose no setting, scored by a model of the others alone",
    "no_training": "no classifier, so nothing to hold out",
    "nsc": "the nearest treatment of another compound (NSC)",
    "nscb": "the nearest treatment of another compound in another batch (NSCB)",
}
"""How wells were held out, by the scheme of a split."""

HELD_OUT_WELLS = {
    "quarter": "the paper's split",
    "quarter_by_cell_type": "the paper's split within cell types",
    "leave_plate_out": "left-out plates",
    "leave_experiment_out": "left-out experiments",
    "leave_row_out": "left-out plate rows",
    "cross_cell_type": "a left-out cell type",
    "leave_column_out": "left-out plate columns",
    "unseen_plates": "left-out plates that no network saw",
    "seen_plates": "left-out plates that networks saw",
    "probe": "the probe's folds",
    "confirmation": "the rows that chose no setting",
    "nsc": "treatments of other compounds",
    "nscb": "treatments in other batches",
}
"""What a model must be trained for to score the wells that a scheme tests."""


def not_scored(featurizer: str, scheme: str) -> str:
    """Why a featurizer has no value of a scheme that others have: what is trained fold by fold was not trained for it."""
    wells = HELD_OUT_WELLS.get(scheme, scheme.replace("_", " "))
    return f"{'not trained for' if featurizer == FeaturizerName.IMAGENET_COLLAPSED else 'no scores of'} {wells}"


def network_of(embeddings: Mapping[str, Any]) -> str:
    """The ImageNet network that a run uses, from the section `embeddings` of its configuration; empty where it names none."""
    return str((embeddings.get("imagenet") or {}).get("network", ""))


@contextmanager
def named_with(network: str) -> Iterator[None]:
    """In this block names of featurizers state the ImageNet network that was used (`embeddings.imagenet.network`)."""
    token = _network.set(network)
    try:
        yield
    finally:
        _network.reset(token)


def featurizer_label(name: str) -> str:
    """A featurizer's name for readers; an unknown one keeps its own name, its underscores as spaces.

    Inside `named_with` the network follows in parentheses where it is a setting: ImageNet-concatenated (EfficientNet-Lite0).
    """
    label, network = FEATURIZERS.get(name, name.replace("_", " ")), _network.get()
    return f"{label} ({ImageNetNetwork(network).label})" if network and name in OF_IMAGENET else label


def in_two_lines(label: str) -> str:
    """A featurizer's name where there is little room: the network in parentheses on a line of its own."""
    return label.replace(" (", "\n(")


def normalization_label(name: str) -> str:
    """A normalisation's name for readers; an unknown one keeps its own name, its underscores as spaces."""
    return NORMALIZATIONS.get(name, name.replace("_", " "))


def wells_of(group: str, groups: Iterable[str]) -> str:
    """Whose wells a number is of, for readers: its group (a cell type, plate rows), or words where the table names no cell type.

    Parameters
    ----------
    groups : all groups that are shown beside it; where they name cell types, the others are not all wells.
    """
    if group != NO_CELL_TYPE:
        return group
    return "wells without a cell type" if set(groups) - {NO_CELL_TYPE, ALL, ""} else "all wells"


def channel_label(name: str) -> str:
    """A channel's name for readers."""
    return CHANNELS.get(name, name.replace("_", " "))


def screen_label(name: str) -> str:
    """A screen's name for readers."""
    return SCREENS.get(name, name)


def dose_unit(highest_um: float) -> tuple[str, float]:
    """The unit in which a dose series reads best, and what to multiply micromolar by: nM below 1 uM, else uM."""
    return ("nM", 1000.0) if highest_um < 1.0 else ("µM", 1.0)


def dose_text(dose_um: float, before: str = "") -> str:
    """A dose with its unit, after `before`; nothing where none was given: 30 nM, 2.5 µM."""
    if not math.isfinite(dose_um):
        return ""
    unit, factor = dose_unit(dose_um)
    return f"{before}{nominal(dose_um * factor)} {unit}"


def on_score_axis(scaling: str, low: str = "C−", high: str = "C+") -> str:
    """The title of an axis of on scores, which says what −1 and +1 are.

    Parameters
    ----------
    scaling : `evaluation.scaling`: the means of the training controls are there (`paper`), or their outermost ones.
    low, high : controls towards −1 and towards +1.
    """
    if Scaling(scaling) is Scaling.PAPER:
        return f"On score (−1: mean {low}, +1: mean {high})"
    return f"On score ({low} to {high}; training controls span −1 to +1)"


def number(value: float, digits: int = 3) -> str:
    """A measured number with so many significant digits, trailing zeros kept, no exponent: 0.977, 3.00, 13.0, 1250."""
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")
    exponent = int(f"{rounded:e}".partition("e")[2])
    return fixed(rounded, max(digits - 1 - exponent, 0))


def nominal(value: float, digits: int = 3) -> str:
    """A number that was set, not measured (a dose, a tick, a scale bar): as `number`, without trailing zeros."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(value: float, decimals: int) -> str:
    """So many decimals, a true minus sign, and no minus before what rounds to zero: −0.50, 0.00."""
    return f"{value:z.{decimals}f}".replace("-", "−")
