"""What a reader must know before trusting a number: takes the provenance and the counts of controls, makes plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import (
    CYTOGAN,
    TRAINED,
    ChosenWeights,
    CytoganSettings,
    Dataset,
    FeaturizerName,
    Normalization,
    Pairs,
    QuestionName,
    Reference,
)
from gandl.evaluation.missing.answers import Missing, missing_answers
from gandl.evaluation.terms import MOSTLY_TREATED, RATIO
from gandl.figures.common.labels import featurizer_label
from gandl.figures.common.layout import layout_caveats
from gandl.report.captions import COVERAGE, DOSES, FLOORS, LAYOUTS, NORMALIZATIONS, SIMULATED_CONFIDENCE, WELLS
from gandl.report.numbers import plain_rows
from gandl.report.order import reference_of
from gandl.source.remote.origin import OFFICIAL
from gandl.source.splits import span
from gandl.tables import SITES, read_table

SMALL = 20
"""Below so many wells of one control, an interval that was not simulated says so."""

MOCK = (
    "mock standardises on the untreated wells, which here are the negative controls, including those of the held-out row: that "
    "column is not held out."
)

OF_DATASETS: dict[str, list[str]] = {
    Dataset.BBBC013.value: [
        f"{DOSES[Dataset.BBBC013.value]} The positions of the controls were taken from metadata of the same plate.",
        f"{LAYOUTS[Dataset.BBBC013.value]} Wortmannin lies in rows A–D and LY294002 in rows E–H, and all controls lie in columns "
        "1, 2 and 12: a difference between the upper and the lower half could not be distinguished from one between the drugs.",
        "The positive control is Wortmannin, so LY294002 is scored along Wortmannin’s axis: any other effect is not seen.",
        "The size of a pixel is unknown, so lengths are given in pixels.",
        "One plate, one field per well: nothing here says how results vary between plates, days or laboratories.",
    ],
    Dataset.BBBC021.value: [
        "Both controls lie in the outermost columns of the 60 wells that were imaged, at the same places on every plate: what "
        "sets these places apart could not be distinguished from what sets the controls apart.",
        "Of the treatments with a known mechanism all but one (the positive control) were given in a single week, so a treatment "
        "and its week cannot be told apart.",
        "Many treatments act strongly: normalisations that standardise on wells without a control take away a part of that.",
    ],
}


COLUMNS = (
    "Plate columns were held out where one plate row holds all controls of a kind: there, a gradient from the top to the bottom "
    "of the plate can look like the difference between the controls, and nothing of this run distinguishes the two."
)
"""Required where wells were scored under the scheme `leave_column_out`."""
SIMULATED = [
    "Simulated images: they are drawn by rules (docs/decisions.md), in the distributed format of the real screens. What GAN-DL "
    "reaches on them shows that the workflow works; it says nothing about real cells, and no number is comparable with "
    "the paper's."
]


def caveats(
    provenance: Mapping[str, Any],
    rows_and_counts: Sequence[tuple[str, Mapping[str, int]]],
    most_treated: tuple[str, float] = ("", 0.0),
    numbers: pd.DataFrame | None = None,
) -> list[str]:
    """Sentences, those of the data set first.

    Parameters
    ----------
    provenance : content of provenance.json.
    rows_and_counts : plate rows of each group of wells that numbers rest on (`A-H`), with its number of wells by control.
    most_treated : the plate with the largest share of treated wells among those that are not controls, and that share.
    numbers : all numbers of the run.
    """
    settings = provenance["configuration"]
    featurizers = settings["embeddings"]["featurizers"]
    found = [*SIMULATED] if provenance["simulated"] else []
    found += OF_DATASETS.get(provenance["dataset"], [])
    if not provenance["simulated"]:
        found += _files(provenance["inputs"])
    if settings["source"]["bbbc013"] is None:
        found.append(
            "An accuracy well below one half (two classes) is not inverted knowledge: with few controls, leaving some out shifts "
            "the mean of the others the opposite way. Read it as: nothing found."
        )
    confidence = float(settings["evaluation"]["confidence"])
    found += [text for rows, counts in rows_and_counts for text in _few(rows, counts, confidence)]
    if numbers is not None:
        found += [*_alike(numbers), *layout_caveats(numbers, confidence)]
    if set(TRAINED) & set(featurizers):
        found.append(
            f"The representation is transductive: {_seen(settings['training'])}, without any "
            f"label{_unseen(settings['source'])}. Labels of a held-out well, "
            "plate row, plate or experiment (as each split says) were held out of the classifier that scores it, not out of the "
            "network."
        )
        pairs = settings["training"]["contrast"]["pairs"]
        if pairs != Pairs.NONE:
            found.append(
                "The network is not only the paper's: besides the adversarial game its discriminator learned to find crops of "
                f"one {pairs} (training.contrast, ours), which needs no label and no treatment; `pairs: none` leaves the game."
            )
        plate = settings["source"]["bbbc013"]
        if plate is not None:
            found.append(
                f"Settings were chosen on the controls of rows {plain_rows(span(plate['development_rows']))} alone; the "
                "other rows chose nothing of the network and its features, so their numbers stand beside those of all rows."
            )
        if settings["training"]["weights"] == ChosenWeights.BEST_PROBE:
            found.append(
                "The weights used for embedding were chosen by labels, the probe's Z′ of controls (training.weights: "
                "best_probe): this "
                "run is not label-free, and numbers for the wells that the probe uses are too optimistic."
            )
    if FeaturizerName.DENSENET161_ARCFACE in featurizers:
        found.append(
            "DenseNet on RxRx1 (densenet161_arcface) was trained by this run on the images of RxRx1, with the labels of its "
            "siRNAs, wells that are tested here among them: what it scores on RxRx1 is not zero-shot, and must not be read "
            "beside numbers that are. Images of the other screens it never saw."
        )
    if FeaturizerName.IMAGENET_COLLAPSED in featurizers:
        found.append(
            "ImageNet-collapsed (imagenet_collapsed) learned the labels that each question asks for, on the training wells of "
            "every fold; no other featurizer did. Its C is chosen on features that know the labels of all training wells; tested "
            "wells it never saw."
        )
        if QuestionName.CELL_TYPE in settings["evaluation"]["questions"]:
            found[-1] += " On the cell types of RxRx1, which it learned, it is not zero-shot, as GAN-DL is."
    if FeaturizerName.CONV_AE in featurizers:
        found.append(
            f"ConvAE (conv_ae) was trained by this run as well: {_seen(settings['counterparts']['conv_ae'])}, without any label."
        )
    families = CytoganSettings.model_validate(settings.get("cytogan") or {})
    for name in (name for name in CYTOGAN if name in featurizers):
        recipe = families.of(name).model_dump(mode="json")
        found.append(
            f"{featurizer_label(name)} ({name}) was trained by this run as well: {_seen(recipe)}, without any label."
        )
    if FeaturizerName.SEGMENTATION in featurizers and provenance["dataset"] in FLOORS:
        found.append(FLOORS[provenance["dataset"]])
    found += _normalisations(settings, *most_treated)
    if provenance["git"] is None:
        found.append(
            "The code was not under version control when this run was made; its hash is listed under provenance."
        )
    elif provenance["git"]["dirty"]:
        found.append("Files differed from the commit named under provenance when this run was made.")
    return found


def not_evaluated(paths: Sequence[Path], sites: Path) -> list[str]:
    """What has no answer: a sentence per reason why tables of numbers have no rows, and per cell type that is not scored.

    Parameters
    ----------
    paths : tables of numbers. sites : of the screen.
    """
    by_reason: dict[str, list[Missing]] = {}
    for each in missing_answers(paths):
        by_reason.setdefault(each.reason, []).append(each)
    return [
        f"Not evaluated: {', '.join(dict.fromkeys(featurizer_label(each.featurizer) for each in found))} "
        f"({', '.join(dict.fromkeys(each.question.replace('_', ' ') for each in found))}; normalisation "
        f"{', '.join(dict.fromkeys(each.normalization for each in found))}). {reason[0].upper()}{reason[1:]}."
        for reason, found in by_reason.items()
    ] + lacking_controls(read_table(Path(sites), SITES).drop_duplicates("well_id"))


def lacking_controls(wells: pd.DataFrame) -> list[str]:
    """A sentence per cell type that lacks a kind of control, where others have both: its wells are not scored."""
    counts = pd.crosstab(wells["cell_type"], wells["control"]).reindex(columns=["positive", "negative"], fill_value=0)
    lacking = counts[(counts == 0).any(axis=1)]
    if len(lacking) == len(counts):
        return []
    return [
        f"{name} has no {' and no '.join(row.index[row == 0])} control: its controls are not compared, and its wells not scored."
        for name, row in lacking.iterrows()
    ]


def _alike(numbers: pd.DataFrame) -> list[str]:
    """Featurizers that score all controls alike in every split of a question: constant features, for one."""
    table = numbers[(numbers["question"] == QuestionName.CONTROLS.value) & (numbers["featurizer"] != RATIO)]
    undefined = table.loc[table["metric"] == "z_prime"].groupby(["featurizer", "normalization"])["value"].count() == 0
    ties = (
        table.loc[table["metric"] == "auc"].groupby(["featurizer", "normalization"])["value"].agg(["min", "max"]) == 0.5
    )
    found = [key for key in undefined.index[undefined] if key in ties.index and ties.loc[key].all()]
    return [
        f"{featurizer_label(name)} under the normalisation {method} scores all controls alike, as constant features do: "
        "its AUC is 0.5 by ties, and its Z′ is undefined."
        for name, method in found
    ]


def _normalisations(settings: Mapping[str, Any], plate: str, share: float) -> list[str]:
    """What the reference wells of the normalisations are worth."""
    own, methods = settings["normalization"]["method"], settings["normalization"]["methods"]
    found = []
    if own == Normalization.UNLABELLED and share > MOSTLY_TREATED:
        found.append(
            f"Plates are standardised on wells that are not controls ({own}), of which up to {100 * share:.0f} % have a "
            f"treatment (plate {plate}). That is right where most treatments do little; where most of them act, the order of "
            "featurizers can be reversed, so compare the other normalisations."
        )
    if Normalization.NEGATIVE in methods:
        found.append(
            "Under the normalisation negative, tested negative controls are among the wells that they are measured by, so they "
            "look tighter than new wells would, the more so the fewer they are and the more features there are: compare "
            "negative_crossfit, which leaves them out."
        )
    fitted = [name for name in methods if "{wells}" in NORMALIZATIONS[name]]
    reference = reference_of(settings)
    if fitted and reference != Reference.UNLABELLED:
        found.append(
            f"The normalisations {', '.join(fitted)} were fitted on {WELLS[reference]} (normalization.reference): tested wells "
            "among these look tighter than new ones would, most of all whitened ones where features outnumber wells; scores of "
            "controls are honest where wells that are not controls are the reference."
        )
    if Normalization.MOCK in methods and settings["source"]["bbbc013"] is not None:
        found.append(f"Under the normalisations, {MOCK}")
    if len(methods) == 1:
        found.append(
            "One normalisation was evaluated (normalization.methods): whether the order of featurizers depends on it is unknown."
        )
    return found


def _files(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not known of the downloaded files."""
    found = []
    for entry in inputs:
        name = entry["file"].rsplit("/", 1)[-1]
        if entry["official_sha256"] is None:
            found.append(f"The official checksum of {name} is unknown; the observed one is listed under data.")
        elif entry["sha256"].startswith(entry["official_sha256"]):
            continue
        kind = entry["origin"]["kind"]
        if kind == "unknown":
            found.append(f"It was not recorded where {name} was taken from.")
        elif kind != OFFICIAL:
            found.append(f"{name} was taken from a {kind}, whose copy need not be the official file byte for byte.")
    return found


def _seen(training: Mapping[str, Any]) -> str:
    """Which images the network was trained on."""
    held_out = float(training["held_out"])
    if not held_out:
        return "the network saw the images of all wells while training"
    return (
        "the network saw images of tested wells while training, as of all others (all sites but "
        f"{100 * held_out:g} %, drawn by chance, which its quality was measured on)"
    )


def _unseen(source: Mapping[str, Any]) -> str:
    """The exception: stores that no network without labels was trained on."""
    stores = source.get("unseen") or []
    return (
        f"; not so of {', '.join(stores)} (source.unseen), whose controls are also reported by themselves"
        if stores
        else ""
    )


def _few(rows: str, counts: Mapping[str, int], confidence: float) -> list[str]:
    """What an interval is worth with the control wells of these plate rows."""
    wells = f"{counts.get('positive', 0)} positive and {counts.get('negative', 0)} negative control wells"
    held = COVERAGE.get((counts.get("positive", 0), counts.get("negative", 0)))
    if held and confidence == SIMULATED_CONFIDENCE:
        return [
            f"Rows {plain_rows(rows)} hold only {wells}: in simulations of so many, nominal {100 * confidence:g} % intervals of "
            f"Z′ held the true value in {held} of screens."
        ]
    if min(counts.get("positive", 0), counts.get("negative", 0)) < SMALL:
        return [f"Rows {plain_rows(rows)} hold only {wells}: intervals hold the true value less often than they say."]
    return []
