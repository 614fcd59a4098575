"""Compounds that papers name, among the names that a screen writes: one way of finding them, for figures and the audit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gandl.source.screens.compounds import key_of

DRUGS = ("Remdesivir", "GS-441524", "Polydatin")
"""The paper's three: two that act against the virus, and one that does not."""


def is_named(name: str, wanted: str) -> bool:
    """Whether a screen's name is that of a wanted compound, alone or with more: `Remdesivir (GS-5734)` is Remdesivir.

    Case does not count. The wanted name has to stand as words of its own: neither Hydroxychloroquine nor Desethyl-chloroquine
    is Chloroquine, (+)-Cedrol is Cedrol.
    """
    pattern = rf"(?<!\w)(?<!\w-){re.escape(key_of(wanted))}(?!\w)(?!-\w)"
    return re.search(pattern, key_of(name)) is not None


def named_compound(names: Iterable[str], wanted: str) -> str | None:
    """The compound that is meant by a name: of several that bear it the shortest, of equally long ones the first by name; None
    where there is none."""
    found = sorted({name for name in names if is_named(name, wanted)}, key=lambda name: (len(name), name))
    return found[0] if found else None
