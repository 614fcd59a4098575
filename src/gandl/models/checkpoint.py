"""Checkpoints: takes the whole state of a training, makes files that a killed training goes on from; two good ones are kept.

A file is `<step>-<start of its sha256>.pt`: written aside, read back and compared, then renamed; its name vouches for its bytes.
Files hold tensors and plain values only and are opened with `weights_only`, so opening one runs no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gandl.files import atomic, sha256_of, write_json

KEPT = 2
logger = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or does not belong to this training."""


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Name (16 hexadecimal digits) of a training: what decides its result, as JSON-able values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Checkpoints:
    """The checkpoints of one training.

    Parameters
    ----------
    folder : of all trainings; this one's are in the folder of its fingerprint, so that none is taken for another's.
    parts : what decides the result (settings, seed, code, data); kept beside the files as `training.json`.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Any]) -> None:
        self.folder = Path(folder) / fingerprint(parts)
        self._parts = parts

    def save(self, state: Mapping[str, Any], step: int) -> Path:
        """Write a checkpoint, check that it reads back, and remove all but the last two.

        Raises
        ------
        CheckpointError : what was read back is not what was written.
        """
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        content = buffer.getbuffer()
        digest = hashlib.sha256(content).hexdigest()
        if not (self.folder / "training.json").exists():
            write_json(self._parts, self.folder / "training.json")
        path = self.folder / f"{step:010d}-{digest[:16]}.pt"
        with atomic(path) as partial:
            partial.write_bytes(content)
            if sha256_of(partial) != digest:
                raise CheckpointError(
                    f"{path} does not read back as it was written: check the disk; the one before is kept"
                )
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def load(self) -> dict[str, Any] | None:
        """State of the last good checkpoint; None where there is none. A damaged one is passed over, and said so."""
        for partial in self.folder.glob(".*.partial"):  # of a process that was killed while it wrote
            partial.unlink(missing_ok=True)
        for path in reversed(self._files()):
            if not sha256_of(path).startswith(path.stem.split("-")[1]):
                logger.warning("%s is damaged (its bytes do not match its name); going on from the one before", path)
                continue
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return state
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-[0-9a-f]*.pt"))
