"""The guard: sees every trouble of a training within a bound, and none in a healthy one, by sequences of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from gandl.config import Loss, TrainingSettings
from gandl.models.compute.notes import StepNumbers
from gandl.models.engine.guard import Guard
from gandl.models.objectives.gan_troubles import START_UP, gan_checks, gan_remedy
from gandl.models.objectives.troubles import QUICK, SLOW, Trouble, TroubleKind

BATCH = 16
SETTINGS = {
    Loss.LOGISTIC: TrainingSettings(batch=BATCH),
    Loss.RELATIVISTIC: TrainingSettings(batch=BATCH, loss=Loss.RELATIVISTIC),
    Loss.WGAN: TrainingSettings(batch=BATCH, loss=Loss.WGAN, lipschitz_weight=1.0),
}
LATE = 1_008
"""A step well behind the start, at which every penalty is computed."""


def healthy(loss: Loss, first: int, count: int, seed: int = 0) -> Iterator[StepNumbers]:
    """Numbers of a training that goes well, as real ones showed them: noise at the start, spiked penalties, drifting critics."""
    rng = np.random.default_rng(seed)
    for step in range(first, first + count):
        fake = rng.normal(-0.7, 0.8) + (0.05 * step if loss is Loss.WGAN else 0.0)
        gap = math.exp(rng.normal(0.0, 1.0)) * (8 if loss is Loss.WGAN else 1)
        numbers = {
            "real_logit": fake + gap,
            "fake_logit": fake,
            "loss_discriminator": -gap if loss is Loss.WGAN else math.log1p(math.exp(-gap)),
            "loss_generator": -fake if loss is Loss.WGAN else math.log1p(math.exp(gap)),
            "real_spread": 0.2,
            "fake_spread": 0.2 * (0.5 + 5 * math.exp(-step / 50)),
        }
        if step % 16 == 0:
            numbers["r1"] = 300.0 if step == 0 else math.exp(rng.normal(-4, 2))
        if step % 4 == 0:
            numbers["path_length_penalty"] = math.exp(rng.normal(0, 1))
        yield step, numbers


def planted(loss: Loss, first: int = LATE, **wrong: float) -> tuple[Trouble | None, int]:
    """What a guard says to numbers that are healthy and then wrong; and in how many wrong steps."""
    guard = Guard(gan_checks(SETTINGS[loss]))
    assert guard.judge(list(healthy(loss, first - 200, 200))) is None
    for seen, (step, numbers) in enumerate(healthy(loss, first, 4 * SLOW), start=1):
        lazy = {"r1": 16, "path_length_penalty": 4}
        now = {name: value for name, value in wrong.items() if step % lazy.get(name, 1) == 0}
        trouble = guard.judge([(step, numbers | now)])
        if trouble is not None:
            assert trouble.step == step
            return trouble, seen
    return None, 4 * SLOW


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_training_is_left_alone_from_its_first_step(loss: Loss, seed: int) -> None:
    assert Guard(gan_checks(SETTINGS[loss])).judge(list(healthy(loss, 0, 5_000, seed))) is None


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss_generator", "r1", "fake_spread"])
def test_a_number_that_is_not_finite_is_seen_at_once(loss: Loss, name: str, value: float) -> None:
    trouble, steps = planted(loss, **{name: value})
    assert trouble is not None
    assert (trouble.kind, steps, trouble.sentence) == (TroubleKind.NOT_FINITE, 1, f"{name} is {value}")


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize(
    ("wrong", "bound", "sentence"),
    [
        ({"real_logit": 4e6, "fake_logit": -1e6}, QUICK, r"logits of real and generated images are 5e\+06 apart"),
        ({"real_logit": 0.0, "fake_logit": 2_000.0}, QUICK, r"are 2e\+03 apart"),
        ({"fake_spread": 500.0}, QUICK, "generated images differ by 500, real ones by 0.2"),
        ({"r1": 1e8}, SLOW, r"r1 is 1e\+08"),
        ({"path_length_penalty": 1e9}, SLOW, r"path_length_penalty is 1e\+09"),
    ],
)
def test_an_explosion_is_seen_within_8_steps_and_that_of_a_penalty_within_4_of_its_values(
    loss: Loss, wrong: dict[str, float], bound: int, sentence: str
) -> None:
    trouble, steps = planted(loss, **wrong)
    assert trouble is not None
    assert trouble.kind is TroubleKind.EXPLODING
    assert steps <= bound
    assert sentence.replace("\\", "") in trouble.sentence


def test_an_explosion_in_the_first_steps_is_seen_as_soon() -> None:
    guard = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    steps = [(step, {"real_logit": 10.0**step, "fake_logit": -(10.0**step)}) for step in range(12)]
    trouble = guard.judge(steps)
    assert trouble is not None
    assert trouble.step <= 9  # beyond 100 from step 2 on


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        *((loss, {"loss_discriminator": 1e-6}) for loss in (Loss.LOGISTIC, Loss.RELATIVISTIC)),
        *((loss, {"loss_generator": 0.0}) for loss in (Loss.LOGISTIC, Loss.RELATIVISTIC)),
        *((loss, {"real_logit": 0.25, "fake_logit": 0.25}) for loss in Loss),
    ],
)
def test_losses_that_vanish_are_seen_within_64_steps(loss: Loss, wrong: dict[str, float]) -> None:
    trouble, steps = planted(loss, **wrong)
    assert trouble is not None
    assert trouble.kind is TroubleKind.VANISHING
    assert steps <= SLOW


@pytest.mark.parametrize("loss", list(Loss))
def test_a_collapse_is_seen_within_64_steps(loss: Loss) -> None:
    trouble, steps = planted(loss, fake_spread=0.005)
    assert trouble is not None
    assert trouble.kind is TroubleKind.COLLAPSE
    assert steps <= SLOW
    assert (
        "mode collapse: generated images are nearly the same (they differ by 0.005, real ones by 0.2)"
        in trouble.sentence
    )


def test_generated_images_may_be_alike_at_the_start() -> None:
    start = START_UP // BATCH
    alike = [(step, numbers | {"fake_spread": 0.0}) for step, numbers in healthy(Loss.LOGISTIC, 0, start + SLOW)]
    assert Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(alike[:start]) is None
    trouble = Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(alike)
    assert trouble is not None
    assert trouble.kind is TroubleKind.COLLAPSE


def test_real_images_without_any_contrast_are_no_collapse() -> None:
    """Channels of constant zero, or one image at a time, leave nothing to compare with."""
    blank = [(s, n | {"real_spread": 0.0, "fake_spread": 0.0}) for s, n in healthy(Loss.LOGISTIC, LATE, 200)]
    assert Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(blank) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"real_logit": 1e6},
        {"fake_spread": 1e4},
        {"r1": 1e9},
        {"path_length_penalty": 1e9},
        {"loss_discriminator": 0.0},
        {"fake_spread": 0.0},
    ],
)
def test_a_bad_step_now_and_then_is_no_trouble(wrong: dict[str, float]) -> None:
    steps = [(s, n | wrong if s % 64 == 0 else n) for s, n in healthy(Loss.LOGISTIC, LATE, 1_000)]
    assert Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(steps) is None


def test_a_gap_that_grows_slowly_is_no_explosion_and_a_jump_to_the_same_size_is_one() -> None:
    guard = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    slow = [(step, {"real_logit": 2.0 * 1.003**step, "fake_logit": 0.0}) for step in range(1_500)]  # to 178
    assert guard.judge(slow) is None
    guard = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    jump = [(step, {"real_logit": 2.0 if step < 1_400 else 178.0, "fake_logit": 0.0}) for step in range(1_500)]
    assert guard.judge(jump) is not None


@pytest.mark.parametrize("cut", [1, 30, 63, 90])
def test_a_resumed_training_is_judged_alike(cut: int) -> None:
    good = list(healthy(Loss.LOGISTIC, LATE, 50))
    steps = good + [(s, n | {"fake_spread": 0.001}) for s, n in healthy(Loss.LOGISTIC, LATE + 50, SLOW)]
    whole = Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(steps)
    first = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    assert first.judge(steps[:cut]) is None
    second = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    second.restore(first.state())
    assert second.judge(steps[cut:]) == whole
    assert whole is not None


def test_its_state_is_plain_and_of_its_own() -> None:
    guard = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    guard.judge(list(healthy(Loss.LOGISTIC, 0, 100)))
    state, copied = guard.state(), repr(guard.state())
    assert {type(value) for check in state.values() for value in check["recent"]} <= {bool}
    guard.judge(list(healthy(Loss.LOGISTIC, 100, 10, seed=1)))
    assert repr(state) == copied


def test_how_steps_are_handed_over_changes_nothing() -> None:
    steps = [(s, n | {"loss_generator": 0.0}) for s, n in healthy(Loss.LOGISTIC, LATE, SLOW)]
    one_by_one = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    troubles = [trouble for step in steps if (trouble := one_by_one.judge([step]))]
    assert Guard(gan_checks(SETTINGS[Loss.LOGISTIC])).judge(steps) == troubles[0]


def test_it_is_not_calm_long_before_a_slow_trouble_is_one_but_a_single_bad_step_does_not_matter() -> None:
    guard = Guard(gan_checks(SETTINGS[Loss.LOGISTIC]))
    guard.judge(list(healthy(Loss.LOGISTIC, LATE, 20)))
    assert guard.calm
    alike = [(s, n | {"fake_spread": 0.0}) for s, n in healthy(Loss.LOGISTIC, LATE + 20, QUICK)]
    assert guard.judge(alike[:1]) is None
    assert guard.calm
    assert guard.judge(alike[1:]) is None
    assert not guard.calm


@pytest.mark.parametrize(
    ("kind", "changes", "factors"),
    [
        (TroubleKind.NOT_FINITE, {}, (0.25, 4.0)),
        (TroubleKind.EXPLODING, {}, (0.25, 4.0)),
        (TroubleKind.VANISHING, {}, (0.5, 8.0)),
        (TroubleKind.COLLAPSE, {}, (0.5, 8.0)),
        (TroubleKind.COLLAPSE, {"r1_gamma": 0.0, "r2_gamma": 1.0}, (0.5, 8.0)),
        (TroubleKind.VANISHING, {"r1_gamma": 0.0}, (0.25, 4.0)),
    ],
)
def test_the_remedy_is_half_the_learning_rate_or_twice_the_gamma(
    kind: TroubleKind, changes: dict[str, float], factors: tuple[float, float]
) -> None:
    settings = SETTINGS[Loss.LOGISTIC].model_copy(update=changes)
    before, (learning_rate, gamma) = {"learning_rate": 0.5, "r1_gamma": 4.0}, factors
    after = gan_remedy(Trouble(5, kind, "something is wrong"), settings, before)
    assert after == {"learning_rate": learning_rate, "r1_gamma": gamma}
