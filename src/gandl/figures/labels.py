"""Words that readers see: the names of featurizers, metrics, splits, channels and doses, each written once."""

from __future__ import annotations

from gandl.config import FeaturizerName
from gandl.evaluation.terms import RATIO

FEATURIZERS: dict[str, str] = {
    FeaturizerName.GANDL: "GAN-DL, 512-d layer",
    FeaturizerName.GANDL_BLOCKS: "GAN-DL, blocks",
    FeaturizerName.GANDL_UNTRAINED: "Untrained network",
    FeaturizerName.INTENSITY: "Channel intensities",
    FeaturizerName.SEGMENTATION: "Segmentation",
    RATIO: "Nucleus/ring ratio, no SVM",
}

CHANNELS: dict[str, str] = {"fkhr_gfp": "FKHR-GFP", "dna": "DNA (DRAQ)"}

METRICS: dict[str, str] = {
    "z_prime": "Z′",
    "robust_z_prime": "Robust Z′",
    "ssmd": "SSMD",
    "accuracy": "Accuracy",
}


def featurizer_label(name: str) -> str:
    """A featurizer's name for readers; an unknown one keeps its own name, its underscores as spaces."""
    return FEATURIZERS.get(name, name.replace("_", " "))


def channel_label(name: str) -> str:
    """A channel's name for readers."""
    return CHANNELS.get(name, name.replace("_", " "))


def dose_unit(highest_um: float) -> tuple[str, float]:
    """The unit in which a dose series reads best, and what to multiply micromolar by: nM below 1 uM, else uM."""
    return ("nM", 1000.0) if highest_um < 1.0 else ("µM", 1.0)


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, without exponent or trailing zeros: 0.977, 15.6, 125, 1250."""
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")
