"""The perceptual distance: against a computation place by place, its gradients, and what the frozen network is asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.config import ImageNetNetwork, PerceptualSettings
from gandl.models.networks.imagenet.perceptual import Perceptual, load_perceptual, operations
from gandl.models.networks.imagenet.pretrained import FrozenNetwork, content_of, load_pretrained, untrained
from gandl.models.networks.imagenet.weights import PretrainedError, packaged
from model_inputs import counted, draw_images

LITE = ImageNetNetwork.EFFICIENTNET_LITE0


@pytest.fixture(scope="module")
def lite() -> FrozenNetwork:
    return load_pretrained(LITE).double()


def pair(n: int = 2, channels: int = 3, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, and others, on the networks' scale; some pixels are beyond black and white."""
    return draw_images(n, channels, seed=1, size=size), draw_images(n, channels, seed=2, size=size)


def test_the_distance_is_that_of_unit_vectors_at_every_place_of_every_channel_alone(lite: FrozenNetwork) -> None:
    """Zhang et al. (2018), equation 1 with weights of 1, in plain NumPy, one channel of one image after the other."""
    made, real = pair()
    distances = []
    with torch.no_grad():
        for one, other in zip(made.flatten(0, 1), real.flatten(0, 1), strict=True):
            maps = [
                lite.maps(torch.stack([(plane + 1) / 2] * 3)[None])[:3]  # of all five, so that leaving out is tried too
                for plane in (one, other)
            ]
            for seen in zip(*maps, strict=True):
                a, b = (m[0].numpy().reshape(m.shape[1], -1).T for m in seen)
                places = [
                    float(np.square(p / np.linalg.norm(p) - q / np.linalg.norm(q)).sum())
                    for p, q in zip(a, b, strict=True)
                ]
                distances.append(np.mean(places))
    assert float(Perceptual(lite, 3)(made, real)) == pytest.approx(np.mean(distances), rel=1e-8)


def test_it_is_zero_for_equal_images_and_grows_with_noise(lite: FrozenNetwork) -> None:
    seen = Perceptual(lite, 2)
    real, noise = pair()
    assert float(seen(real, real)) == 0.0
    little, more = (float(seen(real + share * noise, real)) for share in (0.05, 0.5))
    assert 0 < little < more < 4


def test_channels_are_alike_and_their_distances_are_averaged(lite: FrozenNetwork) -> None:
    seen = Perceptual(lite, 3)
    made, real = pair()
    whole, alone = seen(made, real), [float(seen(made[:, c : c + 1], real[:, c : c + 1])) for c in range(3)]
    assert float(whole) == pytest.approx(np.mean(alone), rel=1e-10)
    assert float(seen(made[:, [2, 0, 1]], real[:, [2, 0, 1]])) == pytest.approx(float(whole), rel=1e-10)


def test_gradients_reach_the_reconstructions_only_and_the_network_stays_as_it_is(lite: FrozenNetwork) -> None:
    before = {name: tensor.clone() for name, tensor in lite.state_dict().items()}
    seen = Perceptual(lite, 3).train()
    made, real = (images.requires_grad_() for images in pair())
    seen(made, real).backward()
    assert made.grad is not None
    assert made.grad.abs().sum(dim=(2, 3)).min() > 0, "every channel of every image has one"
    assert real.grad is None
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in seen.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in lite.state_dict().items())


def test_the_gradient_is_that_of_finite_differences(lite: FrozenNetwork) -> None:
    seen = Perceptual(lite, 3)
    made, real = pair(n=1, channels=2)
    (gradient,) = torch.autograd.grad(seen(made.requires_grad_(), real), made)
    direction, step = draw_images(1, 2, seed=3), 1e-6
    with torch.no_grad():
        slope = (seen(made + step * direction, real) - seen(made - step * direction, real)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


def test_images_without_anything_to_see_have_no_infinite_gradient(lite: FrozenNetwork) -> None:
    made = torch.full((1, 2, 16, 16), -1.0, dtype=torch.float64, requires_grad=True)
    Perceptual(lite, 3)(made, pair(1, 2)[1]).backward()
    assert made.grad is not None
    assert bool(torch.isfinite(made.grad).all())


@pytest.mark.parametrize("name", list(ImageNetNetwork))
def test_the_first_maps_are_those_of_all_and_no_other_is_computed(name: ImageNetNetwork) -> None:
    network, images = untrained(name, 0), torch.rand(1, 3, 32, 32)
    whole = network.maps(images)
    assert len(whole) == 5
    for count in (1, 3, 5):
        first = network.maps(images, count)
        assert len(first) == count
        assert all(torch.equal(one, other) for one, other in zip(first, whole, strict=False))
    fewer = [counted(lambda count=count: network.maps(images, count)) for count in range(1, 6)]
    assert sorted(set(fewer)) == fewer
    assert operations(name, 3) * 32**2 == fewer[2]


def test_operations_grow_with_the_area() -> None:
    network = load_pretrained(LITE)
    for side in (16, 64):
        images = torch.zeros(1, 3, side, side)
        assert counted(lambda images=images: network.maps(images, 3)) == operations(LITE, 3) * side**2


def test_weights_that_are_missing_are_reported_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "resnet50-0676ba61.pth"
    settings = PerceptualSettings(network=ImageNetNetwork.RESNET50)
    for attempt in (lambda: load_perceptual(settings, path), lambda: content_of(settings.network, path)):
        with pytest.raises(
            PretrainedError, match=r"resnet50-0676ba61\.pth, the ImageNet weights of resnet50, does not"
        ):
            attempt()
    with pytest.raises(PretrainedError, match="the ImageNet weights of resnet50 come with no package: name their file"):
        load_perceptual(settings)


def test_what_it_depends_on_is_the_file() -> None:
    path = packaged(LITE)
    assert content_of(LITE) == content_of(LITE, path) == hashlib.sha256(path.read_bytes()).hexdigest()
