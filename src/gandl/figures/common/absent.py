"""Figures and tables whose answer is missing: takes what would draw them and their files, makes a page that says why."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import FiguresSettings
from gandl.evaluation.missing.answers import missing_answers
from gandl.figures.common import style as look
from gandl.workflow.files import atomic

UNDRAWN = (ValueError, KeyError, IndexError, AttributeError, StopIteration)
"""What drawing may end in where a table has no rows; where none lacks its answer, these are errors as ever."""

logger = logging.getLogger(__name__)


def draw_or_say(
    call: partial[None],
    inputs: Iterable[Any],
    outputs: Mapping[str, Path],
    settings: FiguresSettings,
    word: str = "",
) -> None:
    """Draw; where a table that is drawn lacks its answer and nothing can be drawn without it, write a page with the reason.

    Parameters
    ----------
    call : draws; of featurizers in a mapping those without an answer are left out, where others have one.
    inputs : its files, or lists of them. outputs : svg, png and csv of a figure; html and csv of a table.
    word : such as "simulated".
    """
    files = [Path(path) for given in inputs for path in ([given] if isinstance(given, str | Path) else given)]
    missing = missing_answers(files)
    try:
        call.func(*call.args, **{name: _answered(value) for name, value in call.keywords.items()})
    except UNDRAWN as error:
        if not missing:
            raise
        logger.warning("not drawn (%s): %s", error, missing[0].reason)
        say(f"Not drawn, since this was not evaluated: {missing[0].reason}", outputs, settings, word)


def _answered(value: Any) -> Any:
    """Files by featurizer without those that lack an answer, unless all do; anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    return {name: files for name, files in value.items() if not missing_answers(_files(files))} or value


def _files(value: Any) -> Iterator[Path]:
    """The paths in a value: itself, or the fields of a dataclass."""
    if isinstance(value, Path):
        yield value
    elif is_dataclass(value):
        yield from (path for field in fields(value) for path in _files(getattr(value, field.name)))


def say(text: str, outputs: Mapping[str, Path], settings: FiguresSettings, word: str = "") -> None:
    """Write a sentence in the place of a figure or table; parameters as of `draw_or_say`."""
    data = pd.DataFrame({"missing": [text]})
    if "svg" in outputs:
        with look.style(settings):
            figure = look.new_figure(look.DOUBLE_COLUMN, 30)
            figure.text(0.02, 0.5, text, va="center", wrap=True)
            look.save(figure, data, settings, svg=outputs["svg"], png=outputs["png"], csv=outputs["csv"], word=word)
    for name, path in outputs.items():
        if Path(path).suffix == ".html":
            with atomic(Path(path)) as partial:
                partial.write_text(f"<!doctype html><meta charset='utf-8'><p>{escape(text)}</p>\n", encoding="utf-8")
        elif "svg" not in outputs and name not in ("svg", "png"):
            look.write_csv(data, Path(path))
