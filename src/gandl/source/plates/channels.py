"""A lab's own plates, the names of their channels: takes what each plate has, gives other names, finds plates that differ."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence

from gandl.source.plates.rules import plate_words
from gandl.source.plates.stores import PlateKey
from gandl.source.plates.tabular.mistakes import PlatesError

SHOWN = 3
"""Plates of one kind that a sentence names."""
Renames = Mapping[str, str]
"""Name of a channel as files or metadata state it -> the name that it gets."""


def renames_of(texts: Iterable[str]) -> dict[str, str]:
    """Read `OLD=NEW`.

    Raises
    ------
    PlatesError : a text without `=` or without one of its sides, or a channel that gets two names.
    """
    renames: dict[str, str] = {}
    for text in texts:
        old, _, new = (part.strip() for part in text.partition("="))
        if not old or not new:
            raise PlatesError(f"--rename {text!r} is not OLD=NEW, such as Hoechst=DNA")
        if renames.setdefault(old, new) != new:
            raise PlatesError(f"--rename gives the channel {old} two names, {renames[old]} and {new}")
    return renames


def unused(renames: Renames, channels: Collection[str]) -> list[str]:
    """A sentence for every channel that is given another name and that there is not."""
    return [
        f"--rename {shlex.quote(f'{old}={new}')} names no channel; the channels are {', '.join(channels)}"
        for old, new in renames.items()
        if old not in channels
    ]


def remedy(channels: Sequence[str], wanted: Sequence[str]) -> str:
    """The options that make channels those that are wanted, in words: other names where that can be meant, or leaving out."""
    extra = [name for name in channels if name not in wanted]
    missing = [name for name in wanted if name not in channels]
    pairs = {name: other for name in extra for other in missing if name.casefold() == other.casefold()}
    extra = [name for name in extra if name not in pairs]
    missing = [name for name in missing if name not in pairs.values()]
    if len(extra) == len(missing) == 1:
        pairs[extra.pop()] = missing.pop()
    ways = []
    if pairs:
        ways.append("where two names mean the same, add " + _options("rename", (f"{a}={b}" for a, b in pairs.items())))
    elif extra and missing:
        ways.append("where two names mean the same, add --rename OLD=NEW")
    if extra or missing:
        ways.append(f"leave out what is not everywhere: {_options('leave-out', (*missing, *extra))}")
    return "; ".join(ways)


def _options(name: str, values: Iterable[str]) -> str:
    return " ".join(f"--{name} {shlex.quote(value)}" for value in values)


def plates_that_differ(plates: Mapping[PlateKey, Sequence[str]]) -> list[str]:
    """One sentence, where plates have different channels; it names the options that help.

    Parameters
    ----------
    plates : the channels of each plate.
    """
    groups: dict[frozenset[str], list[PlateKey]] = {}
    for key, channels in plates.items():
        groups.setdefault(frozenset(channels), []).append(key)
    if len(groups) < 2:
        return []
    usual = plates[max(groups.values(), key=len)[0]]
    said = [f"{_plates(keys)} {', '.join(plates[keys[0]])}" for keys in groups.values()]
    remedies = dict.fromkeys(remedy(plates[keys[0]], usual) for keys in groups.values())
    ways = "; ".join(way for way in remedies if way)
    return [f"channels differ between plates: {'; '.join(said)}; all plates need the same: {ways}"]


def _plates(keys: Sequence[PlateKey]) -> str:
    if len(keys) == 1:
        return f"{plate_words(keys[0])} has"
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return f"plates {', '.join(key.plate for key in keys[:SHOWN])}{more} have"
