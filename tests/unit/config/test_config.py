"""The configuration: every mistake at once, and files that are in step with the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gandl.config import (
    CYTOGAN,
    Bbbc013Settings,
    Bbbc021Settings,
    Bbbc021Simulation,
    CellLinesSettings,
    CellLinesSimulation,
    Config,
    CytoganSettings,
    EmbeddingsSettings,
    FeaturizerName,
    GanEngineSettings,
    Precision,
    RxRx1Settings,
    SourceSettings,
    TrainingSettings,
    recipes_of_cytogan,
)
from gandl.config.check import ConfigError, load_config
from gandl.config.files import read_config, rendered


class _Whole(dict[str, Any]):
    """A value that takes the place of the former one, instead of changing some of its keys."""


def _complete(changes: dict[str, Any], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """A complete configuration with changes."""
    values = Config().model_dump(mode="json") if values is None else values
    for key, change in changes.items():
        values[key] = (
            _complete(change, values[key])
            if isinstance(change, dict) and not isinstance(change, _Whole) and isinstance(values[key], dict)
            else change
        )
    return values


def _mistakes(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(_complete(changes))
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_every_mistake_is_reported_at_once_a_line_each() -> None:
    mistakes = _mistakes(
        {
            "runn": "x",
            "training": {"batch": "ten", "network": {"crop": 63, "foo": 2}},
            "embeddings": {"featurizers": ["x"]},
        }
    )
    assert {line.split(":")[0] for line in mistakes} == {
        "runn",
        "training.batch",
        "training.network.crop",
        "training.network.foo",
        "embeddings.featurizers.0",
    }


def test_a_typo_is_answered_with_the_nearest_key() -> None:
    (mistake,) = _mistakes({"figures": {"dpj": 200}})
    assert mistake.startswith("figures.dpj: unknown key; did you mean dpi?")


def test_a_key_like_no_other_is_answered_with_the_known_ones() -> None:
    (mistake,) = _mistakes({"figures": {"zzz": 1}})
    assert mistake.startswith("figures.zzz: unknown key; known here: dpi, font_size")


def test_a_value_of_another_type_is_shown() -> None:
    (mistake,) = _mistakes({"training": {"batch": "ten"}})
    assert "integer" in mistake
    assert "'ten'" in mistake


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"training": {"batch": 6}}, "batch (6) must be a multiple of minibatch_std_group (4)"),
        (
            {"training": {"engine": {"microbatch": 6}}},
            "engine.microbatch (6) must be a multiple of minibatch_std_group (4)",
        ),
        ({"training": {"engine": {"cuda_graphs": True}}}, "engine.cuda_graphs needs engine.compile: true"),
        (
            {"training": {"loss": "wgan", "r1_gamma": 0.0}},
            "loss wgan has no lower bound without a penalty: set lipschitz_weight",
        ),
        (
            {"training": {"loss": "wgan", "augmentation": {"kind": "adaptive"}}},
            "augmentation adaptive follows the sign of logits",
        ),
        ({"training": {"weights": "best_probe", "probe": False}}, "weights best_probe needs probe: true"),
        ({"training": {"weights": "best_quality", "held_out": 0.0}}, "weights best_quality needs held_out above 0"),
        ({"training": {"quality_crops": 1}}, "training.quality_crops: input should be greater than or equal to 2"),
        ({"compute": {"gpus": 8}}, "must be a multiple of minibatch_std_group times compute.gpus (4 x 8 = 32)"),
        ({"compute": {"nodes": 8}}, "must be a multiple of minibatch_std_group times compute.nodes (4 x 8 = 32)"),
        ({"compute": {"gpus": 3, "nodes": 2}}, "gpus (3) must be a multiple of nodes (2)"),
        (
            {"compute": {"gpus": 2}, "training": {"engine": {"microbatch": 16}}},
            "each of 2 GPUs computes of a batch (16 / 2 = 8 images)",
        ),
        ({"training": {"resolution": 100}}, "training.resolution (100) is not among images.resolutions"),
        ({"training": {"network": {"crop": 512}}}, "training.network.crop (512)"),
        ({"normalization": {"methods": ["none"]}}, "method (unlabelled) is not among methods (none)"),
        ({"run": "downloads"}, "downloads is the folder that all runs share"),
        ({"run": "../elsewhere"}, "run: string should match pattern"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], words: str) -> None:
    assert words in "\n".join(_mistakes(values))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"resolution": 64}, "counterparts.conv_ae.resolution (64) is not among images.resolutions of rxrx19a [128]"),
        ({"network": {"crop": 256}}, "counterparts.conv_ae.network.crop (256) is larger than the images"),
        ({"batch": 15}, "counterparts.conv_ae.batch (15) must be a multiple of compute.gpus (2)"),
        ({"engine": {"microbatch": 16}}, "each one's share a multiple of engine.microbatch (16)"),
        ({"perceptual": {"network": "vgg16"}}, "counterparts.conv_ae.perceptual.network"),
    ],
)
def test_an_autoencoder_that_does_not_fit_is_refused_where_it_is_requested(recipe: dict[str, Any], words: str) -> None:
    values = {"counterparts": {"conv_ae": recipe}, "compute": {"gpus": 2}}
    assert words in "\n".join(_mistakes(values))
    if "perceptual" not in recipe:
        load_config(_complete({**values, "embeddings": {"featurizers": ["gandl"]}}))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (None, "embeddings.featurizers names lsgan, whose recipe is in the section cytogan, which is empty"),
        ({"resolution": 64}, "cytogan.lsgan.resolution (64) is not among images.resolutions of rxrx19a [128]"),
        ({"network": {"crop": 144}}, "cytogan.lsgan.network.crop (144) is larger than the images"),
        ({"network": {"crop": 40}}, "cytogan.lsgan.network.crop: input should be a multiple of 16"),
        ({"batch": 32}, "batch (32) must be a multiple of compute.gpus (2) times norm_group (32)"),
        ({"batch": 33}, "batch (33) must be a multiple of norm_group (32)"),
        ({"rate_decay": 1.5}, "cytogan.lsgan.rate_decay"),
        ({"engine": {"compile": True}}, "engine.compile is not for these networks"),
    ],
)
def test_a_family_of_cytogan_that_does_not_fit_is_refused(recipe: dict[str, Any] | None, words: str) -> None:
    families = CytoganSettings().model_dump(mode="json")
    families["lsgan"] = {**families["lsgan"], **(recipe or {})}
    for key in ("network", "engine"):
        families["lsgan"][key] = {**CytoganSettings().lsgan.model_dump(mode="json")[key], **(recipe or {}).get(key, {})}
    embeddings = {"featurizers": ["gandl", "lsgan"]}
    values = {"embeddings": embeddings, "compute": {"gpus": 2}, "cytogan": None if recipe is None else families}
    assert words in "\n".join(_mistakes(values))


def test_families_of_cytogan_have_the_paper_s_numbers_and_a_recipe_each() -> None:
    families = CytoganSettings()
    batches = {"dcgan": 64, "lsgan": 64, "wgan": 64, "began": 16, "bigan": 32, "vae": 128, "cytogan_autoencoder": 128}
    assert {name: families.of(name).batch for name in CYTOGAN} == batches
    assert len({families.of(name).section for name in CYTOGAN}) == len(CYTOGAN)
    assert recipes_of_cytogan(families, [FeaturizerName.GANDL, FeaturizerName.VAE]) == {"vae": families.vae}
    assert recipes_of_cytogan(None, [FeaturizerName.GANDL]) == {}
    assert not set(CYTOGAN) & set(EmbeddingsSettings().featurizers), "each is trained by choice"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"counterparts": {"collapsed": {"network": {"crop": 16}}}},
            "counterparts.collapsed.network.crop (16) is smaller than embeddings.imagenet.network densenet121 takes (32 px)",
        ),
        (
            {
                "images": {"resolutions": {"rxrx19a": [128, 16], "rxrx1": [128]}},
                "embeddings": {"resolutions": {"rxrx19a": 16, "rxrx1": 128}},
                "training": {"network": {"crop": 16}},
            },
            "images of rxrx19a are 16 px when the networks see them, smaller than embeddings.imagenet.network densenet121 takes",
        ),
    ],
)
def test_images_too_small_for_a_network_of_imagenet_are_refused(values: dict[str, Any], words: str) -> None:
    dense = _complete(values, _complete({"embeddings": {"imagenet": {"network": "densenet121"}}}))
    with pytest.raises(ConfigError) as caught:
        load_config(dense)
    assert words in str(caught.value)
    others = {"featurizers": ["gandl"]}
    load_config(_complete({"embeddings": others}, dense))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (
            {"network": {"norm_group": 1}},
            "counterparts.baseline.network.norm_group: input should be greater than or equal to 2",
        ),
        ({"engine": {"microbatch": 64}, "batch": 64}, "each one's share a multiple of engine.microbatch (64)"),
        ({"network": {"crop": 256}}, "counterparts.baseline.network.crop (256) is larger than the images"),
        ({"ema_half_life": float("inf")}, "counterparts.baseline.ema_half_life: input should be a finite number"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused(recipe: dict[str, Any], words: str) -> None:
    values = {"counterparts": {"baseline": recipe}, "compute": {"gpus": 2}}
    featurizers = {"embeddings": {"featurizers": ["densenet161_arcface"]}}
    assert words in "\n".join(_mistakes(values | featurizers | {"training": {"batch": 16}}))


SIMULATED_SIDE = Config().source.rxrx19a.image_px  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"rxrx1": None}, "datasets names rxrx1, but its section source.rxrx1 is empty"),
        ({"bbbc013": {}}, "the section source.bbbc013 is filled, but datasets does not name it"),
        ({"datasets": ["rxrx19a", "rxrx1", "rxrx1"]}, "datasets names a screen twice"),
        ({"datasets": ["imagenet"]}, "source.datasets.0"),
        ({"datasets": []}, "source.datasets"),
        (
            {"rxrx19a": {"image_px": 2 * SIMULATED_SIDE}},
            f"a simulated RxRx19a has images of {SIMULATED_SIDE} px and is not complete; set its image_px to {SIMULATED_SIDE}",
        ),
        ({"rxrx1": {"image_px": SIMULATED_SIDE}}, f"a simulated RxRx1 has images of {SIMULATED_SIDE // 2} px"),
        ({"rxrx19a": {"complete": True}}, "set its image_px to"),
        ({"simulation": {"compounds": 2}}, "source.simulation.compounds"),
        ({"rxrx19a": {"stors": []}}, "source.rxrx19a.stors: unknown key; did you mean stores?"),
    ],
)
def test_screens_and_their_sections_belong_together(source: dict[str, Any], words: str) -> None:
    assert words in "\n".join(_mistakes({"source": source}))


@pytest.mark.parametrize("section", ["bbbc013", "plates"])
def test_an_unknown_key_in_a_section_that_is_empty_by_default_is_reported(section: str) -> None:
    mistakes = "\n".join(_mistakes({"source": {section: {"no_such_key": 1}}}))
    assert f"source.{section}.no_such_key: unknown key; known here: " in mistakes


def test_a_simulation_makes_no_other_screens() -> None:
    source = {"datasets": ["rxrx19a", "bbbc013"], "rxrx1": None, "bbbc013": Bbbc013Settings().model_dump()}
    assert "simulation makes rxrx19a, rxrx1, cell_lines, bbbc021 only; datasets names bbbc013" in "\n".join(
        _mistakes({"source": source})
    )


def _of_cell_lines(**changes: Any) -> dict[str, Any]:
    """A source of the simulated cell lines alone."""
    sizes = CellLinesSimulation().model_dump()
    return {
        "datasets": ["cell_lines"],
        "rxrx19a": None,
        "rxrx1": None,
        "simulation": {"cell_lines": sizes},
        "cell_lines": CellLinesSettings().model_dump(mode="json"),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulation": None}, "cell_lines is a simulated screen alone"),
        ({"simulation": {"cell_lines": None}}, "its sizes source.simulation.cell_lines are empty"),
        (
            {
                "datasets": ["rxrx1"],
                "rxrx1": RxRx1Settings(complete=False, image_px=128).model_dump(),
                "cell_lines": None,
            },
            "source.simulation.cell_lines is filled, but datasets does not name cell_lines",
        ),
        (
            {"cell_lines": CellLinesSettings(image_px=64).model_dump(mode="json")},
            "simulated cell_lines have images of 256 px; set source.cell_lines.image_px to it",
        ),
    ],
)
def test_cell_lines_are_simulated_with_their_own_sizes(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(_mistakes({"source": _of_cell_lines(**changes)}))


def _of_bbbc021(**changes: Any) -> dict[str, Any]:
    """A source of the simulated BBBC021 alone."""
    return {
        "datasets": ["bbbc021"],
        "rxrx19a": None,
        "rxrx1": None,
        "simulation": {"bbbc021": Bbbc021Simulation().model_dump()},
        "bbbc021": Bbbc021Settings(complete=False, image_px=128).model_dump(mode="json"),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulation": {"bbbc021": None}}, "its sizes source.simulation.bbbc021 are empty"),
        ({"simulation": {"bbbc021": {"image_px": 30}}}, "multiple of 4"),
        ({"simulation": {"bbbc021": {"plates": 4}}}, "less than or equal to 3"),
        (
            {"bbbc021": Bbbc021Settings().model_dump(mode="json")},
            "a simulated Bbbc021 has images of 128 px and is not complete; set its image_px to 128 and its complete to false",
        ),
    ],
)
def test_bbbc021_is_simulated_with_its_own_sizes_or_real(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(_mistakes({"source": _of_bbbc021(**changes)}))
    assert SourceSettings.model_validate(_of_bbbc021()).simulated
    real = _of_bbbc021(simulation=None, bbbc021=Bbbc021Settings().model_dump(mode="json"))
    assert not SourceSettings.model_validate(real).simulated


def test_a_source_of_cell_lines_is_right_by_itself() -> None:
    source = SourceSettings.model_validate(_of_cell_lines())
    assert source.simulated
    assert source.screen == "cell_lines"


@pytest.mark.parametrize("section", ["images", "embeddings"])
def test_resolutions_are_those_of_the_screens_of_the_run(section: str) -> None:
    given = Config().model_dump(mode="json")[section]["resolutions"]
    for resolutions in ({**given, "bbbc013": given["rxrx1"]}, {"rxrx19a": given["rxrx19a"]}, {}):
        mistakes = "\n".join(_mistakes({section: {"resolutions": _Whole(resolutions)}}))
        reported = ", ".join(sorted(resolutions)) or "none"
        assert (
            f"{section}.resolutions names {reported}; it must name the screens of source.datasets: rxrx1, rxrx19a"
            in mistakes
        )


def test_a_size_that_is_embedded_must_be_stored() -> None:
    mistakes = "\n".join(_mistakes({"embeddings": {"resolutions": {"rxrx1": 99}}}))
    assert "embeddings.resolutions requests rxrx1 at 99 px, which is not among its images.resolutions" in mistakes


def test_only_a_simulated_screen_is_held_against_a_truth(repository: Path) -> None:
    values = read_config(repository / "config/bbbc013.yaml").model_dump(mode="json")
    values["evaluation"]["questions"] = ["calibration"]
    with pytest.raises(ConfigError, match="only a simulated screen has a known truth"):
        load_config(values)


def test_development_rows_are_those_of_a_plate_that_has_them(repository: Path) -> None:
    assert Config().source.development_rows == []
    assert read_config(repository / "config/bbbc013.yaml").source.development_rows == ["A", "B", "C", "D"]


def test_a_key_that_is_left_out_is_a_mistake() -> None:
    values = _complete({})
    del values["seed"], values["training"]["batch"], values["figures"]
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    reported = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert [line.split(":")[0] for line in reported] == ["seed", "training.batch", "figures"]
    assert "training.batch: missing; every configuration file is complete (default: 16)" in reported


def test_a_complete_configuration_is_accepted() -> None:
    assert load_config(_complete({"run": "mine"})) == Config(run="mine")


def test_generated_files_are_in_step(repository: Path) -> None:
    """`make config` fixes a failure of this test."""
    stale = [
        path.name for path, text in rendered(repository / "config").items() if path.read_text(encoding="utf-8") != text
    ]
    assert stale == []


def test_every_configuration_file_is_complete(repository: Path) -> None:
    def keys(values: object, prefix: str = "") -> set[str]:
        if not isinstance(values, dict):
            return {prefix}
        return set().union(*(keys(value, f"{prefix}.{name}") for name, value in values.items()))

    for path in (repository / "config").glob("*.yaml"):
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert keys(written) == keys(load_config(written).model_dump(mode="json")), path.name


def test_presets_show_the_imagenet_networks_and_the_autoencoder_images_on_the_intensity_scale_of_gandl(
    repository: Path,
) -> None:
    for path in sorted((repository / "config").glob("*.yaml")):
        config = read_config(path)
        of_others = config.counterparts.collapsed.intensity, config.counterparts.conv_ae.intensity
        assert of_others == (config.training.intensity,) * 2, path.name


def test_the_default_run_is_the_simulated_pair(repository: Path) -> None:
    config = read_config(repository / "config/config.yaml")
    assert config.simulated
    assert config.mirror is None
    assert [dataset.value for dataset in config.source.datasets] == ["rxrx19a", "rxrx1"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("cell_type", "names cell_type, but source.datasets does not name rxrx1"),
        ("cell_model", r"names cell_model \(HRCE against VERO\), but bbbc013 has no such cells"),
        ("calibration", "names calibration, but only a simulated screen"),
        ("mechanism", r"names mechanism, but wells of bbbc013 name no mechanisms of action \(moa\)"),
    ],
)
def test_a_question_that_no_screen_of_the_run_can_answer_is_a_mistake(
    repository: Path, question: str, message: str
) -> None:
    values = yaml.safe_load((repository / "config/bbbc013.yaml").read_text(encoding="utf-8"))
    values["evaluation"]["questions"] = [question]
    with pytest.raises(ConfigError, match=message):
        load_config(values)


def test_a_changed_section_is_checked_and_keeps_what_was_not_named() -> None:
    before = TrainingSettings(images=1600, engine=GanEngineSettings(compile=True))
    after = before.changed(batch=8, engine={"precision": "bfloat16"})
    assert (after.images, after.batch, after.engine.compile, after.engine.precision) == (
        1600,
        8,
        True,
        Precision.BFLOAT16,
    )
    for wrong in ({"bath": 8}, {"batch": 6}, {"engine": {"precision": "half"}}):
        with pytest.raises(ValidationError):
            before.changed(**wrong)
