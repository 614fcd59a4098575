"""How the trainings of the networks beside GAN-DL went: the baseline, ConvAE, and ImageNet-collapsed for every question and fold.

Takes their curves and weights (`models/densenet161_arcface/`, `models/conv_ae/`,
`models/imagenet_collapsed-<question>/`); makes figure_s_counterparts. A network that the run does not have is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import blended_transform_factory
from safetensors import SafetensorError, safe_open

from gandl.config import FeaturizerName
from gandl.figures.common import style as look
from gandl.figures.common.comparisons import QUESTIONS
from gandl.figures.common.labels import SCHEMES, featurizer_label, nominal
from gandl.figures.common.palette import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SERIES, SKY, VERMILION
from gandl.figures.training.curves import KEPT, SHOWN, USED, Dashes, Panel, draw_panel, read_curve
from gandl.models.folds.terms import FOLD_CURVES, LABEL_COUNT, MOST_FREQUENT
from gandl.tables import RECOGNITION, read_table

BASELINE, CONV_AE, COLLAPSED = (
    name.value
    for name in (FeaturizerName.DENSENET161_ARCFACE, FeaturizerName.CONV_AE, FeaturizerName.IMAGENET_COLLAPSED)
)
COLUMNS = ["counterpart", "question", "scheme", "fold", SHOWN, "metric", "value", KEPT]
"""Of what is drawn; rows of levels stand at 0 images."""
GUESS, GUESS_IN_GROUP, GUESS_LOSS = "uniform_guess", "uniform_guess_in_group", "uniform_guess_loss"
MEAN_ERROR = "channel_mean_error"
DASHED, DOTTED, MIXED = (0, (4, 1.5)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5))
CHANCE = ("Chance: a uniform guess", DASHED)
LEVELS: dict[str, tuple[str, Dashes]] = {
    MEAN_ERROR: ("Each channel’s mean alone", DASHED),
    GUESS: CHANCE,
    GUESS_IN_GROUP: ("Chance in the plate’s group", MIXED),
    MOST_FREQUENT: ("Always the commonest label", DOTTED),
}
"""Lines to compare with: their names and styles, in the order of a legend."""
SOFTMAX, ARCFACE = ("Softmax head", BLUE), ("ArcFace head", VERMILION)
TRAINED: dict[str, tuple[Panel, ...]] = {
    BASELINE: (
        Panel("Training loss", "Cross-entropy", {"loss_softmax": SOFTMAX, "loss_arcface": ARCFACE}, logarithmic=True),
        Panel(
            "Held-out siRNAs",
            "Accuracy",
            {
                "accuracy": SOFTMAX,
                "accuracy_arcface": ARCFACE,
                "accuracy_in_groups": ("Softmax head, among the\nsiRNAs of the plate’s group", GREEN),
            },
            levels={level: LEVELS[level] for level in (GUESS, GUESS_IN_GROUP)},
            dashed=("accuracy_in_groups",),
            kept=True,
        ),
        Panel("Held-out siRNAs", "Cross-entropy", {"quality": SOFTMAX}, levels={GUESS_LOSS: CHANCE}, kept=True),
    ),
    CONV_AE: (
        Panel(
            "Training loss",
            "Loss",
            {
                "loss_reconstruction": ("Squared error of pixels", BLUE),
                "loss_perceptual": ("Perceptual distance,\nbefore its weight", PURPLE),
            },
            logarithmic=True,
        ),
        Panel(
            "Held-out error",
            "Error / variance",
            {"quality": ("Held-out crops", ORANGE)},
            levels={MEAN_ERROR: LEVELS[MEAN_ERROR]},
            logarithmic=True,
            kept=True,
        ),
        Panel(
            "Spread in a batch",
            "Standard deviation",
            {"real_spread": ("Real crops", GREEN), "reconstruction_spread": ("Reconstructions", VERMILION)},
        ),
    ),
}
OF_FOLDS = {
    "accuracy": Panel(
        "",
        "Validation accuracy",
        {},
        levels={level: LEVELS[level] for level in (GUESS, MOST_FREQUENT)},
        kept=True,
        alike=True,
    ),
    "validation_loss": Panel("", "Validation loss", {}, levels={GUESS_LOSS: CHANCE}, kept=True, alike=True),
}
"""Panels of every question by metric; their lines are the schemes, coloured in this order."""
COLOURS = dict(zip((scheme for scheme in SCHEMES if scheme != "probe"), (*SERIES, SKY, BROWN), strict=False))
ROW_MM, TITLE_MM = 43.0, 6.0
"""Height of a row of panels, and of the name of a counterpart above its first."""
COLUMNS_OF_PANELS = 3
PANELS_WIDTH = 0.76
"""Of the panels, as a share of the page; legends stand beside them."""
FEW_IMAGES = 5000
"""Trainings of fewer images have them one by one on their axis, not in thousands."""
LETTERS = "abcdefghijkl"


@dataclass(frozen=True)
class Training:
    """Files of one training: its curve (`gandl.tables.CURVE`), and the weights that are used."""

    curve: Path
    weights: Path


def draw_counterparts(
    trainings: Mapping[str, Training],
    recognition: Sequence[Path],
    folds: Sequence[Path],
    questions: Sequence[str],
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw how the counterparts of GAN-DL were trained.

    Parameters
    ----------
    trainings : of the counterparts with one training (`TRAINED`) that this run has.
    recognition : of the baseline (`gandl.tables.RECOGNITION`), if it is among them: what chance is.
    folds : curves of ImageNet-collapsed (`gandl.models.folds.terms.FOLD_CURVES`), if the run has it, one for each question.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`, a row per point.

    Raises
    ------
    FigureError : nothing was given, a file is absent or damaged, or a curve holds none of the metrics drawn.
    """
    tables = [read_training(name, files, recognition) for name, files in trainings.items()]
    tables += [read_folds(question, Path(path)) for question, path in zip(questions, folds, strict=True)]
    if not tables:
        raise look.FigureError("no training of a counterpart was given")
    look.draw(counterparts_figure, pd.concat(tables, ignore_index=True), **drawing)


def read_training(name: str, files: Training, recognition: Sequence[Path] = ()) -> pd.DataFrame:
    """The points of one training (`COLUMNS`): those whose weights are used are marked, and levels to compare with are added."""
    metrics = [metric for panel in TRAINED[name] for metric in panel.lines]
    curve = read_curve(0, Path(files.curve), metrics)
    metadata = described(Path(files.weights))
    curve = curve[curve["metric"].isin(metrics)].assign(**{KEPT: curve[SHOWN] == int(metadata["images_seen"])})
    levels = {MEAN_ERROR: 1.0}
    if name == BASELINE:
        (path,) = recognition
        sites = read_table(path, RECOGNITION).query("unit == 'site' and not control")
        levels = {GUESS: sites["chance"].mean(), GUESS_IN_GROUP: sites["chance_in_groups"].mean()}
        levels[GUESS_LOSS] = math.log(len(json.loads(metadata["classes"])))
    levels = {level: value for level, value in levels.items() if math.isfinite(value)}
    rows = pd.DataFrame({SHOWN: 0, "metric": list(levels), "value": list(levels.values()), KEPT: False})
    return pd.concat([rows, curve]).assign(counterpart=name, question="", scheme="", fold="")[COLUMNS]


def described(weights: Path) -> Mapping[str, str]:
    """The metadata of a file of weights: `images_seen`, how many images its training had shown, and what else it says."""
    try:
        with safe_open(weights, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError):
        metadata = {}
    if "images_seen" not in metadata:
        raise look.FigureError(f"{weights} is missing, damaged or no weights of a training: train it again")
    return metadata


def read_folds(question: str, path: Path) -> pd.DataFrame:
    """The points of all folds of a question (`COLUMNS`), with levels to compare with."""
    if not path.is_file():
        raise look.FigureError(f"the question {question} has no curves of its folds: {path} does not exist")
    table = read_table(path, FOLD_CURVES).rename(columns={"images": SHOWN}).dropna(subset=["value"])
    drawn = table[table["metric"].isin([*OF_FOLDS, LABEL_COUNT, MOST_FREQUENT])]
    counts = drawn[drawn["metric"] == LABEL_COUNT]
    more = {GUESS: 1 / counts["value"], GUESS_LOSS: counts["value"].map(math.log)}
    levels = [counts.assign(metric=metric, value=value) for metric, value in more.items()]
    return pd.concat([drawn, *levels]).assign(counterpart=COLLAPSED, question=question)[COLUMNS]


def counterparts_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    blocks = [
        (name, _rows(of_one))
        for name in (*TRAINED, COLLAPSED)
        if not (of_one := data[data["counterpart"] == name]).empty
    ]
    heights = [height for _, rows in blocks for height in (TITLE_MM, *[ROW_MM] * len(rows))]
    figure = look.new_figure(look.DOUBLE_COLUMN, sum(heights))
    figure.set_layout_engine("constrained", rect=(0, 0, PANELS_WIDTH, 1))
    grid = figure.add_gridspec(len(heights), COLUMNS_OF_PANELS, height_ratios=heights)
    letters, top = iter(LETTERS), 0
    for name, rows in blocks:
        title = figure.add_subplot(grid[top, :])
        title.set_axis_off()
        title.text(0, 0, featurizer_label(name), weight="bold", size="large", va="bottom").set_in_layout(False)
        drawn: dict[str, Artist] = {}
        axes = [
            _draw(figure.add_subplot(grid[r, c]), panel, lines, next(letters), drawn)
            for r, row in enumerate(rows, top + 1)
            for c, (panel, lines) in enumerate(row)
        ]
        _tell(axes[0], drawn)
        top += 1 + len(rows)
    figure.align_ylabels()
    return figure


def _rows(data: pd.DataFrame) -> list[list[tuple[Panel, pd.DataFrame]]]:
    """The panels of one counterpart, row by row, each with the data that it draws (those of folds by scheme)."""
    unit = 1 if data[SHOWN].max() < FEW_IMAGES else 1000
    (name,) = data["counterpart"].unique()
    if name != COLLAPSED:
        panels = [replace(panel, unit=unit) for panel in TRAINED[name]]
        return [[(panel, data.assign(seed=0)) for panel in panels]]
    rows = []
    for metric, panel in OF_FOLDS.items():
        row = []
        for question, of_one in data.groupby("question", sort=False):
            title = _in_lines(QUESTIONS[str(question)], 40)
            schemes = [scheme for scheme in COLOURS if (of_one["scheme"] == scheme).any()]
            lines = {scheme: (_in_lines(SCHEMES[scheme]), COLOURS[scheme]) for scheme in schemes}
            folds = of_one.assign(
                metric=of_one["metric"].where(of_one["metric"] != metric, of_one["scheme"]),
                seed=of_one["scheme"] + " " + of_one["fold"],
            )
            row.append((replace(panel, title=title, lines=lines, unit=unit), folds))
        rows.append(row)
    return rows if len(rows[0]) > 1 else [[*rows[0], *rows[1]]]


def _in_lines(words: str, width: int = 25) -> str:
    """Words with a capital, in lines of a legend."""
    lines = [""]
    for word in f"{words[0].upper()}{words[1:]}".split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _draw(axes: Axes, panel: Panel, data: pd.DataFrame, letter: str, drawn: dict[str, Artist]) -> Axes:
    """Draw one panel; what its legend would hold is added to `drawn`, by label."""
    draw_panel(axes, panel, data, list(data["seed"].unique()), letter, legend=0)
    axes.set_xlabel("Images" if panel.unit == 1 else "Images (thousands)")
    if GUESS in panel.levels:
        axes.set_ylim(0, 1 if panel.alike else None)
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_formatter(_Plain())
        axes.yaxis.set_minor_formatter(_Plain())
    for level, text in ((GUESS, "1/{:.0f}"), (GUESS_IN_GROUP, "1/{:.0f}"), (GUESS_LOSS, "ln {:.0f}")):
        for value in data.loc[(data["metric"] == level) & (level in panel.levels), "value"].unique():
            words = text.format(math.exp(value) if level == GUESS_LOSS else 1 / value)
            axes.annotate(
                words,
                (1, value),
                (2, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                size="small",
                color=GREY,
            )
    handles, labels = axes.get_legend_handles_labels()
    drawn |= {label: handle for label, handle in zip(labels, handles, strict=True) if label not in drawn}
    return axes


def _tell(axes: Axes, drawn: Mapping[str, Artist]) -> None:
    """One legend of all panels of a counterpart, right of them: lines first, then levels and marks."""
    last = [label for label in (*(label for label, _ in LEVELS.values()), USED) if label in drawn]
    order = [*(label for label in drawn if label not in last), *last]
    beside = blended_transform_factory(axes.figure.transFigure, axes.transAxes)
    legend = axes.legend(
        [drawn[label] for label in order],
        order,
        loc="upper left",
        bbox_to_anchor=(PANELS_WIDTH + 0.01, 1),
        bbox_transform=beside,
        borderaxespad=0,
        borderpad=0,
        handlelength=1.5,
    )
    legend.set_in_layout(False)


class _Plain(LogFormatter):
    """Ticks of a logarithmic axis as numbers without exponents, as many as matplotlib finds room for."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return nominal(x) if super().__call__(x, pos) else ""
