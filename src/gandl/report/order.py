"""Whether the order of featurizers depends on the normalisation: takes the controls' numbers, makes sentences and a table.

Two featurizers change places where one has the higher held-out Z' under some normalisations, and the other under others. That
counts as a dependence where under at least one of these their intervals lie apart: then one table of the report would call a
difference clear that another reverses. Where intervals overlap under all, the change is said, too, but as what it is: within
the noise. What raw features say is a sentence of its own, and a value that is missing under some of them is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pandas as pd

from gandl.config import Normalization, Reference
from gandl.evaluation.terms import RATIO, named_by_cell_type
from gandl.figures.common.labels import SCHEMES, featurizer_label
from gandl.report.captions import normalizations_in_words
from gandl.report.numbers import JUDGED_FIRST, Value, rows_of_split
from gandl.source.schemes import WHOLE, Question

METRIC = "z_prime"
RAW = Normalization.NONE.value

Values = Mapping[str, Mapping[str, Value]]
"""Z' by normalisation, the run's own first, and featurizer."""


@dataclass(frozen=True)
class Ranking:
    """Z' of the same held-out wells under every normalisation; `place`: which wells, in words."""

    split: str
    place: str
    values: Values

    @property
    def n(self) -> int:
        """Control wells that the first value rests on."""
        return next(value.n for of_method in self.values.values() for value in of_method.values())

    @property
    def rows(self) -> list[tuple[str, list[Value | None]]]:
        """A row per featurizer, in words, with a value per normalisation."""
        names = dict.fromkeys(name for of_method in self.values.values() for name in of_method)
        return [(featurizer_label(name), [of.get(name) for of in self.values.values()]) for name in names]


@dataclass(frozen=True)
class Exchange:
    """Two featurizers that change places.

    Attributes
    ----------
    one, other : featurizers, the one that is above under the first method first.
    above, below : normalisations under which `one` has the higher and the lower Z', with the values of both.
    clear : whether the intervals lie apart under any of them.
    """

    one: str
    other: str
    above: dict[str, tuple[Value, Value]]
    below: dict[str, tuple[Value, Value]]
    clear: bool


def methods_in_order(settings: Mapping[str, Any]) -> list[str]:
    """The normalisations of a run, its own first."""
    own = settings["normalization"]["method"]
    return [own, *(name for name in settings["normalization"]["methods"] if name != own)]


def reference_of(settings: Mapping[str, Any]) -> str:
    """The wells on which those normalisations are fitted that do not name their own; runs of older versions name none."""
    return str(settings["normalization"].get("reference", Reference.UNLABELLED.value))


def references_in_words(settings: Mapping[str, Any]) -> str:
    """What each normalisation of a run standardises a plate on, the run's own first."""
    return normalizations_in_words(methods_in_order(settings), "", reference_of(settings))


def rankings(numbers: pd.DataFrame, settings: Mapping[str, Any], splits: Sequence[str] = ()) -> list[Ranking]:
    """Held-out Z' of controls by featurizer under every normalisation, for each group of wells.

    Parameters
    ----------
    numbers : all numbers of a run. settings : its configuration.
    splits : whose wells; of the schemes `WHOLE` all, where none is given.
    """
    table = numbers[(numbers["question"] == Question.CONTROLS) & (numbers["metric"] == METRIC)]
    table = table[(table["unit"] == "well") & (table["featurizer"] != RATIO)]
    if table.empty:
        return []
    schemes = table["split"].str.partition(":")[0]
    chosen = list(splits) or list(dict.fromkeys(table.loc[schemes.isin(WHOLE), "split"]))
    by_type = named_by_cell_type(table["split"])
    found = []
    for split in chosen:
        mine = table[table["split"] == split]
        values: dict[str, dict[str, Value]] = {}
        for method in methods_in_order(settings):
            of_method = mine[mine["normalization"] == method].set_index("featurizer")
            known = [name for name in settings["embeddings"]["featurizers"] if name in of_method.index]
            if known:
                values[method] = {name: _value(of_method.loc[name]) for name in known}
        if values:
            found.append(Ranking(split, _place(split, by_type=by_type), values))
    return found


def _value(row: pd.Series) -> Value:
    return Value(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]))


def _place(split: str, *, by_type: bool) -> str:
    scheme, _, group = split.partition(":")
    how = SCHEMES[scheme]
    if not by_type:
        return f"rows {rows_of_split(split)}, {how}"
    return how if group == "unknown" else f"{group}, {how}"


def exchanges(values: Values) -> list[Exchange]:
    """Pairs of featurizers that change places, of those that a reader ranks: the best of each normalisation, and each of GAN-DL's
    features with each other featurizer."""
    best = dict.fromkeys(name for name in map(best_of, values.values()) if name)
    every = dict.fromkeys(name for of_method in values.values() for name in of_method)
    judged = [name for name in JUDGED_FIRST if name in every]
    pairs = [(mine, name) for mine in judged for name in every if name not in JUDGED_FIRST]
    pairs += [pair for pair in combinations(best, 2) if set(pair) not in map(set, pairs)]
    found = [_exchange(values, one, other) for one, other in pairs]
    return [exchange for exchange in found if exchange]


def best_of(values: Mapping[str, Value]) -> str | None:
    """The featurizer with the highest value; None where none is known."""
    known = {name: value.value for name, value in values.items() if value.known}
    return max(known, key=known.__getitem__) if known else None


def _exchange(values: Values, one: str, other: str) -> Exchange | None:
    above: dict[str, tuple[Value, Value]] = {}
    below: dict[str, tuple[Value, Value]] = {}
    for method, of_method in values.items():
        if one in of_method and other in of_method and of_method[one].known and of_method[other].known:
            pair = of_method[one], of_method[other]
            if pair[0].value != pair[1].value:
                (above if pair[0].value > pair[1].value else below)[method] = pair
    if not above or not below:
        return None
    clear = any(apart(*pair) for pair in (*above.values(), *below.values()))
    if next(method for method in values if method in above or method in below) in above:
        return Exchange(one, other, above, below, clear)
    return Exchange(other, one, _turned(below), _turned(above), clear)


def _turned(found: Mapping[str, tuple[Value, Value]]) -> dict[str, tuple[Value, Value]]:
    return {method: (b, a) for method, (a, b) in found.items()}


def apart(a: Value, b: Value) -> bool:
    """Whether two intervals do not overlap; not, where one is unknown."""
    return a.low > b.high or b.low > a.high


@dataclass(frozen=True)
class Order:
    """Sentences on the order of featurizers: where it depends on the normalisation, a headline; else that it does not."""

    depends: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


def order_of(found: Sequence[Ranking]) -> Order:
    """What to say of each group of wells; nothing where one normalisation was evaluated.

    Raw features (`none`, unless it is the run's own) are said apart: there each is weighed by the unit that it happens to have.
    """
    depends, holds = [], []
    for ranking in found:
        own, *others = ranking.values
        standard = replace(
            ranking, values={name: ranking.values[name] for name in (own, *others) if name != RAW or name == own}
        )
        pairs = exchanges(standard.values) if len(standard.values) > 1 else []
        clear = [one for one in pairs if one.clear]
        if clear:
            depends.append(_depends(standard, clear))
        elif len(standard.values) > 1:
            holds.append(_within_noise(standard, pairs) if pairs else _holds(standard))
        if len(standard.values) < len(ranking.values):
            holds += _raw(ranking, [{one.one, one.other} for one in pairs])
    return Order(tuple(depends), tuple(holds))


def _raw(ranking: Ranking, said: Sequence[set[str]]) -> list[str]:
    """Featurizers that change places in raw features alone."""
    own = next(iter(ranking.values))
    pairs = exchanges({method: ranking.values[method] for method in (own, RAW)})
    texts = [_in_words(pair) for pair in pairs if pair.clear and {pair.one, pair.other} not in said]
    return [f"Raw features (none; Z′, {ranking.place}) give another order: {'; '.join(texts)}."] if texts else []


def _depends(ranking: Ranking, pairs: Sequence[Exchange]) -> str:
    best = _best_in_words(_best(ranking))
    changes = "; ".join(_in_words(pair) for pair in pairs)
    return (
        f"The order of featurizers depends on the normalisation (Z′, {ranking.place}): {changes}. The best: {best}."
        f"{_missing(ranking)}"
    )


def _best(ranking: Ranking) -> dict[str, list[str]]:
    """The normalisations under which each featurizer is the best."""
    found: dict[str, list[str]] = {}
    for method, of_method in ranking.values.items():
        name = best_of(of_method)
        if name:
            found.setdefault(name, []).append(method)
    return found


def _best_in_words(best: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{featurizer_label(name)} under {', '.join(methods)}" for name, methods in best.items())


def _missing(ranking: Ranking) -> str:
    """Featurizers with a value under some normalisations alone: nothing compares them under the others."""
    missing = _without_value(ranking)
    return "".join(f" {featurizer_label(name)} has no value under {', '.join(of)}." for name, of in missing.items())


def _without_value(ranking: Ranking) -> dict[str, list[str]]:
    """The normalisations under which a featurizer has no value, though it has one under others."""
    known = {method: {name for name in of if of[name].known} for method, of in ranking.values.items()}
    names = dict.fromkeys(name for of_method in ranking.values.values() for name in of_method)
    missing = {name: [method for method in known if name not in known[method]] for name in names}
    return {name: of for name, of in missing.items() if 0 < len(of) < len(known)}


def _in_words(pair: Exchange) -> str:
    one, other = featurizer_label(pair.one), featurizer_label(pair.other)
    return f"{one} is above {other} under {_values(pair.above)} and below it under {_values(pair.below)}"


def _values(found: Mapping[str, tuple[Value, Value]]) -> str:
    return ", ".join(f"{method} ({a.text} against {b.text})" for method, (a, b) in found.items())


def _within_noise(ranking: Ranking, pairs: Sequence[Exchange]) -> str:
    names = "; ".join(f"{featurizer_label(pair.one)} and {featurizer_label(pair.other)}" for pair in pairs)
    return (
        f"Between {', '.join(ranking.values)} (Z′, {ranking.place}) only featurizers whose intervals overlap change places: "
        f"{names}.{_missing(ranking)}"
    )


def _holds(ranking: Ranking) -> str:
    """No two featurizers change places; the best may be another one all the same, where it has no value under some method."""
    best, missing = _best(ranking), _missing(ranking)
    if not best:
        return f"No featurizer has a known value (Z′, {ranking.place})."
    methods = ", ".join(ranking.values)
    if len(best) > 1:
        return (
            f"Between {methods} (Z′, {ranking.place}) no two featurizers that can be compared change places, but the best is not "
            f"the same: {_best_in_words(best)}.{missing}"
        )
    everywhere = [name for name in JUDGED_FIRST if all(name in of and of[name].known for of in ranking.values.values())]
    names = " and ".join(map(featurizer_label, everywhere))
    same = f", and {names} {'are' if len(everywhere) > 1 else 'is'} above and below the same ones" if everywhere else ""
    return (
        f"Under each of {methods} (Z′, {ranking.place}) the same featurizer is the best, {featurizer_label(next(iter(best)))}"
        f"{same}.{missing}"
    )
