"""Steps of a training: the schedule, and that parts of a batch, a checkpoint or a compiler change nothing in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from gandl.config import (
    Augmentation,
    AugmentationSettings,
    GanEngineSettings,
    GeneratorKind,
    GradientEstimate,
    Loss,
    Precision,
    TrainingSettings,
)
from gandl.models.compute.compilation import FirstOrder
from gandl.models.compute.randomness import Purpose
from gandl.models.compute.ranks import PartsError, Ranks
from gandl.models.objectives import losses
from gandl.models.objectives.gan import Gan
from model_inputs import NETWORK, TRAINING, Crops

SETTINGS = TRAINING.model_copy(update={"batch": 16})
ADAPTIVE = AugmentationSettings(kind=Augmentation.ADAPTIVE, ramp_images=100, target=0.01)
CONTRAST = SETTINGS.changed(contrast={"pairs": "well"})
EVERYTHING = {"r2_gamma": 3.0, "lipschitz_weight": 2.0, "augmentation": ADAPTIVE}


def trainer_of(settings: TrainingSettings = SETTINGS, dtype: torch.dtype = torch.float32, seed: int = 1) -> Gan:
    return Gan(Crops(settings), settings, seed, dtype=dtype)


def changed(**changes: Any) -> TrainingSettings:
    return TrainingSettings.model_validate({**SETTINGS.model_dump(), **changes})


def weights_of(trainer: Gan) -> dict[str, torch.Tensor]:
    state = trainer.adversaries.state()
    return {f"{name}.{key}": t for name in ("generator", "discriminator") for key, t in state[name].items()}


def largest_difference(one: Gan, other: Gan) -> float:
    first, second = weights_of(one), weights_of(other)
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def stepped(trainer: Gan, steps: int) -> Gan:
    for _ in range(steps):
        trainer.step()
    return trainer


def test_penalties_are_lazy() -> None:
    trainer = stepped(trainer_of(changed(lipschitz_weight=1.0)), 9)
    numbers = trainer.drain()
    assert [step for step, seen in numbers if "r1" in seen] == [0, 4, 8]
    assert [step for step, seen in numbers if "lipschitz" in seen] == [0, 4, 8]
    assert [step for step, seen in numbers if "path_length" in seen] == [0, 4, 8]
    assert [step for step, seen in numbers if "loss_generator" in seen] == list(range(9))
    assert trainer.drain() == []


def test_adam_is_slowed_where_penalties_add_steps() -> None:
    trainer = trainer_of()
    for optimizer, interval in (
        (trainer.adversaries.generator_optimizer, SETTINGS.path_length_interval),
        (trainer.adversaries.discriminator_optimizer, SETTINGS.r1_interval),
    ):
        c = interval / (interval + 1)
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(SETTINGS.learning_rate * c)
        assert group["betas"] == pytest.approx((0.0, SETTINGS.beta2**c))


def test_penalties_of_no_weight_are_never_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    for penalty in ("gradient_penalty", "lipschitz_penalty", "path_lengths"):
        monkeypatch.setattr(losses, penalty, lambda *_: pytest.fail("a penalty was computed"))
    trainer = stepped(trainer_of(changed(r1_gamma=0.0, path_length_weight=0.0)), 1)
    assert trainer.adversaries.generator_optimizer.param_groups[0]["lr"] == SETTINGS.learning_rate


def test_a_step_of_one_network_leaves_the_other_alone() -> None:
    trainer = trainer_of()
    reals = trainer.loader.batch(0, 0)
    fakes = trainer._fakes()

    def copy_of(network: nn.Module) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in network.parameters()]

    trainer._notes.begin(0)
    generator, discriminator = trainer.generator, trainer.discriminator
    steps: list[tuple[Callable[[], object], nn.Module, nn.Module]] = [
        (lambda: trainer._train_generator(reals), generator, discriminator),
        (trainer._penalise_path_length, generator, discriminator),
        (lambda: trainer._train_discriminator(reals, fakes), discriminator, generator),
        (lambda: trainer._penalise_gradients(reals, fakes), discriminator, generator),
    ]
    for method, moving, still in steps:
        before, before_still = copy_of(moving), copy_of(still)
        method()
        assert not all(torch.equal(a, b) for a, b in zip(before, moving.parameters(), strict=True))
        assert all(torch.equal(a, b) for a, b in zip(before_still, still.parameters(), strict=True))
        assert all(parameter.requires_grad for parameter in [*moving.parameters(), *still.parameters()])
        assert all(parameter.grad is None for parameter in [*moving.parameters(), *still.parameters()])


OPTIONS: dict[str, dict[str, Any]] = {
    "reference": {},
    "everything": EVERYTHING,
    "wgan": {"loss": Loss.WGAN, "lipschitz_weight": 10.0, "r1_gamma": 0.0},
    "relativistic": {"loss": Loss.RELATIVISTIC, "r2_gamma": 5.0, "path_length_weight": 0.0},
    "finite difference": {"r1_estimate": GradientEstimate.FINITE_DIFFERENCE, "r2_gamma": 5.0},
    "residual": {"network": NETWORK.model_copy(update={"generator": GeneratorKind.RESIDUAL})},
    "shared forward": {"engine": GanEngineSettings(shared_forward=True)},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_microbatches_make_the_step_of_the_whole_batch(option: str) -> None:
    whole = changed(**OPTIONS[option])
    parts = whole.model_copy(update={"engine": whole.engine.model_copy(update={"microbatch": 4})})
    one, other = (stepped(trainer_of(settings, torch.float64), 6) for settings in (whole, parts))
    assert largest_difference(one, other) < 1e-9
    for (_, first), (_, second) in zip(one.drain(), other.drain(), strict=True):
        spreads = {"real_spread", "fake_spread"}  # looked at within parts
        assert {k: v for k, v in first.items() if k not in spreads} == pytest.approx(
            {k: v for k, v in second.items() if k not in spreads}, rel=1e-5, abs=1e-6
        )


@pytest.mark.parametrize("option", OPTIONS)
def test_a_state_holds_all_that_decides_the_future(option: str) -> None:
    settings = changed(**OPTIONS[option])
    unbroken = stepped(trainer_of(settings), 7)
    state = copy.deepcopy(stepped(trainer_of(settings), 3).state())
    resumed = trainer_of(settings, seed=1)
    resumed.restore(state)
    assert largest_difference(stepped(resumed, 4), unbroken) == 0
    assert resumed.augmentation_strength == unbroken.augmentation_strength
    ours, theirs = resumed.adversaries.state(), unbroken.adversaries.state()
    for name in ("generator_ema", "discriminator_ema"):
        assert all(torch.equal(ours[name][key], theirs[name][key]) for key in ours[name])
    assert resumed.drain() == unbroken.drain()[3:]


def test_a_state_is_tensors_and_plain_values_only() -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, (str, int)) and plain(part) for key, part in value.items())
        if isinstance(value, (list, tuple)):
            return all(plain(part) for part in value)
        return value is None or isinstance(value, (torch.Tensor, int, float, str))

    assert plain({**stepped(trainer_of(), 1).state()})


def test_another_course_draws_other_numbers_at_its_own_rates() -> None:
    first, second = trainer_of(), trainer_of()
    second.set_course(1, {"learning_rate": 0.5, "r1_gamma": 2.0})
    assert second.learning_rate == SETTINGS.learning_rate / 2
    again = trainer_of()
    again.set_course(1, {"learning_rate": 0.5, "r1_gamma": 2.0})
    for trainer in (first, second, again):
        trainer.step()
    assert largest_difference(second, again) == 0
    assert largest_difference(first, second) > 0
    other = trainer_of()
    other.restore(second.state())
    assert (other.course, other.factors) == (1, {"learning_rate": 0.5, "r1_gamma": 2.0})
    assert other.adversaries.generator_optimizer.param_groups[0]["lr"] == pytest.approx(
        SETTINGS.learning_rate / 2 * 4 / 5
    )


def test_gamma_weighs_the_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the gamma, or a gamma factor of 2, is the same step."""
    one = trainer_of(changed(r1_gamma=20.0), torch.float64)
    other = trainer_of(changed(r1_gamma=10.0), torch.float64)
    other.set_course(0, {"learning_rate": 1.0, "r1_gamma": 2.0})
    assert largest_difference(stepped(one, 2), stepped(other, 2)) < 1e-12
    assert largest_difference(one, stepped(trainer_of(changed(r1_gamma=10.0), torch.float64), 2)) > 1e-6


def test_a_shared_forward_makes_images_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    for shared in (False, True):
        trainer = trainer_of(changed(engine=GanEngineSettings(shared_forward=shared), path_length_weight=0.0))
        synthesize = trainer._synthesize.function
        calls: list[int] = []

        def counted(*arguments: Any, calls: list[int] = calls, synthesize: Callable = synthesize) -> Any:
            calls.append(1)
            return synthesize(*arguments)

        trainer._synthesize._call = counted
        stepped(trainer, 3)
        made.append(len(calls))
    assert made == [6, 3]


def test_a_shared_forward_teaches_both_networks_by_the_same_images() -> None:
    """Against a step written out: the discriminator learns from images made before the generator's descent."""
    settings = changed(engine=GanEngineSettings(shared_forward=True), r1_gamma=0.0, path_length_weight=0.0)
    trainer = trainer_of(settings, torch.float64)
    generator, discriminator = copy.deepcopy((trainer.generator, trainer.discriminator))
    rates = {"lr": settings.learning_rate, "betas": (settings.beta1, settings.beta2), "eps": 1e-8}
    fakes = generator(trainer._latents(Purpose.GENERATOR))
    nn.functional.softplus(-discriminator(fakes)[0]).mean().backward()
    torch.optim.Adam(generator.parameters(), **rates).step()
    discriminator.zero_grad()
    real = trainer.loader.batch(0, 0)[0].double()
    on_reals, on_fakes = discriminator(real)[0], discriminator(fakes.detach())[0]
    (nn.functional.softplus(-on_reals).mean() + nn.functional.softplus(on_fakes).mean()).backward()
    torch.optim.Adam(discriminator.parameters(), **rates).step()
    trainer.step()
    for ours, expected in ((trainer.generator, generator), (trainer.discriminator, discriminator)):
        for (name, weight), other in zip(ours.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(weight, other, rtol=0, atol=1e-10, msg=name)


def test_half_a_batch_that_processes_cannot_share_is_refused() -> None:
    settings = changed(batch=6, network=NETWORK.model_copy(update={"minibatch_std_group": 3}))
    with pytest.raises(
        PartsError, match=r"3 images, half a batch, .* 2 processes: training\.batch must be a multiple of 4"
    ):
        Gan(Crops(settings), settings, 1, ranks=Ranks(0, 2))


def test_a_compiler_that_fails_in_the_midst_of_training_is_reported_and_training_continues(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no compiler here")

    judge = FirstOrder(lambda x: x + 1, GanEngineSettings(compile=True))
    judge._call = fails
    assert judge(1) == 2
    assert not judge.compiled
    assert "torch.compile failed (no compiler here); continuing without it" in caplog.text


def test_a_batch_that_parts_cannot_share_is_refused() -> None:
    settings = changed()
    with pytest.raises(PartsError, match=r"batch of 16 images cannot be split among 3 process"):
        Gan(Crops(settings), settings, 1, ranks=Ranks(0, 3))


@pytest.mark.parametrize(("batch", "group", "micro", "path_parts"), [(15, 5, 5, [1] * 7), (8, 1, 1, [1] * 4)])
def test_the_path_length_takes_no_more_images_at_a_time_than_the_rest(
    batch: int, group: int, micro: int, path_parts: list[int]
) -> None:
    network = NETWORK.model_copy(update={"minibatch_std_group": group})
    trainer = trainer_of(changed(batch=batch, network=network, engine=GanEngineSettings(microbatch=micro)))
    assert [len(part) for part in trainer._path_parts] == path_parts


def test_bfloat16_stays_near_float32() -> None:
    exact, mixed = (
        stepped(trainer_of(changed(engine=GanEngineSettings(precision=precision))), 1)
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    )
    ((_, one),), ((_, other),) = exact.drain(), mixed.drain()
    assert other["loss_discriminator"] == pytest.approx(one["loss_discriminator"], rel=0.02)
    assert other["loss_generator"] == pytest.approx(one["loss_generator"], rel=0.02)
    assert other["loss_generator"] != one["loss_generator"]
    assert all(weight.dtype is torch.float32 for weight in weights_of(mixed).values())


def test_a_weight_that_is_no_number_is_named() -> None:
    trainer = trainer_of()
    assert trainer.not_finite() is None
    with torch.no_grad():
        trainer.generator.blocks[0].first.bias[0] = float("inf")
    assert trainer.not_finite() == "blocks.0.first.bias of the generator"


def test_a_compiler_that_fails_is_reported_and_training_continues(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(function: Callable, **_: Any) -> Callable:
        def fails(*arguments: Any) -> Any:
            raise RuntimeError("no working C++ compiler\nand a long story")

        return fails

    monkeypatch.setattr(torch, "compile", broken)
    compiled = trainer_of(changed(engine=GanEngineSettings(compile=True)))
    assert "torch.compile failed (no working C++ compiler); continuing without it" in caplog.text
    assert largest_difference(stepped(compiled, 2), stepped(trainer_of(), 2)) == 0


def test_a_contrastive_head_leaves_the_start_of_a_training_as_it_is() -> None:
    """Its weights are drawn last: a contrastive training and its untrained twin start from the same networks."""
    with_head, without = weights_of(trainer_of(CONTRAST)), weights_of(trainer_of())
    assert {name for name in with_head if name not in without} == {
        "discriminator.contrast.weight",
        "discriminator.contrast.bias",
    }
    assert all(torch.equal(with_head[name], values) for name, values in without.items())


def test_the_contrastive_task_teaches_the_discriminator_to_find_partners() -> None:
    """Crops that hold nothing but noise and their pair's own level: only features that read the level find partners."""

    class Paired(Crops):
        def batch(self, step: int, course: int) -> list[torch.Tensor]:
            rng = torch.Generator().manual_seed(step)
            level = torch.randn(self.settings.batch // 2, 2, 1, 1, generator=rng).repeat_interleave(2, dim=0)
            return [level + 0.1 * torch.randn(self.settings.batch, 2, 16, 16, generator=rng)]

    trainer = Gan(Paired(CONTRAST), CONTRAST, 1)
    losses_seen = []
    for _ in range(60):
        trainer.step()
        losses_seen += [numbers["loss_contrast"] for _, numbers in trainer.drain()]
    assert sum(losses_seen[-5:]) < 0.6 * sum(losses_seen[:5])


def test_the_contrastive_task_needs_the_whole_batch() -> None:
    with pytest.raises(PartsError, match=r"compares all images of a batch"):
        Gan(Crops(CONTRAST), CONTRAST, 1, ranks=Ranks(0, 2, 0))
    with pytest.raises(ValueError, match=r"set engine\.microbatch to 0"):
        CONTRAST.changed(engine={"microbatch": 8})
