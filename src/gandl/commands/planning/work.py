"""The work of trainings: takes a configuration, makes operations, and the GPU hours that they would take.

A speed that was measured for a network of the same shape goes before an estimate by its operations.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from gandl.commands.planning.jobs import Job
from gandl.commands.planning.sizes import channels_of
from gandl.config import CYTOGAN, Config, FeaturizerName, Precision, RecipeSettings, recipes_of_cytogan
from gandl.workflow.words import counted

TRAINING_BENCHMARKS = Path("benchmarks/results/training.csv")
SUSTAINED = {Precision.BFLOAT16: 45e12, Precision.AUTO: 45e12}
OTHERWISE = 10e12
"""Operations per second that an A100 is assumed to sustain in training, in bfloat16 and otherwise: 15 % and half of its peak."""
NOT_MEASURED = "not measured for a network of this shape"
OBJECTIVES = {
    FeaturizerName.GANDL: "gan",
    FeaturizerName.DENSENET161_ARCFACE: "classifier",
    FeaturizerName.CONV_AE: "autoencoder",
    FeaturizerName.IMAGENET_COLLAPSED: "collapsed",
    **{name: name.value for name in CYTOGAN},
}


def recipes_of(config: Config) -> dict[FeaturizerName, RecipeSettings]:
    """The trainings of a run, by what they train: GAN-DL's and those of the counterparts that it compares."""
    counterparts = config.counterparts
    trained: dict[FeaturizerName, RecipeSettings] = {
        FeaturizerName.DENSENET161_ARCFACE: counterparts.baseline,
        FeaturizerName.CONV_AE: counterparts.conv_ae,
        FeaturizerName.IMAGENET_COLLAPSED: counterparts.collapsed.recipe(config.embeddings.imagenet.network),
    }
    chosen = {name: recipe for name, recipe in trained.items() if name in config.embeddings.featurizers}
    families = recipes_of_cytogan(config.cytogan, config.embeddings.featurizers)
    return {
        FeaturizerName.GANDL: config.training,
        **chosen,
        **{FeaturizerName(name): recipe for name, recipe in families.items()},
    }


def training_lines(config: Config, results: Path, only: Iterable[str] | None = None) -> Iterator[str]:
    """A line for each training, and one for its GPU hours where it runs on a GPU.

    `results` : the folder of all runs. `only` : the trainings that a target needs; None: all of the run.
    """
    recipes = recipes_of(config)
    wanted = None if only is None else set(only)
    for name, recipe in recipes.items():
        if wanted is not None and name not in wanted:
            continue
        if name is FeaturizerName.GANDL:
            weights = results / config.run / f"models/gandl/seed_{recipe.seed}/weights.safetensors"
            there = (
                f" ({weights} is here; it is made again only if the list below names it)" if weights.exists() else ""
            )
            yield (
                f"  training   gandl: {recipe.images:,} images of {config.training.network.crop} px, batch {recipe.batch}, "
                f"seed {recipe.seed}; a checkpoint every {recipe.checkpoint_images:,} images{there}"
            )
        else:
            each = " for every question and fold" if name is FeaturizerName.IMAGENET_COLLAPSED else ""
            yield f"  training   {name.value}: {recipe.images:,} images{each}, batch {recipe.batch}, seed {recipe.seed}"
        if config.compute.gpus:
            yield f"  GPU hours  of {name.value} {gpu_hours(config, name)}"


def gpu_hours(
    config: Config, name: FeaturizerName = FeaturizerName.GANDL, benchmarks: Path = TRAINING_BENCHMARKS
) -> str:
    """GPU hours of a training in words, with their basis; parameters as of `hours_of`."""
    return hours_of(config, name, benchmarks)[1]


def hours_of(config: Config, name: FeaturizerName, benchmarks: Path = TRAINING_BENCHMARKS) -> tuple[float | None, str]:
    """GPU hours of a training (of one fold, where it is trained for every fold; None: not known), and in words with their basis.

    By the speed measured for a network of its shape, else by its operations, marked as an estimate.

    `benchmarks` has the columns device, what, crop, channel_base, batch, precision, compiled, images_per_second.
    """
    recipe = recipes_of(config)[name]
    if name is FeaturizerName.GANDL and (measured := _measured(config, benchmarks)):
        return measured
    screen = config.source.datasets[-1] if name is FeaturizerName.DENSENET161_ARCFACE else config.source.screen
    channels = channels_of(config, screen)
    if not channels:
        return None, NOT_MEASURED
    from gandl.models.objectives.kinds import objective_of

    speed = SUSTAINED.get(recipe.engine.precision, OTHERWISE)
    work = objective_of(OBJECTIVES[name]).work(recipe, channels) * recipe.images
    each = " for every fold" if name is FeaturizerName.IMAGENET_COLLAPSED else ""
    hours = work / speed / 3600
    return (
        hours,
        f"{NOT_MEASURED}; by its {work:.1e} operations {_about(hours)}{each} on an A100, "
        f"assumed to sustain {speed / 1e12:g} TFLOP/s",
    )


def _about(hours: float) -> str:
    """~44, ~0.3, < 0.01."""
    return f"~{hours:,.0f}" if hours >= 10 else f"~{hours:.2g}" if hours >= 0.01 else "< 0.01"


def gpu_lines(config: Config, jobs: Sequence[Job], sources: Sequence[Path]) -> list[str]:
    """The sum of GPU hours of the jobs of a run: of its trainings, as estimated, and of all jobs by their time limits.

    `sources` : the folder of every screen's sites and splits, which need not be there yet.
    """
    on_gpu = [job for job in jobs if job.gpus]
    if not on_gpu:
        return []
    trained = Counter(job.trains for job in on_gpu if job.trains)
    total, left_out = 0.0, ["embeddings"]
    questions = {job.wildcards["question"] for job in on_gpu if job.rule == "imagenet_collapsed"}
    folds = _folds(config, questions, [source / "splits.parquet" for source in sources]) if questions else 0
    for name, count in trained.items():
        each = hours_of(config, FeaturizerName(name))[0]
        times = folds if name == FeaturizerName.IMAGENET_COLLAPSED else count
        if each is None or times is None:
            left_out.append(name)
        else:
            total += each * times
    most = sum(job.gpus * job.minutes for job in on_gpu) / 60
    estimate = f"~{total:,.0f} of trainings (without {', '.join(left_out)}); " if total else ""
    return [
        f"  GPU hours  in all {estimate}at most {most:,.0f} by the time limits of {counted(len(on_gpu), 'job')}, "
        "each of them run once"
    ]


def _folds(config: Config, questions: Set[str], splits: Sequence[Path]) -> int | None:
    """Folds of questions for which `imagenet_collapsed` is trained; None: before the splits are made."""
    if not all(table.is_file() for table in splits):
        return None
    import pandas as pd

    columns = ["question", "scheme", "fold"]
    folds = pd.concat([pd.read_parquet(table, columns=columns) for table in splits]).drop_duplicates()
    trained = folds["question"].isin(questions) & folds["scheme"].isin(config.counterparts.collapsed.schemes)
    return int(trained.sum())


def _measured(config: Config, benchmarks: Path) -> tuple[float, str] | None:
    settings = config.training
    shape = settings.network.crop, settings.network.channel_base, settings.batch
    wanted = [str(value) for value in (*shape, settings.engine.precision.value, settings.engine.compile)]
    if not benchmarks.is_file():
        return None
    with benchmarks.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            measured = [row.get(key) for key in ("crop", "channel_base", "batch", "precision", "compiled")]
            if measured == wanted and row["what"].startswith("gandl") and row["device"].startswith("NVIDIA"):
                hours = settings.images / float(row["images_per_second"]) / 3600
                return hours, f"~{hours:,.0f} ({row['images_per_second']} images/s, measured on {row['device']})"
    return None
