"""The objectives of the comparison: what a step descends on, what it averages, and what each defect changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, precision_score, recall_score
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gandl.config import Intensity, Precision
from gandl.config.comparison_terms import Beyond, Paradigm, Setting, Switch, parts_of, setups
from gandl.config.representations import OBJECTIVE_SETTINGS, RepresentationRecipe, RepresentationSettings
from gandl.models.compute.randomness import Purpose
from gandl.models.compute.ranks import ALONE
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.loader import deal
from gandl.models.crops.supervision import Labels
from gandl.models.looks.comparison.held_out import HeldOut, told_apart
from gandl.models.objectives.comparison import stopping
from gandl.models.objectives.comparison.augmentation import crops_of
from gandl.models.objectives.comparison.byol import SelfSupervised
from gandl.models.objectives.comparison.dino import Dino
from gandl.models.objectives.comparison.paper import Regularized, Unsupervised, WeaklySupervised, answers
from gandl.models.objectives.comparison.representation import Representation
from gandl.models.objectives.kinds import objective_of
from model_inputs import REPRESENTATIONS

SIDE, BATCH = 16, 8
LABELS = Labels(("control", "drug"), np.arange(BATCH) % 2, np.arange(BATCH), np.arange(0))


@dataclass
class TilesOfNoise:
    """A loader of random tiles of one channel, on the scale of [-1, 1]; the label of a tile is how bright it is."""

    settings: RepresentationRecipe
    scale: IntensityScale = field(default_factory=lambda: IntensityScale(("grey",), (0.0,), (255.0,), Intensity.STORE))

    def batch(self, step: int, course: int) -> list[Tensor]:
        images = torch.rand(self.settings.batch, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(step)) * 1.2 - 1
        images += 0.6 * (torch.arange(self.settings.batch) % 2)[:, None, None, None]
        return [images[part] for part in deal(self.settings, ALONE)]

    def sites(self, step: int, course: int) -> list[Tensor]:
        return [torch.arange(self.settings.batch)[part] for part in deal(self.settings, ALONE)]


def made(objective: str, dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any) -> Any:
    """An objective at toy size."""
    settings = REPRESENTATIONS[objective].changed(batch=BATCH, multi_crop=False, **changes)
    kind = objective_of(objective)
    labels = LABELS if kind.supervised else None
    return kind(TilesOfNoise(settings), settings, seed, labels=labels, dtype=dtype)


def weights(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def moved(before: dict[str, Tensor], network: torch.nn.Module) -> list[str]:
    """Names of the tensors that changed."""
    return [name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])]


def numbers(objective: Representation) -> dict[str, float]:
    """What one step measured."""
    objective.step()
    ((_, found),) = objective.drain()
    return found


# Setups and their recipes


def test_there_are_sixteen_setups_of_the_paper_and_four_beyond_it() -> None:
    assert len(setups()) == 20
    assert setups()[0] == "unsupervised.aug_multi_crop"
    assert setups()[16:] == ["dino", "gandl", "untrained", "intensities"]
    assert setups([Paradigm.REGULARIZED], [Setting.NO_AUG_ONE_CROP], []) == ["regularized.no_aug_one_crop"]


@pytest.mark.parametrize("setup", setups())
def test_a_setup_says_what_learns_it_and_how(setup: str) -> None:
    recipe = RepresentationSettings(images=512, learning_rates={"weakly_supervised": 0.01})
    if setup == Beyond.INTENSITIES:
        with pytest.raises(ValueError, match="the setup intensities has no network"):
            recipe.of(setup)
        return
    objective, settings = recipe.of(setup, frozenset(Switch), 96)
    assert isinstance(settings, objective_of(objective).settings_type)
    assert settings.resolution == 96
    assert settings.learning_rate == {"weakly_supervised": 0.01, "gan": 0.001}.get(objective, 1e-4)
    if "." in setup:
        _, setting = parts_of(setup)  # type: ignore[misc]
        assert (settings.augment, settings.multi_crop) == (setting.augment, setting.multi_crop)


@pytest.mark.parametrize("switch", list(Switch))
def test_a_switch_changes_the_trainings_that_it_touches_and_no_other(switch: Switch) -> None:
    recipe = RepresentationSettings()
    changed = {
        parts_of(setup)[0].value if "." in setup else setup  # type: ignore[index]
        for setup in setups()[:-1]
        if recipe.of(setup, frozenset([switch])) != recipe.of(setup)
    }
    touched = {
        "self_supervised": {"unnormalized_codes", "batch_augmentation", "fast_average"},
        "weakly_supervised": {"linear_head", "double_softmax", "recall_as_precision"},
        "regularized": {"detached_regularizer", "linear_head", "double_softmax", "recall_as_precision"},
    }
    assert changed == {paradigm for paradigm, switches in touched.items() if switch in switches}


def test_a_name_that_is_no_setup_is_refused() -> None:
    for name in ("byol", "unsupervised", "unsupervised.aug"):
        with pytest.raises(ValueError, match=f"'{name}' is no setup of the comparison: take one of unsupervised"):
            RepresentationSettings().of(name)


def test_a_recipe_that_does_not_fit_one_setup_is_refused_when_it_is_read() -> None:
    with pytest.raises(ValueError, match=r"batch \(24\) must be a multiple of norm_group \(16\)"):
        RepresentationSettings(batch=24)
    with pytest.raises(ValueError, match="learning_rates names byol; known: unsupervised"):
        RepresentationSettings(learning_rates={"byol": 0.1})


@pytest.mark.parametrize("symmetry", [False, True])
def test_what_all_setups_share_of_a_recipe_gan_dl_shares_too(symmetry: bool) -> None:
    recipe = RepresentationSettings(symmetry=symmetry, intensity=Intensity.SITE, seed=7)
    for setup in setups()[:-1]:
        _, settings = recipe.of(setup)
        assert (settings.symmetry, settings.intensity, settings.seed) == (symmetry, Intensity.SITE, 7), setup


def test_dino_costs_what_byol_costs() -> None:
    recipe = RepresentationSettings(images=10_000)
    costs = {}
    for setup in ("self_supervised.aug_multi_crop", "dino"):
        objective, settings = recipe.of(setup)
        costs[setup] = objective_of(objective).work(settings, 1) * settings.images
    assert costs["dino"] == pytest.approx(costs["self_supervised.aug_multi_crop"], rel=0.15)


@pytest.mark.parametrize("objective", sorted(OBJECTIVE_SETTINGS))
def test_work_is_what_pytorch_counts(objective: str) -> None:
    many = objective == "weakly_supervised"
    settings = REPRESENTATIONS[objective].changed(batch=BATCH, multi_crop=many, augment=False)
    kind = objective_of(objective)
    running = kind(TilesOfNoise(settings), settings, 0, labels=LABELS if kind.supervised else None)
    with FlopCounterMode(display=False) as counter:
        running.step()
    found = counter.get_total_flops() / BATCH
    cut = {"weakly_supervised": 4, "self_supervised": 2, "dino": 4}.get(objective, 0)
    found -= cut * 2 * 2 * SIDE**3  # two matrices for a crop, or for a view of it
    assert found == pytest.approx(kind.work(settings, 1), rel=0.25)  # no gradient to images, no small layer counts


# The autoencoder, the classifier, and both


def test_the_autoencoders_loss_is_the_binary_cross_entropy_of_numpy() -> None:
    objective = made("unsupervised", torch.float64, augment=False)
    (real,) = objective.loader.batch(0, 0)
    tiles = ((real.double() + 1) / 2).clamp(0, 1)
    with torch.no_grad():
        model = objective.networks
        logits = model["decoder"](model["encoder"]((tiles - 0.449) / 0.226)).numpy()
    p, x = 1 / (1 + np.exp(-logits)), tiles.numpy()
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).mean()
    assert numbers(objective)["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_joint_gradient_is_that_of_finite_differences() -> None:
    objective = made("regularized", torch.float64, augment=False, regularizer_weight=3.0)
    (real,), (sites,) = objective.loader.batch(0, 0), objective.loader.sites(0, 0)
    tiles, labels = ((real.double() + 1) / 2).clamp(0, 1), sites % 2
    networks = objective.networks

    def joint() -> Tensor:
        maps = networks["encoder"]((tiles - 0.449) / 0.226)
        reconstruction = F.binary_cross_entropy(networks["decoder"](maps).sigmoid(), tiles)
        return reconstruction + 3.0 * F.cross_entropy(networks["head"](maps), labels)

    objective._notes.begin(0)
    objective._loss(tiles, labels).backward()
    rng = torch.Generator().manual_seed(0)
    step = 1e-8  # fewer units change sides of their ReLU
    for name, network in networks.items():
        ways = [torch.randn(weight.shape, generator=rng, dtype=torch.float64) for weight in network.parameters()]
        expected = sum(float((w.grad * way).sum()) for w, way in zip(network.parameters(), ways, strict=True))
        found = []
        for sign in (1, -2):
            with torch.no_grad():
                for weight, way in zip(network.parameters(), ways, strict=True):
                    weight += sign * step * way
                found.append(float(joint()))
        with torch.no_grad():
            for weight, way in zip(network.parameters(), ways, strict=True):
                weight += step * way
        assert (found[0] - found[1]) / (2 * step) == pytest.approx(expected, rel=1e-5), name


def test_the_regulariser_changes_the_encoder_and_by_the_papers_code_it_does_not() -> None:
    """Not by a single bit: encoder and decoder are those of the unsupervised objective."""
    trained = {}
    for name, objective in {
        "unsupervised": made("unsupervised"),
        "regularized": made("regularized"),
        "detached": made("regularized", switches=[Switch.DETACHED_REGULARIZER]),
    }.items():
        for _ in range(5):
            objective.step()
        trained[name] = objective.networks
    for part in ("encoder", "decoder"):
        alone = weights(trained["unsupervised"][part])
        assert moved(alone, trained["detached"][part]) == []
        assert set(moved(alone, trained["regularized"][part])) == set(alone)
    start = made("regularized").networks["head"]
    assert set(moved(weights(start), trained["detached"]["head"])) == set(start.state_dict())


def test_the_detached_head_learns_as_one_with_an_adam_of_its_own_does() -> None:
    """The paper's code alternates: a step of the classifier on the codes of the moment, then one of the autoencoder."""
    ours = made("regularized", torch.float64, augment=False, switches=[Switch.DETACHED_REGULARIZER])
    theirs = made("regularized", torch.float64, augment=False).networks
    of_autoencoder = [w for name in ("encoder", "decoder") for w in theirs[name].parameters()]
    one = torch.optim.Adam(of_autoencoder, lr=0.001, betas=(0.9, 0.999))
    other = torch.optim.Adam(theirs["head"].parameters(), lr=0.001, betas=(0.9, 0.999))
    for step in range(4):
        (real,), (sites,) = ours.loader.batch(step, 0), ours.loader.sites(step, 0)
        tiles = ((real.double() + 1) / 2).clamp(0, 1)
        seen = (tiles - 0.449) / 0.226
        other.zero_grad()
        F.cross_entropy(theirs["head"](theirs["encoder"](seen)), sites % 2).backward()
        other.step()
        one.zero_grad()
        F.binary_cross_entropy_with_logits(theirs["decoder"](theirs["encoder"](seen)), tiles).backward()
        one.step()
        ours.step()
    for name, network in theirs.items():
        for key, tensor in network.state_dict().items():
            torch.testing.assert_close(ours.networks[name].state_dict()[key], tensor, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("objective", ["weakly_supervised", "regularized"])
def test_bright_and_dark_tiles_are_learned_apart(objective: str) -> None:
    learning = made(objective, learning_rate=0.003)
    found = [numbers(learning) for _ in range(60)]
    assert np.mean([of["train_accuracy"] for of in found[-10:]]) > 0.95
    assert found[-1]["loss"] < found[0]["loss"]


def test_five_crops_make_the_mean_loss_of_five_and_one_step() -> None:
    settings = REPRESENTATIONS["weakly_supervised"].changed(batch=BATCH, multi_crop=True, augment=False)
    objective = WeaklySupervised(TilesOfNoise(settings), settings, 0, labels=LABELS, dtype=torch.float64)
    (real,) = objective.loader.batch(0, 0)
    tiles, labels = ((real.double() + 1) / 2).clamp(0, 1), torch.arange(BATCH) % 2
    draws = objective._draw(objective._rng(Purpose.AUGMENTATION_OF_REALS))
    assert len(draws) == 5
    losses = [
        F.cross_entropy(objective.networks["head"](objective.networks["encoder"]((crop - 0.449) / 0.226)), labels)
        for crop in crops_of(tiles, draws, torch.arange(BATCH))
    ]
    mean = torch.stack(losses).mean()
    wanted = torch.autograd.grad(mean, list(objective.networks["encoder"].parameters()))
    optimizer = objective._optimizer
    gradients: list[Tensor] = []
    optimizer.register_step_pre_hook(
        lambda *_: gradients.extend(w.grad.clone() for w in objective.networks["encoder"].parameters())  # type: ignore[union-attr]
    )
    assert numbers(objective)["loss"] == pytest.approx(float(mean.detach()), rel=1e-6)
    torch.testing.assert_close(tuple(gradients), wanted)


# BYOL


def views(objective: SelfSupervised) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.rand(BATCH, 1, SIDE, SIDE, dtype=torch.float64), torch.rand(BATCH, 1, SIDE, SIDE, dtype=torch.float64)


def by_numpy(objective: SelfSupervised, first: Tensor, second: Tensor) -> float:
    """BYOL's loss, all layers behind the encoder written out."""

    def layer(x: np.ndarray, linear: torch.nn.Linear) -> np.ndarray:
        return x @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()

    def head(x: np.ndarray, network: torch.nn.Sequential) -> np.ndarray:
        x = layer(x, network[0])
        norm = network[1]
        grouped = x.reshape(norm.group, -1, x.shape[1])  # positions i, i + n / g, ... share statistics
        mean, variance = grouped.mean(axis=0), grouped.var(axis=0)
        x = ((grouped - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
        x = x * norm.weight.detach().numpy() + norm.bias.detach().numpy()
        return layer(np.maximum(x, 0), network[3])

    def code(x: Tensor, encoder: torch.nn.Module) -> np.ndarray:
        with torch.no_grad():
            return encoder((x - 0.449) / 0.226).flatten(1).numpy()

    online, target = objective.networks, objective.target
    total = np.zeros(len(first))
    for ours, theirs in ((first, second), (second, first)):
        p = head(head(code(ours, online["encoder"]), online["projector"]), online["predictor"])
        z = head(code(theirs, target.encoder), target.head)
        cosine = (p * z).sum(axis=1) / np.linalg.norm(p, axis=1) / np.linalg.norm(z, axis=1)
        total += 2 - 2 * cosine
    return float(total.mean())


def test_byols_loss_is_that_of_numpy_and_symmetric() -> None:
    objective = made("self_supervised", torch.float64)
    for _ in range(2):
        objective.step()
    first, second = views(objective)
    objective._notes.begin(0)
    found = float(objective._loss_of_views(first, second).detach())
    assert found == pytest.approx(by_numpy(objective, first, second), rel=1e-9)
    assert found == pytest.approx(float(objective._loss_of_views(second, first).detach()), rel=1e-9)
    assert 0 < found < 8


@pytest.mark.parametrize(("switches", "average"), [([], 0.99), ([Switch.FAST_AVERAGE], 0.8)])
def test_the_target_is_the_average_of_the_online_networks(switches: list[Switch], average: float) -> None:
    objective = made("self_supervised", torch.float64, switches=switches)
    expected = {name: tensor.numpy().copy() for name, tensor in weights(objective.online).items()}
    for _ in range(6):
        objective.step()
        for name, tensor in weights(objective.online).items():
            if "running" not in name:
                expected[name] = average * expected[name] + (1 - average) * tensor.numpy()
    for name, tensor in weights(objective.target).items():
        if "running" not in name:
            np.testing.assert_allclose(tensor.numpy(), expected[name], rtol=1e-9, err_msg=name)


def test_no_gradient_reaches_the_target() -> None:
    objective = made("self_supervised", torch.float64)
    objective._notes.begin(0)
    objective._loss_of_views(*views(objective)).backward()
    assert all(weight.grad is None for weight in objective.target.parameters())
    assert all(weight.grad is not None for weight in objective.networks["encoder"].parameters())


def test_a_collapse_of_byol_is_shown_and_does_not_stop_it() -> None:
    assert SelfSupervised.checks(REPRESENTATIONS["self_supervised"]) == {}
    objective = made("self_supervised")
    with torch.no_grad():
        last = objective.networks["encoder"].convolutions[3]
        last.weight.zero_()
    (real,) = objective.loader.batch(0, 0)
    measured = HeldOut(real).measure(objective.model())
    assert measured["collapsed"] == 1
    assert measured["held_out_spread"] == 0
    assert measured["quality"] == 1
    assert numbers(objective)["feature_spread"] == 0
    assert HeldOut(real).measure(made("self_supervised").model())["collapsed"] == 0


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([4.0, 3.0, 2.0], False),
        ([4.0, 3.0, 2.0, 1.0], False),
        ([4.0, 2.0, 2.1, 2.2], True),
        ([4.0, 3.0, 2.0, 4.1], True),
        ([4.0, 3.0, 2.0, 2.00003], True),
        ([4.0, 3.0, 2.0, 2.1], False),
        ([1.0, 2.0, 3.0], False),
    ],
)
def test_the_papers_stop_rule(losses: list[float], over: bool) -> None:
    assert stopping.ends(losses) is over


def test_a_stopped_training_learns_nothing_more_and_stays_stopped_when_it_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "ends", lambda losses: len(losses) == 2)
    objective = made("self_supervised", byol={"epoch_images": 2 * BATCH})
    for _ in range(4):
        objective.step()
    at_stop = weights(objective.online)
    objective.drain()
    resumed = made("self_supervised", byol={"epoch_images": 2 * BATCH})
    resumed.restore(objective.state())
    for each in (objective, resumed):
        assert numbers(each)["loss"] > 0
        assert moved(at_stop, each.online) == []
    running = made("self_supervised", byol={"epoch_images": 0})
    for _ in range(5):
        running.step()
    assert moved(at_stop, running.online)


# DINO


def test_dinos_centre_is_the_running_mean_of_the_teachers_outputs() -> None:
    objective = made("dino", torch.float64)
    outputs: list[np.ndarray] = []
    hook = objective.teacher.register_forward_hook(lambda *a: outputs.append(a[2][1].detach().numpy()))
    expected = np.zeros(12)
    for _ in range(3):
        objective.step()
        expected = 0.9 * expected + 0.1 * outputs[-1].mean(axis=0)
    hook.remove()
    assert outputs[-1].shape == (3 * BATCH, 12), "the teacher sees the three larger crops"
    np.testing.assert_allclose(objective.centre.numpy(), expected, rtol=1e-9)


def test_dinos_teacher_follows_its_student_and_embeds() -> None:
    objective = made("dino", torch.float64)
    expected = weights(objective.student)
    for _ in range(4):
        objective.step()
        now = weights(objective.student)
        expected = {
            name: 0.99 * tensor + 0.01 * now[name] for name, tensor in expected.items() if "running" not in name
        }
    for name, tensor in weights(objective.teacher).items():
        if "running" in name:
            continue
        torch.testing.assert_close(tensor, expected[name], rtol=1e-9, atol=1e-12)
    assert objective.model().encoder is objective.teacher.encoder


# Switches, and resuming


@pytest.mark.parametrize("objective", sorted(OBJECTIVE_SETTINGS))
def test_augmentation_is_drawn_per_tile_and_with_the_defect_byols_views_per_batch(objective: str) -> None:
    for switches in ([], [Switch.BATCH_AUGMENTATION]):
        settings = REPRESENTATIONS[objective].changed(batch=BATCH, multi_crop=True, switches=switches)
        kind = objective_of(objective)
        learning: Any = kind(TilesOfNoise(settings), settings, 0, labels=LABELS if kind.supervised else None)
        draws = learning._draw(learning._rng(Purpose.AUGMENTATION_OF_REALS))
        views = [view for pair in getattr(learning, "_views", []) for view in pair]
        assert len(views) == (10 if objective == "self_supervised" else 0)
        assert all(of_crop.width.unique().numel() > 1 for of_crop in draws[1:])
        assert all((view.width.unique().numel() > 1) is not bool(switches) for view in views)


def test_accuracy_precision_and_recall_are_those_of_scikit_learn() -> None:
    right = torch.tensor([0, 0, 0, 1, 1, 1])
    scores = F.one_hot(torch.tensor([0, 0, 1, 1, 1, 0]), 2).double()
    scores[3] *= 2
    truth, said = right.numpy(), scores.argmax(dim=1).numpy()
    expected = [of(truth, said) for of in (accuracy_score, precision_score, recall_score)]
    found = told_apart(scores, right)
    assert [found[name] for name in ("accuracy", "precision", "recall")] == pytest.approx(expected)
    assert [float(of) for of in answers(scores, right)] == pytest.approx(expected)
    never = F.one_hot(torch.zeros(6, dtype=torch.long), 2)
    assert [float(of) for of in answers(never, right)] == [0.5, 0, 0]


@pytest.mark.parametrize("objective", ["weakly_supervised", "regularized"])
def test_recall_is_in_the_column_of_the_trainings_precision_with_its_switch(objective: str) -> None:
    plain, faithful = made(objective), made(objective, switches=[Switch.RECALL_AS_PRECISION])
    found = [(numbers(plain), numbers(faithful)) for _ in range(4)]
    for right, wrong in found:
        assert wrong["train_precision"] == wrong["train_recall"] == right["train_recall"]
        assert {**wrong, "train_precision": right["train_precision"]} == right
    assert any(right["train_precision"] != right["train_recall"] for right, _ in found)


@pytest.mark.parametrize("objective", sorted(OBJECTIVE_SETTINGS))
def test_a_restored_state_goes_on_bit_for_bit(objective: str) -> None:
    unbroken, broken = made(objective), made(objective)
    for _ in range(3):
        unbroken.step()
        broken.step()
    resumed = made(objective, seed=5)
    resumed.seed = 0
    resumed.restore(torch.load(_saved(broken.state()), weights_only=True))
    for _ in range(3):
        unbroken.step()
        resumed.step()
    for ours, theirs in zip(unbroken.trained, resumed.trained, strict=True):
        assert moved(weights(ours), theirs) == []
    assert moved(weights(unbroken.model().encoder), resumed.model().encoder) == []


def _saved(state: dict[str, Any]) -> Any:
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_an_explosion_is_a_trouble_of_all_but_those_whose_loss_is_bounded() -> None:
    for kind in (Unsupervised, WeaklySupervised, Regularized):
        (check,) = kind.checks(REPRESENTATIONS[kind.name]).values()
        assert "the loss is 1e+03" in str(check.sees({"loss": 1000.0}))
        assert check.sees({"loss": 1.0}) == ""
    assert Dino.checks(REPRESENTATIONS["dino"]) == {}


def test_bfloat16_is_close_to_float32() -> None:
    found = [
        numbers(made("regularized", engine={"precision": p}))["loss"] for p in (Precision.FLOAT32, Precision.BFLOAT16)
    ]
    assert found[0] == pytest.approx(found[1], rel=0.02)
