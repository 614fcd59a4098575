"""Calls: files and parameters reach the parameters of the same names, and what does not fit is named in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NotRequired, TypedDict, Unpack

import pytest

from gandl.config.types import Section
from gandl.workflow.calls import CallError, bound, with_sections


@dataclass(frozen=True)
class Tables:
    numbers: Path
    curves: Path


class Drawing(TypedDict):
    svg: Path
    word: NotRequired[str]


class Sized(Section):
    side: int = 64
    seed: int = 0


CALLED: list[dict] = []


def call(*files: Any, **given: Any) -> None:
    bound(*files, **given)()


def perhaps(output: Path, weights: Path | None) -> None:
    CALLED.append({"weights": weights})


def settled(settings: Sized, seed: int) -> None:
    CALLED.append({"settings": settings, "seed": seed})


def plain(scores: Path, *, output: Path, seed: int = 7) -> None:
    CALLED.append({"scores": scores, "output": output, "seed": seed})


def several(scores: list[Path], output: Path) -> None:
    CALLED.append({"scores": scores, "output": output})


def by_name(scores: Mapping[str, Path], output: Path) -> None:
    CALLED.append({"scores": scores, "output": output})


def bundled(tables: Tables, output: Path) -> None:
    CALLED.append({"tables": tables, "output": output})


def bundled_by_name(tables: Mapping[str, Tables], output: Path) -> None:
    CALLED.append({"tables": tables, "output": output})


def drawn(scores: Path, **drawing: Unpack[Drawing]) -> None:
    CALLED.append({"scores": scores, **drawing})


@pytest.fixture(autouse=True)
def _functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of this file, under a module's name of their own."""
    module = ModuleType("called_by_tests")
    for function in (perhaps, settled, plain, several, by_name, bundled, bundled_by_name, drawn):
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, "called_by_tests", module)
    CALLED.clear()


def test_files_and_parameters_go_by_name_and_a_default_stays() -> None:
    call("called_by_tests.plain", {"scores": "a"}, {"output": "b"}, {}, offered={"featurizer": "for others"})
    call("called_by_tests.plain", {"scores": "a"}, {"output": "b"}, {"seed": 3})
    assert [{"scores": Path("a"), "output": Path("b"), "seed": seed} for seed in (7, 3)] == CALLED


def test_several_files_are_a_list_or_a_mapping_as_wanted() -> None:
    call("called_by_tests.several", {"scores": ["a", "b"]}, {"output": "c"}, {})
    call("called_by_tests.by_name", {"scores": ["a", "b"]}, {"output": "c"}, {}, each=["x", "y"])
    assert CALLED[0]["scores"] == [Path("a"), Path("b")]
    assert CALLED[1]["scores"] == {"x": Path("a"), "y": Path("b")}


def test_files_fill_a_dataclass_once_or_for_each() -> None:
    call("called_by_tests.bundled", {"numbers": "n", "curves": "c"}, {"output": "o"}, {})
    both = {"numbers": ["n1", "n2"], "curves": ["c1", "c2"]}
    call("called_by_tests.bundled_by_name", both, {"output": "o"}, {}, each=["x", "y"])
    assert CALLED[0]["tables"] == Tables(Path("n"), Path("c"))
    assert CALLED[1]["tables"] == {"x": Tables(Path("n1"), Path("c1")), "y": Tables(Path("n2"), Path("c2"))}


def test_what_every_figure_is_given_counts_as_parameters() -> None:
    call("called_by_tests.drawn", {"scores": "a"}, {"svg": "b"}, {"word": "simulated"})
    assert [{"scores": Path("a"), "svg": Path("b"), "word": "simulated"}] == CALLED


def test_a_parameter_without_a_place_is_named_and_does_not_leave_a_default_behind() -> None:
    with pytest.raises(CallError, match=r"called_by_tests\.plain has no parameter sead, which its rule gives"):
        call("called_by_tests.plain", {"scores": "a"}, {"output": "b"}, {"sead": 3})
    assert CALLED == []


@pytest.mark.parametrize(
    ("function", "inputs", "outputs", "each", "message"),
    [
        ("absent", {}, {}, (), " is not a function of gandl: "),
        ("plain", {"scores": "a", "extra": "b"}, {"output": "c"}, (), r"no parameter for the file extra of its rule"),
        ("plain", {"scores": "a"}, {}, (), "needs output, which its rule does not give"),
        ("drawn", {"scores": "a"}, {}, (), "needs svg, which its rule does not give"),
        ("plain", {"scores": "a", "output": "b"}, {"output": "c"}, (), "input and output of its rule are both named output"),
        ("by_name", {"scores": ["a", "b"]}, {"output": "c"}, ["x"], r"scores wants a file for each of x, not \["),
        ("by_name", {"scores": "a"}, {"output": "c"}, ["x"], "scores wants a file for each of x, not a"),
        ("by_name", {"scores": ["a"]}, {"output": "c"}, (), "scores wants a file for each of nothing"),
        ("plain", {"scores": ["a", "b"]}, {"output": "c"}, (), r"scores wants one file, not \['a', 'b'\]"),
        ("several", {"scores": "a"}, {"output": "c"}, (), "scores wants several files, not a"),
        ("bundled", {"numbers": "n"}, {"output": "o"}, (), r"no parameter for the file numbers of its rule"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(function: str, inputs: dict, outputs: dict, each: list, message: str) -> None:
    with pytest.raises(CallError, match=rf"^called_by_tests\.{function}.*{message}"):
        call(f"called_by_tests.{function}", inputs, outputs, {}, each=each)
    assert CALLED == []


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(CallError, match=r"^gandl\.figures\.absent\.draw is not a function of gandl: No module named"):
        call("gandl.figures.absent.draw", {}, {}, {})


def test_a_section_is_made_of_plain_values_and_holds_no_key_that_was_not_given() -> None:
    params = with_sections("called_by_tests.settled", {"settings": {"side": 32}, "seed": 3})
    call("called_by_tests.settled", {}, {}, params)
    settings = CALLED[0]["settings"]
    assert (type(settings), settings.side, CALLED[0]["seed"]) == (Sized, 32, 3)
    with pytest.raises(AttributeError):
        _ = settings.seed


def test_a_file_that_need_not_be_there_is_none_without_one() -> None:
    for files in ("a", []):
        call("called_by_tests.perhaps", {"weights": files}, {"output": "b"}, {})
    assert [called["weights"] for called in CALLED] == [Path("a"), None]
