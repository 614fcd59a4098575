"""Weights files: takes a trained model, makes a safetensors file that says in its metadata what it is; and reads it back.

Tensors are named `<network>.<parameter>`, for a GAN with the networks `generator_ema`, `discriminator_ema`, `discriminator_raw`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gandl.config import ChosenWeights, Intensity
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.kinds import KINDS
from gandl.models.networks.trained import TrainedModel
from gandl.workflow.files import atomic

FORMAT = "gandl-weights-1"
FIRST = "gan"
"""The objective of files from before there was another."""

Model = TypeVar("Model", bound=TrainedModel)


class WeightsError(ValueError):
    """A weights file is missing, not ours, or damaged; the message says which and what would be right."""


def save(model: TrainedModel, path: Path) -> None:
    """Write a model, atomically.

    Raises
    ------
    WeightsError : it cannot be written (a full disk).
    """
    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous()
        for prefix, network in model.networks.items()
        for name, tensor in network.state_dict().items()
    }
    if len(set(map(id, model.networks.values()))) < len(model.networks):  # safetensors refuses two names for one memory
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    metadata = {
        "format": FORMAT,
        "objective": model.objective,
        "settings": model.settings.model_dump_json(),
        "channels": json.dumps(model.channels),
        "intensity": json.dumps(asdict(model.scale)),
        "resolution": json.dumps(model.resolution),
        "pixel_size_um": json.dumps(model.pixel_size_um),
        "seed": json.dumps(model.seed),
        "images_seen": json.dumps(model.images_seen),
        "code_version": model.code_version,
        "chosen_by": model.chosen_by.value,
        **({"classes": json.dumps(model.classes)} if model.classes else {}),
    }
    try:
        with atomic(Path(path)) as partial:
            save_file(tensors, partial, metadata)
            _sort_metadata(partial)
            partial.chmod(0o666 & ~_umask())  # safetensors makes it readable only by its owner
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be written ({error}): free some space there and start again") from error


def _umask() -> int:
    """The umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sort_metadata(path: Path) -> None:
    """Sort a file's metadata: safetensors writes them in varying order, and the same model must give the same bytes.

    A safetensors file starts with the length of its header, 8 bytes, and the header, JSON padded with spaces.
    """
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
        if len(text) == size:  # else the file stays as it is: unordered, but right
            file.seek(8)
            file.write(text)


def load(path: Path, kind: type[Model] = TrainedModel) -> Model:  # type: ignore[assignment]
    """Read a model.

    Parameters
    ----------
    kind : what it has to be; any by default.

    Raises
    ------
    WeightsError : no such file, a pickle or anything else that is not a safetensors file of ours, one of another version or of
        another objective, or tensors that do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} does not exist: train the model first")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        found = (
            "a pickle, which can run code when opened" if _looks_like_pickle(path) else f"damaged or foreign ({error})"
        )
        raise WeightsError(
            f"{path} is {found}; weights must be a .safetensors file written by gandl's training"
        ) from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is of format {metadata.get('format')!r}; this version reads {FORMAT!r}: train it again"
        )
    try:
        model = _described(metadata)
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is of another version of gandl ({_shortly(error)}): read it with that one, or train it again"
        ) from None
    if not isinstance(model, kind):
        raise WeightsError(f"{path} holds the networks of objective {model.objective}, where {kind.__name__} is needed")
    for prefix, network in model.networks.items():
        mine = {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
        try:
            network.load_state_dict(mine)
        except RuntimeError as error:
            raise WeightsError(
                f"{path}: the tensors of {prefix} do not fit the settings beside them ({error})"
            ) from None
        network.eval().requires_grad_(False)
    return model


def _described(metadata: Mapping[str, str]) -> TrainedModel:
    """The model that a file's metadata describe, with weights that are still to be read."""
    scale = json.loads(metadata["intensity"])
    kind = Intensity(scale.pop("kind"))
    objective = metadata.get("objective", FIRST)
    if objective not in KINDS:
        raise ValueError(f"its objective {objective!r} is unknown here")
    model = KINDS[objective].new(
        KINDS[objective].settings_type.model_validate_json(metadata["settings"]),
        IntensityScale(kind=kind, **{name: tuple(values) for name, values in scale.items()}),
        json.loads(metadata["seed"]),
        json.loads(metadata["pixel_size_um"]),
        tuple(json.loads(metadata.get("classes", "[]"))),
    )
    return replace(
        model,
        images_seen=json.loads(metadata["images_seen"]),
        code_version=metadata["code_version"],
        chosen_by=ChosenWeights(metadata.get("chosen_by", ChosenWeights.LAST)),  # files from before there was a choice
    )


def _shortly(error: KeyError | ValueError) -> str:
    """What is wrong with metadata, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors())
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _looks_like_pickle(path: Path) -> bool:
    """Pickle protocol 2 and later starts with 0x80; torch.save makes a zip of one."""
    with path.open("rb") as file:
        start = file.read(4)
    return start[:1] == b"\x80" or start == b"PK\x03\x04"
