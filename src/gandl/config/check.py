"""Checking a configuration: takes a parsed YAML file, makes a `Config`, or reports every mistake at once, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from gandl.config import Config
from gandl.config.types import section_of


class ConfigError(SystemExit):
    """Every mistake of a configuration, one line each. A `SystemExit`, so that Snakemake prints it without a traceback."""


def load_config(values: Mapping[str, Any]) -> Config:
    """Check a configuration.

    Parameters
    ----------
    values : the parsed YAML file. It is complete: a missing key is an error, so a run depends only on its file.

    Raises
    ------
    ConfigError : lists every mistake: key, what is wrong, what was given.
    """
    mistakes = [
        f"{key}: missing; every configuration file is complete (default: {value!r})" for key, value in _missing(values)
    ]
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        mistakes += [_one_line(mistake) for mistake in error.errors()]
    if mistakes:
        raise ConfigError("The configuration has mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
    return config


def _missing(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys that the file leaves out, with their defaults; a section that is left out counts once."""

    def walk(given: Mapping[str, Any], section: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, field in section.model_fields.items():
            inner = section_of(field)
            if name not in given:
                yield f"{prefix}{name}", "a section" if inner else _plain(field.get_default(call_default_factory=True))
            elif inner and isinstance(given[name], Mapping):
                yield from walk(given[name], inner, f"{prefix}{name}.")

    yield from walk(values, Config, "")


def _plain(value: Any) -> Any:
    """A default as YAML holds it."""
    return TypeAdapter(Any).dump_python(value, mode="json")


def _one_line(mistake: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in mistake["loc"]) or "(whole file)"
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        known = _known_keys(mistake["loc"][:-1])
        close = get_close_matches(str(mistake["loc"][-1]), known, n=1)
        meant = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        message = f"unknown key; {meant}"
    given = "" if mistake["type"] == "value_error" else f" (got {mistake['input']!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{given}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for part in location:
        inner = section_of(section.model_fields[str(part)])
        assert inner is not None
        section = inner
    return list(section.model_fields)
