"""Pages of tables that are larger than a screen: takes a template and values, makes one self-contained HTML text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gandl.figures.common.style import FigureError


def page(templates: Sequence[Path], **values: Any) -> str:
    """Fill a template; the same text for the same values.

    Parameters
    ----------
    templates : the page's, then those that it includes, all in one folder. values : by the names that the template uses.

    Raises
    ------
    FigureError : no template was given, or one does not exist.
    """
    paths = [Path(path) for path in templates]
    if not paths or not all(path.is_file() for path in paths):
        raise FigureError(f"no template for the page: {', '.join(map(str, paths)) or 'none was given'}")
    environment = Environment(
        loader=FileSystemLoader(paths[0].parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(paths[0].name).render(**values)


def as_json(value: Any) -> Markup:
    """A value as JSON that may stand in a script element: no `<`, so that no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
