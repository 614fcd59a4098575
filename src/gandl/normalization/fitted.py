"""Fitted normalisations: takes features and the sites table's rows, makes profiles; kept in a file, and read again.

A normalisation is up to three steps, each an affine map that was fitted on reference wells: features in the units of a plate or
of the screen; whitening of the screen; alignment of each batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gandl.config import Normalization
from gandl.normalization.reference import NormalizationError
from gandl.normalization.whitening import Whitening
from gandl.statistics.standardisation import Units
from gandl.workflow.files import atomic

FORMAT = "gandl-normalization-1"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """What makes batches alike: whitened components x of a row become (x - centre) matrix, those of its batch.

    Attributes
    ----------
    column : of the sites table, which names a row's batch. names : (b,) of the batches.
    centre : (b, k) means of their reference wells. matrix : (b, k, k), of `whitening.coral`.
    """

    column: str
    names: tuple[str, ...]
    centre: Floats
    matrix: Floats


@dataclass(frozen=True)
class Fitted:
    """A normalisation as it was fitted.

    Attributes
    ----------
    method : its name.
    column : of the sites table, which names the units of a row; None: all rows share the one of `units`.
    units : mean and deviation of features, by that name; empty where features stay raw.
    own : names of wells that have other units than their plate, and the name of those (`negative_crossfit`).
    whitening, alignment : what follows, where the method has it.
    wells : names of the reference wells. about : what else there is to know: settings, featurizer, names of features, code.
    """

    method: Normalization
    column: str | None = None
    units: Mapping[str, Units] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    whitening: Whitening | None = None
    alignment: Alignment | None = None
    wells: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, values: Floats, sites: pd.DataFrame) -> Floats:
        """Normalise any rows, one by one: none depends on the others.

        Parameters
        ----------
        values : (n, d) features. sites : n rows of a sites table, in the same order.

        Returns
        -------
        (n, d). A feature that does not vary in its reference is 0 before whitening.

        Raises
        ------
        NormalizationError : another number of features, or a row of a plate, or batch, that is not among those of the fit.
        """
        values = np.asarray(values, dtype=np.float64)
        if not self.units:
            return values
        self._check_width(values)
        out = np.empty_like(values)
        for name, rows in self._rows(self._names_of_units(sites), self.units, self.column).items():
            out[rows] = self.units[name].apply(values[rows])
        if self.whitening is None:
            return out
        return self.whitening.apply(out) if self.alignment is None else self._aligned(out, sites)

    def _aligned(self, values: Floats, sites: pd.DataFrame) -> Floats:
        """(n, d) features in units -> whitened and aligned, in the directions of the features; only the components are left."""
        assert self.whitening is not None
        assert self.alignment is not None
        found = self.whitening.components(values)
        position = {name: i for i, name in enumerate(self.alignment.names)}
        column = self.alignment.column
        for name, rows in self._rows(sites[column].to_numpy(object), position, column).items():
            i = position[name]
            found[rows] = (found[rows] - self.alignment.centre[i]) @ self.alignment.matrix[i]
        return found @ self.whitening.axes.T

    def _names_of_units(self, sites: pd.DataFrame) -> npt.NDArray[np.object_]:
        """(n,) the name of each row's units."""
        if self.column is None:
            return np.full(len(sites), next(iter(self.units)), object)
        names = sites[self.column]
        if self.own:
            names = sites["well_id"].map(dict(self.own)).fillna(names)
        return names.to_numpy(object)

    def _rows(
        self, names: npt.NDArray[np.object_], known: Mapping[str, Any], column: str | None
    ) -> dict[str, npt.NDArray[np.intp]]:
        """Positions of rows by name."""
        codes, found = pd.factorize(names)
        foreign = sorted(set(found) - set(known))
        if foreign:
            kind = "experiment" if column == "experiment" else "plate"
            raise NormalizationError(
                f"{kind} {foreign[0]} is not among those on which the normalisation '{self.method}' was fitted"
            )
        return {str(name): np.flatnonzero(codes == i) for i, name in enumerate(found)}

    def _check_width(self, values: Floats) -> None:
        width = len(next(iter(self.units.values())).mean)
        if values.shape[1] != width:
            raise NormalizationError(
                f"the normalisation '{self.method}' was fitted on {width} features, not on {values.shape[1]}"
            )


def joined(parts: Sequence[Fitted]) -> Fitted:
    """One of several that were fitted on different plates by one method."""
    first = parts[0]
    return replace(
        first,
        units={name: units for part in parts for name, units in part.units.items()},
        own={well: name for part in parts for well, name in part.own.items()},
        wells=tuple(well for part in parts for well in part.wells),
    )


def write_fitted(fitted: Mapping[str, Fitted], path: Path) -> None:
    """Write normalisations as one safetensors file, atomically; the same ones give the same bytes.

    Parameters
    ----------
    fitted : by name: of the fold, such as `leave_plate_out/HRCE-1_1`; where there are no folds, one by the name "".
    """
    tensors: dict[str, npt.NDArray[Any]] = {}
    described = []
    for number, (name, one) in enumerate(fitted.items()):
        tensors |= {f"{number}.{key}": np.ascontiguousarray(value) for key, value in _tensors(one).items()}
        described.append({"name": name, **_description(one)})
    text = json.dumps({"format": FORMAT, "fitted": described}, sort_keys=True)
    with atomic(Path(path)) as partial:
        partial.write_bytes(save(tensors, {"normalization": text}))


def read_fitted(path: Path) -> dict[str, Fitted]:
    """Read what `write_fitted` wrote.

    Raises
    ------
    NormalizationError : no such file, or not one of these.
    """
    try:
        with safe_open(Path(path), framework="numpy") as file:
            text = json.loads((file.metadata() or {})["normalization"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise NormalizationError(f"{path} is no file of fitted normalisations ({error})") from None
    if text.get("format") != FORMAT:
        raise NormalizationError(f"{path} is of format {text.get('format')!r}; this version reads {FORMAT!r}")
    return {
        each["name"]: _described(
            each,
            {key.partition(".")[2]: value for key, value in tensors.items() if key.partition(".")[0] == str(number)},
        )
        for number, each in enumerate(text["fitted"])
    }


def _tensors(fitted: Fitted) -> dict[str, npt.NDArray[Any]]:
    """The parameters; a deviation of 0 is that of a feature that does not vary."""
    found: dict[str, npt.NDArray[Any]] = {}
    if fitted.units:
        units = fitted.units.values()
        found["mean"] = np.stack([each.mean for each in units])
        found["deviation"] = np.stack([np.where(each.varies, each.deviation, 0.0) for each in units])
    if fitted.whitening is not None:
        found |= {"axes": fitted.whitening.axes, "scales": fitted.whitening.scales}
        found["rest"] = np.array([fitted.whitening.rest])
    if fitted.alignment is not None:
        found |= {"centre": fitted.alignment.centre, "matrix": fitted.alignment.matrix}
    return found


def _description(fitted: Fitted) -> dict[str, Any]:
    aligned = fitted.alignment
    return {
        "method": fitted.method.value,
        "column": fitted.column,
        "units": list(fitted.units),
        "own": dict(fitted.own),
        "batch": aligned.column if aligned else None,
        "batches": list(aligned.names) if aligned else [],
        "wells": list(fitted.wells),
        "about": dict(fitted.about),
    }


def _described(text: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]) -> Fitted:
    units = {
        name: Units(tensors["mean"][i], tensors["deviation"][i], tensors["deviation"][i] > 0)
        for i, name in enumerate(text["units"])
    }
    whitening = None
    if "axes" in tensors:
        whitening = Whitening(tensors["axes"], tensors["scales"], float(tensors["rest"][0]))
    alignment = None
    if text["batch"]:
        alignment = Alignment(text["batch"], tuple(text["batches"]), tensors["centre"], tensors["matrix"])
    return Fitted(
        Normalization(text["method"]),
        text["column"],
        units,
        text["own"],
        whitening,
        alignment,
        tuple(text["wells"]),
        text["about"],
    )
