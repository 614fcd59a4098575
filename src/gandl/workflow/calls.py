"""Calls: a rule names a function of gandl, and its files and parameters are handed over under the names that they bear there.

One script per kind of rule (a figure, a question) is then enough: a new one takes a function and a rule, no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

from gandl.workflow.words import named


class CallError(TypeError):
    """A rule and the function that it names do not fit; the message names the function and what does not fit."""


def bound(
    function: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    params: Mapping[str, Any],
    each: Sequence[Any] = (),
    offered: Mapping[str, Any] = MappingProxyType({}),
) -> partial[None]:
    """Find the place of every file and parameter of a rule in a function; the function with its arguments, ready to be called.

    Parameters
    ----------
    function : its full name, such as `gandl.figures.plate.draw_plate`.
    inputs, outputs : path, or paths, by name; each must find its place. One path is handed over as a `Path`, several as a list.
        Where the function wants a mapping, several paths become one, by `each`. A parameter that is a dataclass of paths takes
        the files that bear the names of its fields (or, wanted as a mapping, one dataclass for each key).
    params : values by name; each must find its place, so that a misspelt one is not replaced by a default.
    each : what several files stand for, in their order: featurizers, seeds.
    offered : more values by name, for those functions that have a parameter for them.

    Raises
    ------
    CallError : there is no such function, a file or parameter has no place, an input and an output bear one name, a parameter
        without a default has no value, one file is given for several or several for one, or `each` and files differ in number.
    """
    called = _found(function)
    wanted, needed = _parameters(called)
    if twice := [name for name in inputs if name in outputs]:
        raise CallError(f"{function}: input and output of its rule are both named {', '.join(twice)}")
    left = {**inputs, **outputs}
    given = {name: value for name, value in {**offered, **params}.items() if name in wanted}
    for name, kind in wanted.items():
        if name in left:
            given[name] = _one(kind, left.pop(name), each, f"{function}: {name}")
        elif name not in given and (found := _fields(kind)) and set(found) <= set(left):
            given[name] = _bundle(kind, {field: left.pop(field) for field in found}, each, f"{function}: {name}")
    if unknown := sorted(params.keys() - wanted.keys()):
        raise CallError(f"{function} has no parameter {', '.join(unknown)}, which its rule gives")
    if left:
        raise CallError(f"{function} has no parameter for the {named('file', left)} of its rule")
    if missing := [name for name in needed if name not in given]:
        raise CallError(f"{function} needs {', '.join(missing)}, which its rule does not give")
    return partial(called, **given)


def with_sections(function: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a rule, plain values, as the function wants them: a section of the configuration, where it wants one, of the
    keys given (`Section.given`).

    Raises
    ------
    CallError : there is no such function.
    """
    wanted, _ = _parameters(_found(function))
    return {
        name: wanted[name].given(value) if hasattr(wanted.get(name), "given") else value
        for name, value in params.items()
    }


def _found(function: str) -> Any:
    module, _, name = function.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CallError(f"{function} is not a function of gandl: {error}") from error


def _parameters(function: Any) -> tuple[dict[str, Any], list[str]]:
    """Type of every parameter by name, those of `**name: Unpack[...]` among them; and the names without a default."""
    hints = get_type_hints(function)
    kinds: dict[str, Any] = {}
    needed: list[str] = []
    for name, parameter in signature(function).parameters.items():
        if parameter.kind is Parameter.VAR_KEYWORD:
            (unpacked,) = get_args(hints[name])
            kinds |= get_type_hints(unpacked)
            # `__required_keys__` is wrong where annotations are kept as text (`from __future__ import annotations`).
            keys = get_type_hints(unpacked, include_extras=True)
            needed += [key for key, kind in keys.items() if get_origin(kind) is not NotRequired]
        else:
            kinds[name] = hints[name]
            needed += [name] if parameter.default is Parameter.empty else []
    return kinds, needed


def _values(kind: Any) -> Any:
    """The type of a mapping's values; None where the type is no mapping."""
    return get_args(kind)[1] if get_origin(kind) is Mapping else None


def _fields(kind: Any) -> list[str]:
    """Names of the fields where the type is a dataclass, or a mapping to one."""
    held = _values(kind) or kind
    return [field.name for field in fields(held)] if is_dataclass(held) else []


def _one(kind: Any, value: Any, each: Sequence[Any], where: str) -> Any:
    """One path, a list of paths, or a mapping, as wanted; None where that is possible and there is no file."""
    if not value and type(None) in get_args(kind):
        return None
    one = isinstance(value, str | Path)
    paths = Path(value) if one else [Path(path) for path in value]
    if _values(kind):
        return _by(each, paths, where)
    origin = get_origin(kind)
    if one is (isinstance(origin, type) and issubclass(origin, Iterable)):
        raise CallError(f"{where} wants {'several files' if one else 'one file'}, not {value}")
    return paths


def _bundle(kind: Any, files: Mapping[str, Any], each: Sequence[Any], where: str) -> Any:
    """A dataclass of paths, or one for each key."""
    held = _values(kind)
    if held is None:
        return kind(**{name: Path(value) for name, value in files.items()})
    columns = {name: _by(each, [Path(path) for path in paths], where) for name, paths in files.items()}
    return {key: held(**{name: paths[key] for name, paths in columns.items()}) for key in each}


def _by(each: Sequence[Any], paths: Any, where: str) -> dict[Any, Path]:
    if not isinstance(paths, list) or len(paths) != len(each):
        raise CallError(f"{where} wants a file for each of {', '.join(map(str, each)) or 'nothing'}, not {paths}")
    return dict(zip(each, paths, strict=True))
