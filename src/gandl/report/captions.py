"""Counts for captions: takes the plate map, makes the n of every caption. The Snakefile imports it: no heavy import."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gandl.config import (
    AutoencoderSettings,
    BlockStatistic,
    ComparisonSettings,
    Dataset,
    FeaturizerName,
    ImageNetNetwork,
    Normalization,
    PerceptualSettings,
    Reference,
)
from gandl.config.comparison_terms import Beyond, Switch
from gandl.workflow.words import counted

DOSES = {
    Dataset.BBBC013.value: "Doses and the plate rows of each drug are from memory, not from an official plate map: an EC50 is as "
    "right as these doses."
}
"""A note required wherever doses of a data set are shown."""
LAYOUTS = {
    Dataset.BBBC013.value: "Dose and place are confounded: in every plate row the dose rises from column 3 to column 11, so a "
    "gradient from left to right could not be distinguished from a dose response."
}
"""A note required wherever scores are shown against doses of a data set."""
FLOORS = {
    Dataset.BBBC013.value: "The variant of the segmentation was chosen among four by the nucleus/ring ratio's Z′ with all plate "
    "rows in view: for this floor, the rows that chose nothing else did choose something."
}
"""A note required wherever the segmentation of a data set is compared with other featurizers."""
NORMALIZATIONS = {
    Normalization.UNLABELLED.value: "its wells that are not controls",
    Normalization.NEGATIVE.value: "its negative controls, also those that are tested",
    Normalization.NEGATIVE_CROSSFIT.value: "its negative controls without those that are tested",
    Normalization.MOCK.value: "its wells without treatment and infection",
    Normalization.MAD.value: "its {wells}, by median and median absolute deviation",
    Normalization.TVN.value: "its {wells}, once the whole screen is whitened on these",
    Normalization.SPHERIZE.value: "the {wells} of the whole screen, whitened",
    Normalization.GLOBAL.value: "the {wells} of the whole screen",
    Normalization.NONE.value: "nothing (raw)",
}
"""What each plate is standardised on; `{wells}`: those of `normalization.reference`."""
WELLS = {
    Reference.UNLABELLED.value: "wells that are not controls",
    Reference.NEGATIVE.value: "negative controls, also those that are tested",
    Reference.MOCK.value: "wells without treatment and infection",
}
REFERENCES_OF_HITS = {
    Normalization.NEGATIVE.value: "their negative controls, with which treatments are compared: these look",
    Normalization.MOCK.value: "their wells without treatment and infection: where these are the negative controls, they look",
}
"""What plates were standardised on, where that can be the wells with which treatments are compared."""
SIMULATED_CONFIDENCE = 0.95
COVERAGE = {(8, 16): "about 97 %", (4, 8): "about 96–99 %"}
"""(Positive, negative) wells: share of simulated screens of 8 rows whose nominal 95 % interval, axes refitted, held
the true Z' (`benchmarks/results/row_intervals.csv`)."""

LEARNED_RXRX1 = {
    FeaturizerName.IMAGENET_COLLAPSED: "ImageNet-collapsed, which learned these cell types from the training wells",
    FeaturizerName.DENSENET161_ARCFACE: "DenseNet on RxRx1 (ArcFace), which this run trained on the labelled siRNAs of RxRx1, on "
    "wells that are tested here, too",
    FeaturizerName.RELEASED: "the published embeddings, which were trained with labels on RxRx1",
}
"""Featurizers for which the cell types of RxRx1 are not zero-shot, whatever screen GAN-DL was trained on, and why."""

NO_COUNTS: dict[str, Any] = {
    **dict.fromkeys(("wells", "positive", "negative", "controls", "development_controls", "other_controls"), 0),
    **dict.fromkeys(("series", "dose_note", "layout_note", "floor_note", "coverage_note"), ""),
}
"""What captions of a screen without a plate map may state: no counts."""

STATISTICS = {BlockStatistic.MEAN.value: "mean", BlockStatistic.STD.value: "standard deviation"}


def features_in_words(blocks: Sequence[str], statistics: Sequence[str]) -> str:
    """What makes the features of `gandl_blocks` and `gandl_untrained`: which blocks, and what is taken of them."""
    taken = " and ".join(STATISTICS.get(name, name) for name in statistics)
    return f"{taken} over space of every feature map of {', '.join(blocks) if blocks else 'every block'}"


def imagenet_in_words(featurizers: Sequence[str], network: str, perceptual: PerceptualSettings | None = None) -> str:
    """What the featurizers are that rest on an ImageNet network, and on which one; empty where none does.

    Parameters
    ----------
    network : `embeddings.imagenet.network`.
    perceptual : of the autoencoder; None or of weight 0: it was trained without one.
    """
    name = ImageNetNetwork(network).label
    loss = f" and a perceptual loss on {perceptual.network.label}" if perceptual and perceptual.weight else ""
    said = {
        FeaturizerName.IMAGENET_COLLAPSED: f"*ImageNet-collapsed*: {name} as trained on ImageNet behind a convolution that makes "
        "three channels of all and was trained, with a linear head, on the labels of every fold's training wells (a note below "
        "the tables says how many of its models were best at their last look, if any: these have not converged).",
        FeaturizerName.IMAGENET_CONCATENATED: f"*ImageNet-concatenated*: {name} as trained on ImageNet, not fine-tuned, which "
        "sees each channel alone; all features side by side.",
        FeaturizerName.IMAGENET_UNTRAINED: f"*Untrained ImageNet network*: {name} with random weights, used in the same way.",
        FeaturizerName.CONV_AE: "*ConvAE*: the code of an autoencoder that this run trained without labels, by the error of "
        f"pixels{loss}.",
    }
    return " ".join(text for featurizer, text in said.items() if featurizer in featurizers)


def zero_shot_note(featurizers: Sequence[str], screen: str) -> str:
    """For which featurizers the cell types of RxRx1 are zero-shot, and which ones learned from that screen.

    Parameters
    ----------
    featurizers : of the run. screen : the one that GAN-DL is trained on.
    """
    learned = "; ".join(text for featurizer, text in LEARNED_RXRX1.items() if featurizer in featurizers)
    if screen == Dataset.RXRX1:
        note = "The cell types of RxRx1 are not zero-shot in this run, whose networks were trained on its images"
        return f"{note}; with labels: {learned}." if learned else f"{note}, without labels."
    note = "On the cell types of RxRx1 featurizers are zero-shot (trained on no image of that screen)"
    return f"{note}, except {learned}." if learned else f"{note}."


def conv_ae_caption(recipe: AutoencoderSettings) -> dict[str, object]:
    """What the caption of an autoencoder's reconstructions states of its training."""
    settings, learned = recipe.perceptual, "the mean squared error of pixels"
    if settings.weight:
        maps = "first feature map" if settings.maps == 1 else f"first {settings.maps} feature maps"
        learned += (
            f" and, with weight {settings.weight:g}, the distance between the {maps} of {settings.network.label} as trained on "
            "ImageNet, each channel alone"
        )
    return {
        **{"images": recipe.images, "crop": recipe.crop, "resolution": recipe.resolution, "seed": recipe.seed},
        **{"held_out": recipe.held_out, "learned": learned},
    }


def comparison_caption(compared: ComparisonSettings) -> dict[str, object]:
    """What captions of the comparison state: which defects of the published code are reproduced, by name and in a sentence (empty
    where none is), and the share of the codes' size below which they are called collapsed."""
    names = [switch.value for switch in Switch if switch in compared.switches]
    listed = ", ".join(f"``{name}``" for name in names)
    said = f"**Defects.** Of those of the published code this run reproduces {listed} (``comparison.faithful``)."
    return {
        "switches": names,
        "defects": said if names else "",
        "collapsed_below": compared.tasks.similarity.collapsed_below,
    }


def chosen_in_words(compared: ComparisonSettings) -> str:
    """What chose the settings of the tasks."""
    said = "tiles that are tested chose nothing"
    if Switch.TEST_SELECTION in compared.switches:
        said = "tiles that are tested chose the head’s settings (test_selection)"
    return (
        f"{said}, and are of wells that also trained (tile_split)" if Switch.TILE_SPLIT in compared.switches else said
    )


def method_in_words(compared: ComparisonSettings, given: bool) -> dict[str, str]:
    """What the numbers of a comparison rest on, in sentences by term.

    Parameters
    ----------
    given : the source states which images are tested.
    """
    tiles, switches, seeds = compared.tiles, compared.switches, compared.trained_seeds
    by_tile = Switch.TILE_SPLIT in switches
    tested, validated = f"{100 * tiles.held_out:g} %", f"{100 * tiles.validation:g} %"
    if by_tile:
        together = "tiles are dealt one by one, so that those of a well are in several parts (tile_split)"
        those = "the test part that the source states has" if given else f"{tested} of the wells have"
        held = f"As many tiles as {those} are tested, as many as {validated} of the wells have choose"
    elif given:
        together = "of images that the source does not state to be tested, whole wells are trained on or validate"
        held = f"The images of the test part that the source states are tested; of the wells of all others {validated} choose"
    else:
        together = "all tiles of a well are trained on, validate, or are tested"
        held = f"{tested} of the wells of each cell line, treatment and dose are tested, {validated} choose"
    ends = "neither trains a network or a classifier"
    if Switch.TEST_SELECTION in switches:
        ends += "; the tested ones also choose the head’s settings (test_selection)"
    alone = ", intensities with one" if Beyond.INTENSITIES in compared.beyond and len(seeds) > 1 else ""
    over = "intervals of medians are over them" if len(seeds) > 1 else "there is no interval over seeds"
    return {
        "Tile": f"A square of {tiles.side} px of one channel. Labels are drug or vehicle; {together}.",
        "Held out": f"{held} what a task has to choose; {ends}.",
        "Seeds": f"Every setup is made with {counted(len(seeds), 'seed')}{alone}; {over}.",
    }


def normalizations_in_words(
    methods: Sequence[str], mark: str = "*", reference: str = Reference.UNLABELLED.value
) -> str:
    """What each of some normalisations standardises a plate on; `mark` stands around their names.

    `reference` : the wells on which those are fitted that do not name their own.
    """
    wells = WELLS[reference]
    return "; ".join(f"{mark}{name}{mark}: {NORMALIZATIONS.get(name, name).format(wells=wells)}" for name in methods)


def hits_note(method: str, reference: str = Reference.UNLABELLED.value) -> str:
    """What a normalisation does to hits, wherever these are shown (docs/decisions.md); empty if they are as many as stated.

    `reference` : the wells on which it is fitted, if it does not name its own.
    """
    fitted_on = reference if "{wells}" in NORMALIZATIONS.get(method, "") else method
    if fitted_on not in REFERENCES_OF_HITS:
        return ""
    note = (
        f"Plates were standardised on {REFERENCES_OF_HITS[fitted_on]} more alike than any other well, and there are more false "
        "hits than stated"
    )
    if fitted_on != method:
        return f"{note}."
    return (
        f"{note}: in simulations at 5 %, of screens without any effect 42, 12 and 8 % had a hit with 4, 8 and 16 such wells per "
        "plate."
    )


def caption_counts(platemap: Path, dataset: str, development_rows: Sequence[str]) -> dict[str, Any]:
    """Well counts for captions.

    Parameters
    ----------
    platemap : CSV with a row per well, columns `row`, `control` and `treatment`.
    dataset : name of the data set, for its warning about doses.
    development_rows : plate rows on which settings were chosen.

    Returns
    -------
    `wells`, `positive`, `negative`, `controls` (both), `development_controls` and `other_controls` (both, in the development rows
    and in the others), `series` (wells of each dose series, in words), and `dose_note`, `layout_note`, `floor_note` and
    `coverage_note` (sentences). Empty if the file cannot be read: the rule that uses it will say so.
    """
    try:
        with Path(platemap).open(encoding="utf-8-sig", newline="") as file:
            wells = list(csv.DictReader(file))
    except (OSError, ValueError):
        return {}
    controls = Counter(well.get("control") for well in wells)
    series = Counter(well["treatment"] for well in wells if well.get("control") == "none" and well.get("treatment"))
    chosen = Counter(well.get("control") for well in wells if well.get("row") in development_rows)
    development = chosen["positive"] + chosen["negative"]
    others = controls - chosen
    return {
        "wells": len(wells),
        "positive": controls["positive"],
        "negative": controls["negative"],
        "controls": controls["positive"] + controls["negative"],
        "development_controls": development,
        "other_controls": others["positive"] + others["negative"],
        "series": ", ".join(f"{counted(count, 'well')} of {name}" for name, count in series.items()),
        "dose_note": DOSES.get(dataset, ""),
        "layout_note": LAYOUTS.get(dataset, ""),
        "floor_note": FLOORS.get(dataset, ""),
        "coverage_note": coverage_note([(kinds["positive"], kinds["negative"]) for kinds in (controls, others)]),
    }


def coverage_note(wells: Sequence[tuple[int, int]]) -> str:
    """What nominal intervals of Z' are worth with so many (positive, negative) wells; empty if nothing was simulated."""
    known = [f"{COVERAGE[n]} of screens with {n[0]} positive and {n[1]} negative wells" for n in wells if n in COVERAGE]
    return (
        f"In simulations nominal 95 % intervals of Z′ held the true value in {' and in '.join(known)}." if known else ""
    )
