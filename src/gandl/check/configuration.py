"""A first configuration for a lab's own plates: takes a report without problems, makes a complete `Config` that fits them.

The plates decide which questions are evaluated: no controls, no assay quality, no hits; fewer than four doses, no dose response.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.check.looks import training_side
from gandl.check.normalisation import choose_normalisation
from gandl.check.nuclear_channel import choose_nuclear
from gandl.check.nuclei import nuclei_of
from gandl.check.plates import CheckReport
from gandl.config import (
    CYTOGAN,
    NEED_NUCLEI,
    RXRX_ONLY,
    AutoencoderNetworkSettings,
    AutoencoderSettings,
    Config,
    CounterpartsSettings,
    Dataset,
    EmbeddingsSettings,
    EvaluationSettings,
    FeaturizerName,
    ImagesSettings,
    NetworkSettings,
    Normalization,
    NormalizationSettings,
    Pairs,
    PlatesSettings,
    Precision,
    QuestionName,
    SegmentationSettings,
    SourceSettings,
    TrainingSettings,
)
from gandl.config.files import to_yaml
from gandl.config.training import ContrastSettings, GanEngineSettings
from gandl.evaluation.terms import NO_CELL_TYPE, dose_series
from gandl.source.plates.stores import default_experiment, file_safe
from gandl.source.schemes import WHOLE, Scheme
from gandl.source.split_schemes import SplitError
from gandl.source.splits import make_splits
from gandl.statistics.hill import FEWEST_DOSES, FEWEST_WELLS
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

FEWEST_CONTROLS = 4
"""Wells of each kind of control below which no interval is worth reporting."""
PROBE_BYTES = 2**29
"""Of images that the probe may hold in memory."""
REFERENCE_PIXEL_UM = 0.65
"""Pixel size at which the default sizes of the segmentation (px) hold."""
TAKEN = frozenset({"downloads", "simulated", "bbbc013", "paper", "pilot", "ci"})
"""Names of runs that are already taken."""


class ConfigurationError(ValueError):
    """No configuration can be written; the message says why."""


@dataclass(frozen=True)
class QuestionChoice:
    """The questions of a run, why these, and the wells that a probe of the training could use."""

    questions: tuple[QuestionName, ...]
    why: str
    probed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Suggestion:
    """A configuration, and the reasons for its values, one line each."""

    config: Config
    reasons: tuple[str, ...]


def write_configuration(report: CheckReport, settings: PlatesSettings, path: Path) -> Suggestion:
    """Write a complete configuration file for plates that passed the check.

    Parameters
    ----------
    report, settings : of these plates. path : a YAML file that does not exist yet.

    Raises
    ------
    ConfigurationError : the plates have problems, or the file exists.
    """
    if Path(path).exists():
        raise ConfigurationError(f"{path} exists already; name another file, or delete it")
    suggestion = suggest(report, settings)
    heading = "\n".join([f"Your plates: {report.source}.", *suggestion.reasons])
    with atomic(Path(path)) as partial:
        partial.write_text(to_yaml(suggestion.config, heading), encoding="utf-8")
    return suggestion


def suggest(report: CheckReport, settings: PlatesSettings) -> Suggestion:
    """A configuration that fits.

    Raises
    ------
    ConfigurationError : the plates have problems.
    """
    if not report.passed or report.kind is None or report.sites is None:
        raise ConfigurationError(f"{report.source} has problems; a configuration is written once there are none")
    settings = settings.changed(**report.proposed)
    original = min(report.kind.height, report.kind.width)
    trained = training_side(original)
    shown = choose_nuclear(report.channels, report.nuclei)
    nuclear = list(shown.channels)
    chosen = questions_of(report.sites)
    normalisation = choose_normalisation(report.sites, scored=QuestionName.CONTROLS in chosen.questions)
    methods = list(normalisation.methods)
    left_out = (*RXRX_ONLY, *CYTOGAN, FeaturizerName.IMAGENET_COLLAPSED)  # more trainings: by choice
    featurizers = [name for name in FeaturizerName if name not in left_out and (nuclear or name not in NEED_NUCLEI)]
    segmentation, size = measured_segmentation(report, nuclear, settings.pixel_size_um)
    config = Config(
        run=run_name(settings),
        mirror=report.mirror,
        source=SourceSettings(datasets=[Dataset.PLATES], simulation=None, rxrx19a=None, rxrx1=None, plates=settings),
        images=ImagesSettings(resolutions={Dataset.PLATES: list(dict.fromkeys([original, trained]))}),
        training=training_of(report.sites, trained, nuclear, probe=_probe_fits(chosen, report, trained, methods)),
        counterparts=CounterpartsSettings(conv_ae=conv_ae_of(trained)),
        embeddings=EmbeddingsSettings(
            featurizers=featurizers,
            resolutions={Dataset.PLATES: trained},
            drop_channels=[],
            segmentation=segmentation,
        ),
        normalization=NormalizationSettings(methods=methods, method=methods[0]),
        evaluation=EvaluationSettings(questions=list(chosen.questions)),
    )
    reasons = (
        f"Images of {report.kind.words}; networks see them at {trained} px (shorter side) in crops of 64 px.",
        f"Channels: {', '.join(report.channels)}; nuclei: {shown.why}.",
        *([size] if size else []),
        chosen.why,
        *normalisation.reasons,
    )
    return Suggestion(config, reasons)


def training_of(sites: pd.DataFrame, resolution: int, nuclear: list[str], *, probe: bool) -> TrainingSettings:
    """The recipe of the default run (`docs/decisions.md`, "A recipe that learns"), for a CPU; pairs of one well, where wells have
    several fields, else of one field."""
    several = sites.groupby("well_id").size().median() > 1
    default = TrainingSettings()
    return TrainingSettings(
        network=NetworkSettings(crop=64, channel_base=1024, channel_max=64),
        resolution=resolution,
        images=60_000,
        learning_rate=0.002,
        r1_gamma=0.2,
        path_length_weight=0.0,
        ema_half_life=4_000.0,
        contrast=ContrastSettings(pairs=Pairs.WELL if several else Pairs.SITE),
        engine=GanEngineSettings(precision=Precision.AUTO, shared_forward=True),
        checkpoint_images=4_000,
        nuclear_channels=nuclear or default.nuclear_channels,
        probe=probe,
    )


def conv_ae_of(resolution: int) -> AutoencoderSettings:
    """The recipe of the default run's autoencoder, for a CPU, with as many images as plates without a deadline may take."""
    return AutoencoderSettings(
        network=AutoencoderNetworkSettings(crop=64, channel_base=1024, channel_max=64),
        resolution=resolution,
        images=20_000,
        learning_rate=0.006,
        ema_half_life=1_000.0,
    )


def run_name(settings: PlatesSettings) -> str:
    """Name of the run: the table's, or where that is just `sites`, its folder's."""
    if settings.table:
        table = Path(settings.table)
        name = default_experiment(table.parent) if table.stem.lower() == "sites" else table.stem.removesuffix("_sites")
    else:
        name = default_experiment(Path(settings.folder or ""))
    name = file_safe(name)
    return f"my-{name or 'plates'}" if name in TAKEN or not name else name


def questions_of(sites: pd.DataFrame) -> QuestionChoice:
    """What can be chosen of these sites, and why.

    `controls` needs enough wells of both kinds, on enough plates (or rows or columns, where a cell type has one plate) that each
    can be left out in turn; `treatments` also a treated well, `dose_response` a treatment with four doses.
    """
    wells = sites.drop_duplicates("well_id")
    counts = wells["control"].value_counts()
    few = [kind for kind in ("positive", "negative") if counts.get(kind, 0) < FEWEST_CONTROLS]
    if few:
        return QuestionChoice(
            (), f"No question is evaluated: there are fewer than {FEWEST_CONTROLS} {' and '.join(few)} control wells."
        )
    try:
        splits = make_splits(sites, questions=[QuestionName.CONTROLS.value])
    except SplitError as error:
        return QuestionChoice((), f"No question is evaluated: {error}.")
    held_out = splits[(splits["part"] == "test") & splits["scheme"].isin(WHOLE)]
    never = wells.loc[~wells["well_id"].isin(held_out["well_id"]), "cell_type"]
    if len(never):
        cells = "" if never.iloc[0] == NO_CELL_TYPE else f" with {never.iloc[0]} cells"
        return QuestionChoice(
            (),
            f"No question is evaluated: of the one plate{cells} neither rows nor columns can be left out in turn, since one row "
            "and one column hold all controls of a kind.",
        )
    columns = set(held_out.loc[held_out["scheme"] == Scheme.LEAVE_COLUMN_OUT, "well_id"])
    how = _columns_in_words(wells[wells["well_id"].isin(columns)]) if columns else ""
    probed = frozenset(splits.loc[splits["scheme"] == Scheme.PROBE, "well_id"])
    doses = dose_series(wells).groupby("treatment")["concentration_um"].agg(["nunique", "size"])
    questions, words = [QuestionName.CONTROLS], "how far apart the controls are"
    if ((wells["control"] == "none") & wells["treatment"].notna()).any():
        questions += [QuestionName.TREATMENTS, QuestionName.SCREENING]
        words += ", and which treatments differ from the negative ones"
    if ((doses["nunique"] >= FEWEST_DOSES) & (doses["size"] >= FEWEST_WELLS)).any():
        questions.insert(1, QuestionName.DOSE_RESPONSE)
        words += ", and dose response"
    else:
        words += f"; no treatment has {FEWEST_DOSES} doses in {FEWEST_WELLS} wells for a dose response"
    questions.append(QuestionName.LAYOUT)
    return QuestionChoice(tuple(questions), f"Questions: {words}.{how}", probed)


def _columns_in_words(wells: pd.DataFrame) -> str:
    """Why columns of a plate are left out, and what its layout cannot distinguish."""
    rows = {kind: set(wells.loc[wells["control"] == kind, "row"]) for kind in ("negative", "positive")}
    alone = " and ".join(f"all {kind} controls are in row {min(of)}" for kind, of in rows.items() if len(of) == 1)
    apart = (
        ""
        if rows["negative"] & rows["positive"]
        else " No row holds both kinds: a gradient from the top to the bottom of the plate looks like their difference."
    )
    return f" Plate columns are left out in turn, since {alone}, so that rows cannot be.{apart}"


def _probe_fits(chosen: QuestionChoice, report: CheckReport, side: int, methods: list[Normalization]) -> bool:
    """Whether training can be followed by the probe: it holds the images of its wells in memory, and standardises its plates."""
    assert report.sites is not None
    assert report.kind is not None
    sites = report.sites["well_id"].isin(chosen.probed).sum()
    shrunk = report.kind.height * report.kind.width * (side / min(report.kind.height, report.kind.width)) ** 2
    size = sites * len(report.channels) * shrunk * np.dtype(report.kind.dtype).itemsize
    return bool(chosen.probed) and Normalization.UNLABELLED in methods and size <= PROBE_BYTES


def measured_segmentation(
    report: CheckReport, nuclear: list[str], pixel_size_um: float | None
) -> tuple[SegmentationSettings, str]:
    """Sizes of the segmentation, the smallest area by the nuclei of the contact sheet's wells; and why (empty: no nuclei named).

    Raises
    ------
    gandl.images.plate_reader.PlateImagesError : an image of these wells cannot be decoded.
    """
    default = segmentation_of(nuclear, pixel_size_um)
    shown = [channel for channel in report.channels if channel in nuclear]
    if not shown:
        return default, ""
    found = nuclei_of(report, shown[0], default.smoothing)
    place = f"in {found.channel} of the contact sheet's {counted(found.wells, 'well')}"
    if not found.enough:
        return default, (
            f"Only {counted(found.count, 'nucleus', 'nuclei')} found {place}: embeddings.segmentation.minimum_area stays "
            f"{default.minimum_area:,} px; about half a nucleus is right."
        )
    low, high = min(found.medians), max(found.medians)
    return default.changed(minimum_area=found.half), (
        f"{found.count:,} nuclei found {place}, medians of wells {low:,.0f} to {high:,.0f} px: "
        f"embeddings.segmentation.minimum_area is half of the smallest, {found.half:,} px."
    )


def segmentation_of(nuclear: list[str], pixel_size_um: float | None) -> SegmentationSettings:
    """Sizes of the segmentation (px), scaled from the default ones where the size of a pixel is known."""
    default = SegmentationSettings()
    zoom = REFERENCE_PIXEL_UM / pixel_size_um if pixel_size_um else 1.0
    return SegmentationSettings(
        nuclear_channels=nuclear or default.nuclear_channels,
        smoothing=round(default.smoothing * zoom, 2),
        minimum_area=max(1, round(default.minimum_area * zoom**2)),
        gap=max(1, round(default.gap * zoom)),
        ring=max(1, round(default.ring * zoom)),
    )
