"""CytoGAN's families: one step of each against formulas written out, in float64 (notes are float32), and what networks see."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from gandl.config import CYTOGAN
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.cytogan.coders import unit
from gandl.models.objectives.cytogan.coding import Vae
from gandl.models.objectives.cytogan.equilibrium import Began
from gandl.models.objectives.cytogan.family import Adversarial, Family
from gandl.models.objectives.cytogan.formulas import balanced, divergence_from_normal
from gandl.models.objectives.cytogan.inference import Bigan
from gandl.models.objectives.kinds import OBJECTIVES
from gandl.models.objectives.losses import interpolate, slope_penalty
from model_inputs import Crops, family

FAMILIES = [name.value for name in CYTOGAN]
PLAIN = {"input_noise": 0.0}


def learning(name: str, dtype: torch.dtype = torch.float64, **changes: Any) -> Any:
    settings = family(name, **changes)
    kind = OBJECTIVES[name]
    assert issubclass(kind, Family)
    return kind(Crops(settings), settings, 1, dtype=dtype)


def reals(objective: Family) -> Tensor:
    """The crops of the first step, cut off at black and white."""
    return objective.loader.batch(0, 0)[0].double().clamp(-1, 1)


def drawn(objective: Family, purpose: Purpose, *shape: int, uniform: bool = False) -> Tensor:
    draw = torch.rand if uniform else torch.randn
    return draw(shape, generator=objective._rng(purpose)).double()


def first_step(objective: Adversarial) -> tuple[dict[str, float], Tensor, Tensor, Any]:
    """The numbers of a step, the scores of real and generated crops before it, and those for the generator."""
    networks = copy.deepcopy(objective.networks)
    generator, judge = networks["generator"], networks["discriminator"]
    latents = [drawn(objective, purpose, 8, 6) for purpose in (Purpose.DISCRIMINATOR, Purpose.GENERATOR)]
    real = judge(reals(objective))
    fake = judge(generator(latents[0]))
    objective.step()
    ((_, numbers),) = objective.drain()
    return numbers, real.detach(), fake.detach(), objective.discriminator(generator(latents[1])).detach()


def test_dcgan_s_losses_are_minus_the_logarithms_of_probabilities() -> None:
    numbers, real, fake, for_generator = first_step(learning("dcgan", **PLAIN, real_label=1.0))
    probability = {name: 1 / (1 + (-of).exp()) for name, of in (("real", real), ("fake", fake), ("g", for_generator))}
    expected = -probability["real"].log().mean() - (1 - probability["fake"]).log().mean()
    assert numbers["loss_discriminator"] == pytest.approx(expected.item(), rel=1e-6)
    assert numbers["loss_generator"] == pytest.approx(-probability["g"].log().mean().item(), rel=1e-6)
    assert numbers["real_logit"] == pytest.approx(real.mean().item(), rel=1e-6)


@pytest.mark.parametrize("name", ["dcgan", "lsgan"])
def test_labels_of_real_crops_alone_are_smoothed(name: str) -> None:
    objective = learning(name, **PLAIN)
    labels = 0.8 + 0.2 * drawn(objective, Purpose.PENALTY, 8, uniform=True)
    numbers, real, fake, for_generator = first_step(objective)
    if name == "lsgan":
        of_discriminator = ((real - labels) ** 2).mean() + (fake**2).mean()
        of_generator = ((for_generator - 1) ** 2).mean()
    else:
        log = torch.nn.functional.logsigmoid
        of_real = -labels * log(real) - (1 - labels) * log(-real)
        of_discriminator, of_generator = of_real.mean() - log(-fake).mean(), -log(for_generator).mean()
    assert numbers["loss_discriminator"] == pytest.approx(of_discriminator.item(), rel=1e-6)
    assert numbers["loss_generator"] == pytest.approx(of_generator.item(), rel=1e-6)


def numerical_slopes(score: Any, images: Tensor, step: float = 1e-7) -> Tensor:
    """Length (n,) of each image's gradient, by central differences of every pixel, too small for a unit to bend in between."""
    found = []
    for image in images:
        moves = step * torch.eye(image.numel(), dtype=image.dtype).reshape(-1, *image.shape)
        found.append(((score(image + moves) - score(image - moves)) / (2 * step)).square().sum().sqrt())
    return torch.stack(found)


@pytest.mark.parametrize("per_pixel", [False, True])
def test_wgan_s_penalty_is_the_squared_distance_of_slopes_from_one(per_pixel: bool) -> None:
    objective = learning("wgan", **PLAIN, per_pixel_epsilon=per_pixel)
    networks = copy.deepcopy(objective.networks)
    real = reals(objective)
    fake = networks["generator"](drawn(objective, Purpose.DISCRIMINATOR, 8, 6)).detach()
    shape = real.shape if per_pixel else (8, 1, 1, 1)
    share = drawn(objective, Purpose.PENALTY, *shape, uniform=True)
    with torch.no_grad():
        slopes = numerical_slopes(networks["discriminator"], real + share * (fake - real))
    numbers, of_real, of_fake, for_generator = first_step(objective)
    penalty = ((slopes - 1) ** 2).mean().item()
    assert numbers["gradient_penalty"] == pytest.approx(penalty, rel=1e-6)
    difference = of_fake.mean().item() - of_real.mean().item()
    assert numbers["loss_discriminator"] == pytest.approx(difference + 10 * penalty, rel=1e-6)
    assert numbers["loss_generator"] == pytest.approx(-for_generator.mean().item(), rel=1e-6)


def test_the_gradient_of_the_penalty_is_that_of_finite_differences() -> None:
    critic = learning("wgan").discriminator
    between = interpolate(torch.randn(3, 2, 16, 16).double(), torch.randn(3, 2, 16, 16).double(), torch.rand(3))

    def penalty() -> Tensor:
        return slope_penalty(critic(between), between)

    penalty().backward()
    for name in ("convolutions.0.weight", "convolutions.3.weight", "to_code.weight", "to_score.weight"):
        weight = critic.get_parameter(name)
        first, ends = tuple(0 for _ in weight.shape), []
        for step in (1e-6, -2e-6):
            weight.data[first] += step
            ends.append(penalty().item())
        weight.data[first] += 1e-6
        assert weight.grad is not None
        assert weight.grad[first].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-8), name


def test_began_s_balance_follows_its_formula_over_three_steps_and_a_checkpoint_restores_it() -> None:
    objective = learning("began", balance_rate=0.4)
    k, expected = 0.0, []
    for _ in range(3):
        objective.step()
    seen = [numbers for _, numbers in objective.drain()]
    for numbers in seen:
        expected.append(k)
        error = 0.75 * numbers["real_error"] - numbers["loss_generator"]
        assert numbers["convergence"] == pytest.approx(numbers["real_error"] + abs(error), rel=1e-6)
        k = min(max(k + 0.4 * error, 0.0), 1.0)
    assert [numbers["balance"] for numbers in seen] == pytest.approx(expected, rel=1e-6)
    assert objective.balance.item() == pytest.approx(k, rel=1e-6)
    assert k > 0
    other = learning("began", balance_rate=0.4)
    other.restore(copy.deepcopy(objective.state()))
    assert torch.equal(other.balance, objective.balance)
    for resumed in (objective, other):
        resumed.step()
    assert torch.equal(other.balance, objective.balance)


def test_began_s_balance_stays_within_nothing_and_all() -> None:
    one, half = torch.tensor(1.0), torch.tensor(0.5)
    assert balanced(torch.tensor(0.9), one, 0 * one, 0.75, 1.0) == 1
    assert balanced(torch.tensor(0.1), 0 * one, half, 0.75, 1.0) == 0


def test_began_s_autoencoder_makes_crops_of_noisy_ones_and_weighs_generated_ones_by_the_balance() -> None:
    objective = learning("began", input_noise=0.3)
    objective.balance = torch.tensor(0.6).double()
    networks = copy.deepcopy(objective.networks)
    real, fake = reals(objective), networks["generator"](drawn(objective, Purpose.DISCRIMINATOR, 8, 6))
    purposes = Purpose.AUGMENTATION_OF_REALS, Purpose.AUGMENTATION_OF_FAKES
    errors = []
    for crops, purpose in zip((real, fake), purposes, strict=True):
        noisy = crops + 0.3 * drawn(objective, purpose, *crops.shape)
        errors.append((networks["discriminator"](noisy) - crops).abs().mean().item())
    objective.step()
    ((_, numbers),) = objective.drain()
    assert numbers["loss_discriminator"] == pytest.approx(errors[0] - 0.6 * errors[1], rel=1e-6)
    assert numbers["real_error"] == pytest.approx(errors[0], rel=1e-6)


def test_bigan_s_discriminator_sees_real_crops_with_their_codes_and_generated_ones_with_their_latent_vectors() -> None:
    objective: Bigan = learning("bigan")
    networks = copy.deepcopy(objective.networks)
    seen: list[tuple[Any, ...]] = []
    objective.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given))
    objective.step()
    real = reals(objective)
    codes = networks["encoder"](real)
    objective.step_number = 0  # whose draws are compared
    latents = [
        2 * drawn(objective, purpose, 8, 6, uniform=True) - 1 for purpose in (Purpose.DISCRIMINATOR, Purpose.GENERATOR)
    ]
    expected = [(real, codes), (networks["generator"](latents[0]), latents[0])]
    expected += [(real, codes), (networks["generator"](latents[1]), latents[1])]
    assert len(seen) == 4
    for (crops, of, _, dropout), (right_crops, right_of) in zip(seen, expected, strict=True):
        torch.testing.assert_close(crops, right_crops)
        torch.testing.assert_close(of, right_of)
        assert dropout == 0.5


def test_bigan_s_encoder_and_generator_descend_on_the_labels_the_other_way_round() -> None:
    objective: Bigan = learning("bigan", dropout=0.0)
    networks = copy.deepcopy(objective.networks)
    real = reals(objective)
    latents = [
        2 * drawn(objective, purpose, 8, 6, uniform=True) - 1 for purpose in (Purpose.DISCRIMINATOR, Purpose.GENERATOR)
    ]
    objective.step()
    ((_, numbers),) = objective.drain()
    losses = []
    for judge, of in zip((networks["discriminator"], objective.discriminator), latents, strict=True):
        losses.append([judge(real, networks["encoder"](real)), judge(networks["generator"](of), of)])
    softplus = torch.nn.functional.softplus
    (real_logit, fake_logit), (for_encoder, for_generator) = losses
    expected = softplus(-real_logit).mean() + softplus(fake_logit).mean()
    assert numbers["loss_discriminator"] == pytest.approx(expected.item(), rel=1e-6)
    expected = softplus(for_encoder).mean() + softplus(-for_generator).mean()
    assert numbers["loss_generator"] == pytest.approx(expected.item(), rel=1e-6)
    moved = [
        not torch.equal(one, other)
        for one, other in zip(networks["encoder"].parameters(), objective.encoder.parameters(), strict=True)
    ]
    assert all(moved)


def test_the_divergence_is_pytorch_s_and_that_of_a_drawn_sample() -> None:
    rng = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(5, 4, generator=rng, dtype=torch.float64) for _ in range(2))
    given = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(given, Normal(0.0, 1.0)).sum(dim=1).mean()
    assert divergence_from_normal(mean, log_variance).item() == pytest.approx(expected.item(), rel=1e-12)
    assert divergence_from_normal(torch.zeros(3, 2), torch.zeros(3, 2)).item() == 0


@pytest.mark.parametrize("deviation", [1.0, 0.1])
def test_the_variational_autoencoder_decodes_drawn_vectors_and_pays_for_their_divergence(deviation: float) -> None:
    objective: Vae = learning("vae", noise_deviation=deviation)
    twin: Any = copy.deepcopy(objective.networks["autoencoder"])
    crops = reals(objective)
    seen = twin.encoder((crops + 1) / 2)
    mean, log_variance = twin.to_mean(seen), twin.to_log_variance(seen)
    latents = mean + deviation * (log_variance / 2).exp() * drawn(objective, Purpose.GENERATOR, 8, 6)
    error = ((twin.decode(latents) - (crops + 1) / 2) ** 2).sum() / 8
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum() / 8
    gradients = torch.autograd.grad(error + divergence, list(twin.parameters()))
    objective.step()
    ((_, numbers),) = objective.drain()
    assert numbers["loss_reconstruction"] == pytest.approx(error.item(), rel=1e-6)
    assert numbers["loss_divergence"] == pytest.approx(divergence.item(), rel=1e-6)
    # in Adam's first step both moments are the gradient's
    after = objective.networks["autoencoder"].parameters()
    for before, found, gradient in zip(twin.parameters(), after, gradients, strict=True):
        assert torch.allclose(found, before - 0.001 * gradient / (gradient.abs() + 1e-8), rtol=0, atol=1e-12)
    torch.testing.assert_close(twin.encode(crops), mean, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["dcgan", "lsgan", "wgan"])
def test_the_discriminator_sees_noise_on_real_and_generated_crops_in_training_alone(name: str) -> None:
    objective = learning(name)
    seen: list[Tensor] = []
    hook = objective.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    objective.step()
    hook.remove()
    noise = seen[0] - reals(objective)
    assert float(noise.std()) == pytest.approx(0.1, rel=0.05)
    assert len(seen) == (4 if name == "wgan" else 3)
    quiet = learning(name, **PLAIN)
    unseen: list[Tensor] = []
    quiet.discriminator.register_forward_pre_hook(lambda _, given: unseen.append(given[0].detach()))
    quiet.step()
    assert torch.equal(unseen[0], reals(quiet))
    assert float((seen[1] - unseen[1]).std()) == pytest.approx(0.1, rel=0.05)


def test_rates_decay_by_steps_and_a_roll_back_lowers_both() -> None:
    changes = {"rate_decay": 0.5, "rate_decay_steps": 2, "generator_learning_rate": 0.004}
    objective = learning("dcgan", **changes)
    found = []
    for number in range(5):
        if number == 4:
            objective.set_course(1, {"learning_rate": 0.25})
        objective.step()
        found.append([made.param_groups[0]["lr"] for made in objective._optimizers.values()])
    shares = [1, 1, 0.5, 0.5, 0.25 * 0.25]
    np.testing.assert_allclose(found, [[0.001 * share, 0.004 * share] for share in shares])
    assert objective.course_numbers == {"learning_rate": 0.00025}


@pytest.mark.parametrize("name", FAMILIES)
def test_microbatches_make_the_step_of_the_whole_batch_for_every_family(name: str) -> None:
    whole, parts = learning(name), learning(name, engine={"microbatch": 4})
    for objective in (whole, parts):
        for _ in range(3):
            objective.step()
    for part, network in whole.networks.items():
        theirs = parts.networks[part].state_dict()
        for key, tensor in network.state_dict().items():
            assert torch.allclose(tensor, theirs[key], rtol=0, atol=1e-8), (part, key)
    for (_, one), (_, other) in zip(whole.drain(), parts.drain(), strict=True):
        losses = [key for key in one if "spread" not in key]
        assert {key: one[key] for key in losses} == pytest.approx({key: other[key] for key in losses}, rel=1e-6)
    if isinstance(whole, Began):
        assert torch.allclose(whole.balance, parts.balance, rtol=1e-9, atol=0)


def test_images_of_the_two_autoencoders_are_between_black_and_white() -> None:
    images = torch.tensor([-3.0, -1.0, 0.0, 1.0, 2.0])
    assert unit(images).tolist() == [0, 0, 0.5, 1, 1]
    assert math.isclose(float(unit(torch.tensor(0.5))), 0.75)
