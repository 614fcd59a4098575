"""The discriminator: its description of an image is the image's own, and it is what the logit is made from."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from model_inputs import draw_images, network, networks


def test_a_description_does_not_depend_on_its_batch() -> None:
    _, discriminator = networks()
    discriminator.deviation.mean.fill_(0.4)
    images = draw_images(4)
    together = discriminator.describe(images)
    for i in range(4):
        alone = discriminator.describe(images[i : i + 1])
        torch.testing.assert_close(alone.post[0], together.post[i], rtol=1e-9, atol=1e-12)
        for one, all_ in zip(alone.blocks, together.blocks, strict=True):
            torch.testing.assert_close(one[0], all_[i], rtol=1e-9, atol=1e-12)


def test_a_logit_does_depend_on_its_batch() -> None:
    """The trap that `describe` avoids: the same image, another neighbour."""
    _, discriminator = networks()
    images = draw_images(4)
    changed = images.clone()
    changed[1] *= 3
    assert discriminator(images)[0][0].item() != pytest.approx(discriminator(changed)[0][0].item(), rel=1e-6)


def test_the_described_feature_is_what_the_logit_is_made_from() -> None:
    """In one group every image has the same deviation: with that as its mean, `describe` follows the very path of the logit."""
    _, discriminator = networks(network(minibatch_std_group=4))
    images = draw_images(4)
    logits, deviation, _ = discriminator(images)
    discriminator.deviation.mean.copy_(deviation.detach())
    description = discriminator.describe(images)
    torch.testing.assert_close(discriminator.logit(description.post)[:, 0], logits, rtol=1e-9, atol=1e-11)


def test_post_is_the_leaky_relu_of_pre() -> None:
    _, discriminator = networks()
    description = discriminator.describe(draw_images(3))
    assert (description.pre < 0).any()
    torch.testing.assert_close(description.post, F.leaky_relu(description.pre, 0.2) * math.sqrt(2))


def test_blocks_are_named_and_shaped_from_the_image_down_to_4_px() -> None:
    _, discriminator = networks(network(crop=32, channel_base=96, channel_max=8))
    blocks = discriminator.describe(draw_images(2, size=32)).blocks
    assert discriminator.block_names == ["image", "block_16", "block_8", "block_4", "last"]
    assert [tuple(block.shape[1:]) for block in blocks] == [(3, 32, 32), (6, 16, 16), (8, 8, 8), (8, 4, 4), (8, 4, 4)]
    assert discriminator.block_channels == [block.shape[1] for block in blocks]


def test_a_forward_pass_changes_nothing_in_the_network() -> None:
    _, discriminator = networks()
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    deviation = discriminator(draw_images(4)).deviation
    assert deviation.item() > 0
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())


def test_the_last_layers_never_compute_in_half_precision() -> None:
    """Under autocast the maps are bfloat16, but what is made of the last of them is what float32 makes of it."""
    _, discriminator = networks()
    discriminator.float()
    images = draw_images(4).float()
    with torch.autocast("cpu", torch.bfloat16):
        seen = discriminator.describe(images)
        logits, deviation, _ = discriminator(images)
    assert seen.blocks[0].dtype is torch.bfloat16
    assert (seen.post.dtype, logits.dtype, deviation.dtype) == (torch.float32,) * 3
    last = F.leaky_relu(
        discriminator.last(discriminator.deviation.constant(seen.blocks[-2].float()), math.sqrt(2)), 0.2
    )
    torch.testing.assert_close(seen.blocks[-1], last)
    torch.testing.assert_close(seen.pre, discriminator.feature(last.flatten(1)))
