"""Templates of the audit page: takes nothing, makes the environment that fills them in."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gandl.figures.common.labels import normalization_label
from gandl.report.made.costs import duration
from gandl.workflow.words import counted


def environment() -> Environment:
    """Where the pages' templates are found, strict about names, with the filters that they use."""
    environment = Environment(
        loader=PackageLoader("gandl.report", "templates"),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["counted"] = counted
    environment.filters["normalization"] = normalization_label
    return environment
