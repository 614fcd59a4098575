"""Operations of CytoGAN's networks: takes their settings, makes floating-point operations of a pass on one crop.

Convolutions and matrix products, two operations per multiplication with addition. Beside a network's pass stands that of its
first layer, whose input needs no gradient where it is a crop of the loader or a latent vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gandl.config.cytogan import FamilyNetworkSettings
from gandl.models.networks.cytogan import convolutional, equilibrium, inference
from gandl.models.networks.cytogan.layers import scaled


def generator_work(
    network: FamilyNetworkSettings, channels: int, maps: Sequence[int] = convolutional.MAPS[::-1]
) -> tuple[float, float]:
    """A pass of `ConvolutionalGenerator`, and of its first layer."""
    maps = scaled(maps, network.width)
    sides = [network.crop >> power for power in reversed(range(len(maps)))]
    first = 2.0 * network.code_dim * maps[0] * sides[0] ** 2
    kernel = convolutional.KERNEL**2
    within = sum(2.0 * kernel * a * b * side**2 for (a, b), side in zip(pairwise(maps), sides[1:], strict=True))
    return first + within + 2.0 * kernel * maps[-1] * channels * network.crop**2, first


def discriminator_work(network: FamilyNetworkSettings, channels: int) -> tuple[float, float]:
    """A pass of `ConvolutionalDiscriminator`, and of its first layer."""
    total, first, seen = _halving_work(network, channels, convolutional.MAPS)
    return total + 2.0 * (seen + 1) * network.code_dim, first


def equilibrium_work(network: FamilyNetworkSettings, channels: int) -> tuple[float, float, float, float]:
    """A pass of BEGAN's generator, of its first layer, of the autoencoder, and of its first layer."""
    (back,) = scaled([equilibrium.MAPS_BACK], network.width)
    sides = [network.crop >> power for power in reversed(range(equilibrium.STAGES_BACK))]
    first = 2.0 * network.code_dim * back * sides[0] ** 2
    generator = first + 18.0 * back * channels * network.crop**2
    generator += sum(equilibrium.PER_STAGE_BACK * 18.0 * back**2 * side**2 for side in sides)
    maps, encoder, side = scaled(equilibrium.MAPS, network.width), 0.0, network.crop
    for before, after in pairwise([channels, *maps]):
        side //= 2
        encoder += 18.0 * (before + (equilibrium.PER_STAGE - 1) * after) * after * side**2
    encoder += 2.0 * maps[-1] * side**2 * network.code_dim
    return generator, first, encoder + generator, 18.0 * channels * maps[0] * (network.crop // 2) ** 2


def inference_work(network: FamilyNetworkSettings, channels: int) -> float:
    """A step of BiGAN per crop.

    Generator and encoder pass twice, once of them backwards; the discriminator four times, twice backwards to its weights and to
    what lies between its layers, twice to what it sees: of the real pairs that is the code alone.
    """
    generator, first_layer = generator_work(network, channels, inference.MAPS)
    encoder, first_of_encoder, seen = _halving_work(network, channels, inference.MAPS)
    branch, first_of_branch = encoder, first_of_encoder
    encoder += 2.0 * seen * network.code_dim
    units = scaled(inference.UNITS, network.width)
    layers = sum(2.0 * a * b for a, b in pairwise([seen + network.code_dim, *units, 1]))
    of_discriminator = generator + encoder + 2 * (3 * (branch + layers) - first_of_branch)
    of_generator = 3 * generator - first_layer + 3 * encoder - first_of_encoder
    of_judgements = 2 * (branch + layers) + (branch + 2 * layers)
    return of_discriminator + of_generator + of_judgements


def coder_work(network: FamilyNetworkSettings, channels: int, published: Sequence[int], heads: int) -> float:
    """A step of an autoencoder per crop: three times its pass, less the gradient of the crops.

    Parameters
    ----------
    published : maps of its convolutions. heads : vectors that the encoder makes.
    """
    maps = scaled(published, network.width)
    sides = [network.crop >> power for power in range(len(maps) + 1)]
    first = 18.0 * channels * maps[0] * network.crop**2
    encoder = sum(18.0 * a * b * side**2 for (a, b), side in zip(pairwise([channels, *maps]), sides, strict=False))
    back = list(reversed(maps))
    decoder = sum(18.0 * a * b * side**2 for (a, b), side in zip(pairwise([back[0], *back]), sides[:0:-1], strict=True))
    codes = 2.0 * maps[-1] * sides[-1] ** 2 * network.code_dim
    total = encoder + (heads + 1) * codes + decoder + 18.0 * back[-1] * channels * network.crop**2
    return 3 * total - first


def _halving_work(
    network: FamilyNetworkSettings, channels: int, published: Sequence[int]
) -> tuple[float, float, float]:
    """Of convolutions all but the first of which halve the sides: all, the first, and the numbers that they make."""
    maps = scaled(published, network.width)
    kernel, works = convolutional.KERNEL**2, []
    for number, (before, after) in enumerate(pairwise([channels, *maps])):
        works.append(2.0 * kernel * before * after * (network.crop >> number) ** 2)
    return sum(works), works[0], float(maps[-1] * (network.crop >> (len(maps) - 1)) ** 2)
