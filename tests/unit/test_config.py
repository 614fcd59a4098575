"""The configuration: every mistake at once, and files that are in step with the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gandl.config import Config
from gandl.config_check import ConfigError, load_config
from gandl.config_files import read_config, rendered


def _complete(changes: dict[str, Any], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """A complete configuration with changes."""
    values = Config().model_dump(mode="json") if values is None else values
    for key, change in changes.items():
        values[key] = _complete(change, values[key]) if isinstance(change, dict) else change
    return values


def _mistakes(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(_complete(changes))
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_every_mistake_is_told_at_once_a_line_each() -> None:
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
    assert mistake.startswith("figures.dpj: there is no such key; did you mean dpi?")


def test_a_key_like_no_other_is_answered_with_the_known_ones() -> None:
    (mistake,) = _mistakes({"figures": {"zzz": 1}})
    assert mistake.startswith("figures.zzz: there is no such key; known here: dpi, font_size")


def test_a_value_of_another_type_is_shown() -> None:
    (mistake,) = _mistakes({"training": {"batch": "ten"}})
    assert "integer" in mistake
    assert "'ten'" in mistake


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"training": {"batch": 6}}, "batch (6) must be a multiple of minibatch_std_group (4)"),
        ({"training": {"resolution": 100}}, "training.resolution (100) is not among images.resolutions"),
        ({"training": {"network": {"crop": 512}}}, "larger than the images"),
        ({"normalization": {"methods": ["none"]}}, "method (unlabelled) is not among methods (none)"),
        ({"run": "downloads"}, "downloads is the folder that all runs share"),
        ({"run": "../elsewhere"}, "run: string should match pattern"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], words: str) -> None:
    assert words in "\n".join(_mistakes(values))


def test_a_key_that_is_left_out_is_a_mistake() -> None:
    values = _complete({})
    del values["seed"], values["training"]["batch"], values["figures"]
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    told = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert [line.split(":")[0] for line in told] == ["seed", "training.batch", "figures"]
    assert "training.batch: missing; every configuration file is complete (its default is 16)" in told


def test_a_complete_configuration_is_accepted() -> None:
    assert load_config(_complete({"run": "mine"})) == Config(run="mine")


def test_generated_files_are_in_step(repository: Path) -> None:
    """`make config` mends a failure of this test."""
    stale = [
        path.name for path, text in rendered(repository / "config").items() if path.read_text(encoding="utf-8") != text
    ]
    assert stale == []


def test_every_configuration_file_is_complete(repository: Path) -> None:
    def keys(values: object, prefix: str = "") -> set[str]:
        if not isinstance(values, dict):
            return {prefix}
        return set().union(*(keys(value, f"{prefix}.{name}") for name, value in values.items()))

    wanted = keys(Config().model_dump(mode="json"))
    for path in (repository / "config").glob("*.yaml"):
        assert keys(yaml.safe_load(path.read_text(encoding="utf-8"))) == wanted, path.name


def test_the_default_run_is_the_plate_until_the_simulated_screens_exist(repository: Path) -> None:
    assert read_config(repository / "config/config.yaml") == read_config(repository / "config/bbbc013.yaml")
