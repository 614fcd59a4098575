"""The paper's networks on tiles: the sizes it publishes, what they compute, and what each defect of its heads changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax, softmax

from gandl.config import Intensity
from gandl.config.representations import (
    OBJECTIVE_SETTINGS,
    RepresentationRecipe,
    SelfSupervisedSettings,
    TileNetworkSettings,
    UnsupervisedSettings,
)
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.comparison.heads import (
    DinoHead,
    HeadedEncoder,
    Projector,
    cross_entropy_of_views,
    normalized_distance,
)
from gandl.models.networks.comparison.tiles import TileDecoder, TileEncoder, TileHead, doubled_convolution
from gandl.models.networks.comparison.trained import (
    KINDS,
    TrainedRepresentation,
    TrainedTileAutoencoder,
    as_embedded,
    as_trained,
    new_tile_networks,
    unit,
)
from gandl.models.networks.trained import seeded

PAPER = TileNetworkSettings()
SCALE = IntensityScale(("grey",), (10.0,), (210.0,), Intensity.STORE)


def parameters(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_sizes_are_those_that_the_paper_publishes() -> None:
    encoder, decoder, head = TileEncoder(PAPER, 1), TileDecoder(PAPER, 1), TileHead(PAPER, 2048, 2)
    assert (parameters(encoder), parameters(decoder), parameters(head)) == (24_888, 58_337, 525_058)
    assert parameters(encoder) + parameters(decoder) == 83_225
    assert parameters(encoder) + parameters(head) == 549_946
    with torch.no_grad():
        code = encoder(torch.zeros(2, 1, 64, 64))
        assert code.shape == (2, 8, 16, 16)
        assert code.flatten(1).shape[1] == encoder.code_dim == 2048
        assert decoder(code).shape == (2, 1, 64, 64)
        assert head(code).shape == (2, 2)


@pytest.mark.parametrize(("side", "channels"), [(16, 2), (32, 5)])
def test_sizes_follow_the_side_and_the_channels(side: int, channels: int) -> None:
    settings = TileNetworkSettings(crop=side)
    encoder, decoder = TileEncoder(settings, channels), TileDecoder(settings, channels)
    with torch.no_grad():
        code = encoder(torch.zeros(3, channels, side, side))
        assert code.flatten(1).shape == (3, encoder.code_dim)
        assert decoder(code).shape == (3, channels, side, side)


def test_the_encoder_is_convolutions_relu_and_pooling_in_the_papers_order() -> None:
    encoder, x = TileEncoder(PAPER, 1).double(), torch.rand(2, 1, 64, 64, dtype=torch.float64)
    first, second, third, fourth = encoder.convolutions
    expected = F.max_pool2d(F.relu(first(x)), 2)
    expected = F.max_pool2d(F.relu(second(expected)), 2)
    expected = fourth(F.relu(third(expected)))
    torch.testing.assert_close(encoder(x), expected, rtol=0, atol=0)
    assert expected.min() < 0, "the last layer is linear"


def test_the_decoder_is_transposed_convolutions_and_doubling_in_the_papers_order() -> None:
    decoder, code = TileDecoder(PAPER, 1).double(), torch.randn(2, 8, 16, 16, dtype=torch.float64)
    first, second, third, fourth = decoder.convolutions
    expected = F.interpolate(F.relu(first(code)), scale_factor=2)
    expected = F.interpolate(F.relu(second(expected)), scale_factor=2)
    expected = fourth(F.relu(third(expected)))
    torch.testing.assert_close(decoder(code), expected)


def test_a_doubled_convolution_has_the_gradient_of_the_two_layers_that_it_stands_for() -> None:
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    ways = (
        doubled_convolution(x, weight),
        F.conv_transpose2d(F.interpolate(x, scale_factor=2), weight, padding=1),
    )
    torch.testing.assert_close(*ways)
    one, other = (torch.autograd.grad(made.sin().sum(), (x, weight)) for made in ways)
    torch.testing.assert_close(one, other)


def test_the_head_is_linear_with_its_switch_and_not_without() -> None:
    a, b = torch.randn(2, 4, 2048, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for linear in (True, False):
        with seeded(0):
            head = TileHead(PAPER, 2048, 2, linear=linear).double()
        middle = (head(a) + head(b)) / 2
        assert torch.allclose(head((a + b) / 2), middle) is linear


def test_the_head_gives_probabilities_with_double_softmax_and_logits_without() -> None:
    codes = 5 * torch.randn(6, 2048, generator=torch.Generator().manual_seed(0))
    with seeded(0):
        plain = TileHead(PAPER, 2048, 2)
    with seeded(0):
        double = TileHead(PAPER, 2048, 2, double_softmax=True)
    logits, scores = plain(codes).detach().numpy(), double(codes).detach().numpy()
    np.testing.assert_allclose(scores, softmax(logits, axis=1), rtol=1e-4, atol=1e-6)
    labels = torch.zeros(6, dtype=torch.long)
    again = -log_softmax(softmax(logits, axis=1), axis=1)[:, 0].mean()
    assert float(F.cross_entropy(double(codes), labels).detach()) == pytest.approx(again, rel=1e-5)


@pytest.mark.parametrize("objective", sorted(KINDS))
def test_all_paradigms_start_from_the_same_encoder(objective: str) -> None:
    settings = OBJECTIVE_SETTINGS[objective](network=TileNetworkSettings(crop=16))
    model = KINDS[objective].new(settings, SCALE, seed=3, classes=("control", "drug"))
    expected = new_tile_networks(UnsupervisedSettings(network=TileNetworkSettings(crop=16)), 1, 3)["encoder"]
    for name, weight in model.encoder.state_dict().items():
        assert torch.equal(weight, expected.state_dict()[name])
    other = KINDS[objective].new(settings, SCALE, seed=4, classes=("control", "drug"))
    assert not torch.equal(other.encoder.convolutions[0].weight, model.encoder.convolutions[0].weight)


def test_pixels_become_zero_to_one_by_the_scale_of_the_training() -> None:
    pixels = np.array([[[[0, 10, 110, 210, 255]]]], np.uint8)
    np.testing.assert_allclose(unit(SCALE.apply(pixels)).numpy().ravel(), [0, 0, 0.5, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "changes", "training", "embedding"),
    [
        (UnsupervisedSettings, {}, True, True),
        (UnsupervisedSettings, {"standardize": False}, False, False),
        (UnsupervisedSettings, {"switches": ["unnormalized_codes"]}, True, True),
        (SelfSupervisedSettings, {"standardize": False}, True, True),
        (SelfSupervisedSettings, {"switches": ["unnormalized_codes"]}, True, False),
    ],
)
def test_what_the_encoder_sees_in_training_and_for_codes(
    kind: type[RepresentationRecipe], changes: dict, training: bool, embedding: bool
) -> None:
    settings, tiles = kind(**changes), torch.rand(2, 1, 8, 8)
    normal = (tiles - 0.449) / 0.226
    torch.testing.assert_close(as_trained(tiles, settings, SCALE), normal if training else tiles)
    torch.testing.assert_close(as_embedded(tiles, settings, SCALE), normal if embedding else tiles)


def test_codes_are_the_flattened_output_of_the_encoder() -> None:
    model: TrainedRepresentation = TrainedTileAutoencoder.new(UnsupervisedSettings(), SCALE, 0)
    images = SCALE.apply(np.random.default_rng(0).integers(0, 256, (3, 1, 64, 64), dtype=np.uint8))
    with torch.no_grad():
        expected = model.encoder((unit(images) - 0.449) / 0.226).numpy().reshape(3, -1)
        np.testing.assert_array_equal(model.codes(images).numpy(), expected)


def test_the_distance_of_directions_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    p, z = rng.normal(size=(2, 5, 7))
    directions = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (p, z)]
    expected = np.square(directions[0] - directions[1]).sum(axis=1)
    np.testing.assert_allclose(normalized_distance(torch.from_numpy(p), torch.from_numpy(z)).numpy(), expected)


def test_dinos_loss_is_that_of_numpy() -> None:
    rng = np.random.default_rng(1)
    student, teacher, centre = rng.normal(size=(4, 3, 6)), rng.normal(size=(2, 3, 6)), rng.normal(size=6)
    found = cross_entropy_of_views(*map(torch.from_numpy, (student, teacher, centre)), 0.04, 0.1)
    pairs = [
        -(softmax((teacher[u, n] - centre) / 0.04) * log_softmax(student[v, n] / 0.1)).sum()
        for u in range(2)
        for v in range(4)
        for n in range(3)
        if u != v
    ]
    assert float(found) == pytest.approx(np.mean(pairs))


def test_a_projector_normalises_by_the_batch_and_an_encoder_does_not() -> None:
    encoder = TileEncoder(TileNetworkSettings(crop=16), 1)
    projected = HeadedEncoder(encoder, Projector(encoder.code_dim, 12, 6, 4)).train()
    tiles = torch.rand(8, 1, 16, 16)
    changed = torch.cat([tiles[:7], 3 * tiles[7:]])
    with torch.no_grad():
        (codes, outputs), (same, others) = projected(tiles), projected(changed)
    torch.testing.assert_close(codes[:7], same[:7])
    assert not torch.allclose(outputs[3], others[3]), "position 3 shares its group with position 7"


def test_dinos_outputs_are_cosines() -> None:
    outputs = DinoHead(20, 10, 5, 40, 3)(torch.randn(9, 20) * 100)
    assert outputs.shape == (9, 40)
    assert outputs.abs().max() <= 1 + 1e-6


def test_on_a_scale_of_single_tiles_the_encoder_sees_them_in_units_of_their_own_deviation() -> None:
    scale = IntensityScale(("grey",), (-8.0,), (8.0,), Intensity.SITE, (100.0,), (20.0,))
    pixels = np.random.default_rng(0).integers(40, 90, (3, 1, 64, 64), dtype=np.uint8)
    seen = as_trained(unit(scale.apply(pixels)), UnsupervisedSettings(), scale).numpy()
    values = pixels.astype(float)
    expected = (values - values.mean(axis=(2, 3), keepdims=True)) / values.std(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(seen, expected, atol=1e-5)
