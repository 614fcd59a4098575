"""Checkpoints: takes the whole state of a training, makes files that a killed training resumes from; two good ones are kept.

A file is `<course>-<step>-<start of its sha256>.pt`: written aside, flushed to the disk, read back and compared, then renamed, so
that its name shows whether its bytes are intact. Files hold tensors and plain values only and are opened with `weights_only`, so
opening one runs no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import pickle
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from gandl.workflow.files import atomic, sha256_of, sync, write_json

FORMAT = "gandl-checkpoint-3"
KEPT = 2
DAMAGED = ".damaged"
DIFFERENCES_SHOWN = 6
"""Number of differing keys that are named."""
logger = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or does not belong to this training; the message says what to do."""


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Name (16 hexadecimal digits) of a training: what decides its result, as JSON-able values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two trainings, one text per dotted key: `settings.r1_gamma: 50.0 there, 5.0 here`."""
    one, other = dict(_flat(there)), dict(_flat(here))
    keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    return [f"{key}: {one.get(key, 'absent')} there, {other.get(key, 'absent')} here" for key in keys]


class Checkpoints:
    """The checkpoints of one training.

    Parameters
    ----------
    folder : of all trainings; this one's are in the folder of its fingerprint, so that none is taken for another's.
    parts : what decides the result (settings, seed, code, data), as JSON-able values; kept beside the files as `training.json`
        and within each of them.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Any]) -> None:
        self.folder = Path(folder) / fingerprint(parts)
        self._parts = json.loads(json.dumps(parts))

    def save(self, state: Mapping[str, Any], step: int, course: int = 0) -> Path:
        """Write a checkpoint, check that it reads back, and remove all but the last two.

        Parameters
        ----------
        state : tensors, of whichever device, and plain values.
        step, course : steps made, and roll-backs so far. What an earlier course saved at this step or later leads to where that
            course had to be given up: such checkpoints are removed.

        Raises
        ------
        CheckpointError : there is no room, or what was read back differs from what was written; those before are kept.
        """
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "training": self._parts, "state": dict(state)}, buffer)
        content = buffer.getbuffer()
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / f"{course:03d}-{step:010d}-{digest[:16]}.pt"
        try:
            if not (self.folder / "training.json").exists():
                write_json(self._parts, self.folder / "training.json")
            with atomic(path) as partial:
                _write(partial, content)
                if sha256_of(partial) != digest:
                    raise CheckpointError(
                        f"{path} differs from what was written when read back: check the disk; {self._spared()}"
                    )
            sync(self.folder)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint of step {step} ({len(content) / 1e6:,.1f} MB) cannot be written to {self.folder}: "
                f"{error.strerror}. Free some space there and start training again; {self._spared()}"
            ) from error
        self._keep_with(path)
        return path

    def find(self, *, older: bool = False) -> tuple[int, int] | None:
        """Course and step of the last good checkpoint; None if there is none. A damaged one is set aside, and logged.

        Parameters
        ----------
        older : of the good one before the last instead.
        """
        for partial in self.folder.glob(".*.partial"):  # of a process that was killed while it wrote
            partial.unlink(missing_ok=True)
        for path in reversed(self._files()):
            if not _is_whole(path):
                logger.warning("%s is damaged (its bytes do not match its name); resuming from the one before", path)
                path.replace(path.with_name(f"{path.name}{DAMAGED}"))
            elif older:
                older = False
            else:
                return _place(path)
        return None

    def read(self, course: int, step: int) -> dict[str, Any]:
        """State that `save` was given.

        Raises
        ------
        CheckpointError : there is none (which `find` saw, on another machine), it is of another version of gandl, or of another
            training (the message names the keys that differ).
        """
        path = next((path for path in self._files() if _place(path) == (course, step)), None)
        if path is None or not _is_whole(path):
            raise CheckpointError(
                f"the checkpoint of step {step} is not (or not whole) in {self.folder} as seen by this process: checkpoints "
                "must be where all processes see the same files"
            )
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            raise CheckpointError(
                f"{path} contains more than tensors and plain values: gandl did not write it"
            ) from None
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise CheckpointError(
                f"{path} is of format {version or 'unknown'}, and this version of gandl reads {FORMAT}: resume with the version "
                "that wrote it, or remove the file"
            )
        differing = differences(content["training"], self._parts)
        if differing:
            raise CheckpointError(
                f"{path} belongs to another training ({_shortened(differing)}): remove it from this folder"
            )
        state: dict[str, Any] = content["state"]
        return state

    def load(self, *, older: bool = False) -> dict[str, Any] | None:
        """`read` what `find` finds."""
        found = self.find(older=older)
        return None if found is None else self.read(*found)

    def moments(self) -> list[tuple[int, int]]:
        """Course and step of all that are there."""
        return [_place(path) for path in self._files()]

    def foreign(self) -> str | None:
        """One sentence on the most similar of the other trainings, and how it differs; None if there is no other."""
        others = []
        for path in sorted(self.folder.parent.glob("*/training.json")):
            if path.parent != self.folder and any(path.parent.glob("*.pt")):
                with suppress(ValueError, OSError):  # damaged: it is not ours, and nothing depends on it
                    others.append((differences(json.loads(path.read_text(encoding="utf-8")), self._parts), path.parent))
        if not others:
            return None
        differing, folder = min(others, key=lambda other: len(other[0]))
        return f"the checkpoints in {folder} belong to another training ({_shortened(differing)}): this one starts from scratch"

    def _files(self) -> list[Path]:
        """All checkpoints in the order in which they were written."""
        return sorted(self.folder.glob("[0-9]*-[0-9a-f]*.pt"))

    def _keep_with(self, newest: Path) -> None:
        """Remove all but the newest and, of those at earlier steps, the last."""
        before = [
            path for path in self._files() if _place(path) < _place(newest) and _place(path)[1] < _place(newest)[1]
        ]
        kept = [newest, *before[-(KEPT - 1) :]]
        for path in [*self._files(), *self.folder.glob(f"*{DAMAGED}")]:
            if path not in kept:
                path.unlink(missing_ok=True)

    def _spared(self) -> str:
        files = self._files()
        return f"that of step {_place(files[-1])[1]} is kept" if files else "no earlier one exists"


def _write(path: Path, content: memoryview) -> None:
    path.write_bytes(content)


def _place(path: Path) -> tuple[int, int]:
    """Course and step; a name without a course comes from an older version."""
    *course, step, _ = path.stem.split("-")
    return int(course[0]) if course else 0, int(step)


def _is_whole(path: Path) -> bool:
    return sha256_of(path).startswith(path.stem.rpartition("-")[2])


def _flat(parts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in parts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shortened(differing: list[str]) -> str:
    more = f"; and {len(differing) - DIFFERENCES_SHOWN} more" if len(differing) > DIFFERENCES_SHOWN else ""
    return "; ".join(differing[:DIFFERENCES_SHOWN]) + more
