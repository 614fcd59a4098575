"""What the rules of the comparison need: its setups, their recipes, weights and files. Where the run compares nothing, all are empty."""

import re

from gandl.config import Beyond, Switch
from gandl.config.comparison_terms import parts_of

COMPARING = cfg.comparison is not None
TASKS = ("similarity", "drug_control", "clusters")
SETUPS = cfg.comparison.setups if COMPARING else []
SETUPS_TRAINED = [
    name for name in SETUPS if name not in (Beyond.UNTRAINED, Beyond.INTENSITIES)
]
SWITCHES = sorted(cfg.comparison.switches) if COMPARING else []
PAIRS = {
    "similar": cfg.comparison.similar if COMPARING else [],
    "opposite": cfg.comparison.opposite if COMPARING else None,
}
SETUP_SEEDS = cfg.comparison.trained_seeds if COMPARING else []
VEHICLE = cfg.comparison.vehicle if COMPARING else ""
SHOWN_LINES = cfg.comparison.shown_cell_types if COMPARING else []
COLLAPSED_BELOW = cfg.comparison.tasks.similarity.collapsed_below if COMPARING else None
TASK_CONFIDENCE = cfg.comparison.tasks.confidence if COMPARING else 0.95
TILE_SIDE = cfg.comparison.tiles.side if COMPARING else 0
OF_SETUP = "{setup}.seed_{seed}"
SETUP = "<results>/models/comparison/{setup}/seed_{seed}"
TILES = f"<results>/images/comparison/{SCREEN}.tiles.parquet"


def of_comparison(key):
    """One section of the comparison as plain values."""
    return settings(getattr(cfg.comparison, key)) if COMPARING else {}


def switched(name):
    """Whether a defect of the paper's code is reproduced."""
    return Switch(name) in SWITCHES


def learned(setup):
    """The objective that learns a setup, and its settings."""
    resolution = cfg.embeddings.resolutions[cfg.source.screen]
    return cfg.comparison.recipe.of(setup, cfg.comparison.switches, resolution)


def objective_of_setup(wildcards):
    """The objective that learns a setup."""
    return learned(wildcards.setup)[0]


def recipe_of_setup(wildcards):
    """The settings of that objective."""
    return settings(learned(wildcards.setup)[1])


def code_of_setup(wildcards):
    """The code that trains a setup, and looks at it."""
    objective = objective_of_setup(wildcards)
    if objective == "gan":
        own = ["gandl.models.objectives.gan", "gandl.models.looks.gan_measures"]
    else:
        held_in = {"self_supervised": "byol", "dino": "dino"}.get(objective, "paper")
        own = [
            f"gandl.models.objectives.comparison.{held_in}",
            "gandl.models.looks.comparison.held_out",
        ]
    return code_version("gandl.models.engine.training", *own)


def weights_of_setup(wildcards):
    """The weights that a setup's codes are made with; floors have none."""
    return f"{SETUP}/weights.safetensors" if wildcards.setup in SETUPS_TRAINED else []


def settings_of_codes(wildcards):
    """What codes depend on beside weights: of a floor the recipe of the encoder that it is compared with."""
    if wildcards.setup == Beyond.INTENSITIES:
        return {}
    return recipe_of_setup(wildcards)


def of_task(task, of=""):
    """The numbers of one task, or another of its tables, of all setups and seeds."""
    return [
        f"<results>/evaluation/comparison/{task}/{setup}.seed_{seed}{of}.parquet"
        for setup in SETUPS
        for seed in cfg.comparison.seeds_of(setup)
    ]


def tasks_of_setup(wildcards):
    """The numbers of one setup, of all tasks and seeds."""
    return [
        f"<results>/evaluation/comparison/{task}/{wildcards.setup}.seed_{seed}.parquet"
        for task in TASKS
        for seed in cfg.comparison.seeds_of(wildcards.setup)
    ]


def trained_files(kind):
    """The benchmarks, or the training curves, of all trainings of the comparison."""
    pattern = {
        "benchmark": f"<benchmarks>/models/comparison/{OF_SETUP}.jsonl",
        "curve": f"{SETUP}/curve.parquet",
    }[kind]
    return [
        path
        for setup in SETUPS_TRAINED
        for path in collect(pattern, setup=setup, seed=cfg.comparison.seeds_of(setup))
    ]


def first_setup(paradigm, of):
    """A file of the first seed of a paradigm's first setting; none where the run does not compare it."""
    found = [name for name in SETUPS if name.startswith(f"{paradigm}.")]
    seeds = cfg.comparison.seeds_of(found[0]) if found else []
    return collect(of, setup=found[:1], seed=seeds[:1])


RECONSTRUCTED = [
    *first_setup("unsupervised", f"{SETUP}/samples.npz"),
    *first_setup("regularized", f"{SETUP}/samples.npz"),
]  # of figure 6
CLUSTERED = first_setup(
    "self_supervised",
    f"<results>/evaluation/comparison/clusters/{OF_SETUP}.points.parquet",
)  # of figure 7
