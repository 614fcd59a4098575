"""On a CUDA device the networks give what they give on the CPU. Skipped where there is none."""

from __future__ import annotations

import pytest
import torch

from model_inputs import draw, draw_images, networks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


def test_the_discriminator_describes_images_as_on_the_cpu() -> None:
    _, discriminator = networks()
    images = draw_images(4)
    here = discriminator.describe(images)
    there = discriminator.cuda().describe(images.cuda())
    torch.testing.assert_close(there.post.cpu(), here.post)
    for one, other in zip(there.blocks, here.blocks, strict=True):
        torch.testing.assert_close(one.cpu(), other)


def test_the_generator_draws_images_as_on_the_cpu() -> None:
    generator, _ = networks()
    latents = draw(generator, 3)
    here = generator(latents)
    generator.cuda()
    styles = generator.styles(type(latents)(latents.z.cuda(), latents.cut.cuda(), []))
    there = generator.synthesize(styles, [noise.cuda() for noise in latents.noise])
    torch.testing.assert_close(there.cpu(), here)
