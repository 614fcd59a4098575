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
PAIRS = (
    settings(cfg.comparison, include={"similar", "opposite"})
    if COMPARING
    else {"similar": [], "opposite": None}
)
OF_SETUP = "{setup}.seed_{seed}"
SETUP = "<results>/models/comparison/{setup}/seed_{seed}"
TILES = f"<results>/images/comparison/{SCREEN}.tiles.parquet"


def of_comparison(key):
    """One section of the comparison as plain values."""
    return settings(getattr(cfg.comparison, key)) if COMPARING else {}


def of_tasks(*keys):
    """Some settings of its tasks."""
    return settings(cfg.comparison.tasks, include=set(keys)) if COMPARING else {}


def switched(name):
    """Whether a defect of the paper's code is reproduced."""
    return Switch(name) in SWITCHES


def objective_of_setup(wildcards):
    """The objective that learns a setup."""
    return cfg.comparison.recipe.of(wildcards.setup, cfg.comparison.switches)[0]


def recipe_of_setup(wildcards):
    """The settings of that objective."""
    return settings(
        cfg.comparison.recipe.of(wildcards.setup, cfg.comparison.switches)[1]
    )


def code_of_setup(wildcards):
    """The code that trains a setup."""
    return code_of_objective(objective_of_setup(wildcards))


def weights_of_setup(wildcards):
    """The weights that a setup's codes are made with; floors have none."""
    return f"{SETUP}/weights.safetensors" if wildcards.setup in SETUPS_TRAINED else []


def settings_of_codes(wildcards):
    """What codes depend on beside weights: of a floor the recipe of the encoder that it is compared with."""
    if wildcards.setup == Beyond.INTENSITIES:
        return {}
    return recipe_of_setup(wildcards)


def of_task(task):
    """The numbers of one task, of all setups and seeds."""
    return [
        f"<results>/evaluation/comparison/{task}/{setup}.seed_{seed}.parquet"
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
