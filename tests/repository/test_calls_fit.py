"""Every rule fits the function that it names, in the configurations of the project: found by a test, not by a job."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from gandl.config import CYTOGAN, CytoganSettings
from gandl.workflow.calls import CallError, bound

FOR_OTHERS = ("calls", "code", "caption", "each", "network", "paper")
OFFERED = ("settings", "word", "scaling")
"""What `figure.py` hands over where the function has a place for it."""
NO_FIGURES = ("thumbnails", "explorer")
WITHOUT_SETTINGS = (*NO_FIGURES, "comparison_setup")
OF_WILDCARDS = {"featurizer": "gandl", "normalization": "none", "setup": "dino", "training_seed": 0}


def params_of(repository, file, **changes):
    """The parameters of the rules that name a function, by rule; `changes` of the configuration."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        config = ConfigSettings(configfiles=[repository / "config" / file], config=changes)
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config)._workflow
        return {rule.name: dict(rule.params.items()) for rule in workflow.rules if "calls" in dict(rule.params.items())}


@pytest.fixture(params=["config.yaml", "bbbc013.yaml", "paper.yaml", "comparison.yaml"])
def rules(request, repository, monkeypatch):
    """The rules that name a function: files by name, and parameters."""
    monkeypatch.chdir(repository)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        config = ConfigSettings(configfiles=[repository / "config" / request.param])
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config)._workflow
        named = [rule for rule in workflow.rules if dict(rule.params.items()).get("calls")]
        compares = "comparison" in request.param  # and has no featurizer, so that the other rules have no files
        named = [
            rule for rule in named if rule.name.startswith("comparison_") == compares or rule.name == "figure_plate"
        ]
        return {rule.name: (_files(rule.input), dict(rule.output.items()), dict(rule.params.items())) for rule in named}


def _files(inputs):
    """Inputs by name; one that is a function of wildcards gives one file in all rules that name a function, or several."""
    several = ("numbers",)  # of the comparison
    made = {name: ["a file"] if name in several else "a file" for name, files in inputs.items() if callable(files)}
    return {name: made.get(name, files) for name, files in inputs.items()}


def arguments(inputs, outputs, params):
    """As the scripts `figure.py` and `question.py` hand them over."""
    question = not {"numbers", "scores", "output", "similarity"}.isdisjoint(outputs)
    inputs = {name: files for name, files in inputs.items() if name != "style"}
    if question:
        outputs = {"output" if name in ("numbers",) else name: file for name, file in outputs.items()}
    given = {name: value for name, value in params.items() if name not in FOR_OTHERS}
    offered = OF_WILDCARDS if question else {name: given.pop(name) for name in OFFERED}
    return bound(params["calls"], inputs, outputs, given, each=params.get("each", ()), offered=offered)


def test_every_file_and_parameter_finds_its_place(rules):
    assert len(rules) >= 15
    for name, rule in rules.items():
        assert ("settings" in arguments(*rule).keywords) == (name not in WITHOUT_SETTINGS), name


def test_a_misspelt_name_would_be_found(rules):
    inputs, outputs, params = rules["figure_plate"]
    with pytest.raises(CallError, match="no parameter featurisers, which its rule gives"):
        arguments(inputs, outputs, {**params, "featurisers": params["featurizer"]})


def test_tables_name_the_seed_of_each_featurizer_s_own_training(repository, monkeypatch):
    monkeypatch.chdir(repository)
    seeds = {"conv_ae": 5, "baseline": 6, "collapsed": 7}
    changes = {"counterparts": {name: {"seed": seed} for name, seed in seeds.items()}}
    params = params_of(repository, "config.yaml", **changes)
    expected = {"gandl": 0, "conv_ae": 5, "densenet161_arcface": 6, "imagenet_collapsed": 7, "intensity": 0}
    assert expected.items() <= params["comparisons"]["training_seeds"].items()
    for rule in ("controls", "dose_response", "cell_type", "treatments"):
        of_wildcards = params[rule]["training_seed"]
        assert {name: of_wildcards(SimpleNamespace(featurizer=name)) for name in expected} == expected, rule


def test_a_family_of_cytogan_is_trained_by_its_own_recipe_and_redone_with_its_own_code(repository, monkeypatch):
    """What the workflow names without importing the networks, against what the objective says of itself."""
    from gandl.models.objectives.kinds import OBJECTIVES

    monkeypatch.chdir(repository)
    families = [name.value for name in CYTOGAN]
    cytogan = CytoganSettings(wgan={"seed": 3}).model_dump(mode="json")
    changes = {"cytogan": cytogan, "embeddings": {"featurizers": ["gandl", *families]}}
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        config = ConfigSettings(configfiles=[repository / "config/config.yaml"], config=changes)
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config)._workflow
        training, embedding = (workflow.get_rule(name) for name in ("cytogan", "cytogan_embeddings"))
    for name in families:
        family = SimpleNamespace(family=name)
        params = {key: training.params.get(key)(family) for key in ("settings", "objective", "code")}
        objective = OBJECTIVES[params["objective"]]
        assert params["code"] == objective.code(), name
        assert objective.settings_type.model_validate(params["settings"]) == CytoganSettings(wgan={"seed": 3}).of(name)
        assert embedding.params.get("featurizers")(family) == [name]
        weights = f"/models/{name}/seed_{3 if name == 'wgan' else 0}/weights.safetensors"
        assert embedding.input.get("weights")(family).endswith(weights)


def test_a_comparison_of_one_seed_misses_none_and_its_captions_name_the_switch(repository, monkeypatch):
    monkeypatch.chdir(repository)
    params = params_of(repository, "comparison.yaml", comparison={"faithful": ["single_seed"]})
    assert params["comparison_table_2"]["seeds"] == [0]
    compared = [of for name, of in params.items() if name.startswith(("comparison_table_", "comparison_figure_"))]
    assert len(compared) == 9
    assert all("single_seed" in of["caption"]["comparison"]["defects"] for of in compared)
    assert params_of(repository, "comparison.yaml")["comparison_table_2"]["seeds"] == [0, 1, 2]


@pytest.mark.parametrize(
    "recipe", [{"images_of": {"dino": 99}}, {"images_of": {"self_supervised": 99}}, {"byol": {"epoch_images": 9}}]
)
def test_dino_has_byol_s_budget_where_nothing_changes_the_tiles_of_either(repository, monkeypatch, recipe):
    monkeypatch.chdir(repository)
    assert params_of(repository, "comparison.yaml")["comparison_table_1"]["dino_as_byol"] is True
    changed = params_of(repository, "comparison.yaml", comparison={"recipe": recipe})
    assert changed["comparison_table_1"]["dino_as_byol"] is False
