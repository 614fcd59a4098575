"""What a look measures of a representation: takes its model and held-out tiles, makes losses, accuracy, precision and recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.config.representations import RepresentationRecipe
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.quality import real_crops
from gandl.models.looks.validation import ValidationSites
from gandl.models.networks.comparison.trained import (
    TrainedRegularized,
    TrainedRepresentation,
    TrainedTileAutoencoder,
    TrainedTileClassifier,
    as_embedded,
    unit,
)

PER_PASS = 32
COLLAPSED = 1e-4
"""Codes whose mean spread over tiles is below this share of their mean absolute size have collapsed to one point. A stricter rule
than that of the task of similarity, by which tables and report call codes collapsed: there the spread is set against the root
mean square, and the limit is `comparison.tasks.similarity.collapsed_below` (one hundredth by default)."""

Found = Mapping[str, float]


def measures(given: Given[RepresentationRecipe]) -> list[Callable[[TrainedRepresentation], Found]]:
    """What held-out tiles say, if there are any."""
    if given.probe is not None:
        raise no_discriminator("a representation")
    if not len(given.held_out):
        return []
    if given.labels is not None:
        sites = ValidationSites(given, given.settings.validation_images)
        (tiles,) = sites.each(lambda crops: (crops,))
        return [HeldOut(torch.from_numpy(tiles).float(), torch.from_numpy(sites.right)).measure]
    most = min(given.settings.validation_images, max(2, len(given.held_out)))
    return [
        HeldOut(torch.cat(list(real_crops(given.stores, given.held_out, given.scale, given.settings, most)))).measure
    ]


class HeldOut:
    """Tiles that training never sees.

    Parameters
    ----------
    tiles : (n, c, y, x) on the networks' scale. right : (n,) classes, where there are labels.
    """

    def __init__(self, tiles: Tensor, right: Tensor | None = None) -> None:
        self._tiles, self._right = tiles, right

    @torch.no_grad()
    def measure(self, model: TrainedRepresentation) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        `held_out_spread` : standard deviation of codes over tiles, mean over the code's numbers.
        `collapsed` : 1 where all codes are the same but for `COLLAPSED` of their size, else 0; not the `collapsed` of the task of
            similarity.
        `held_out_reconstruction` : binary cross-entropy of pixels, where there is a decoder.
        `accuracy`, `precision`, `recall`, `held_out_classification` : of the head, where there is one; the last is
            cross-entropy. The positive class is the last one by name, drugs; of more than two classes the means over classes.
        `quality` : sum of the losses above; where there is none, how far apart the codes of a tile and of its mirror image are,
            over the distance between different tiles (squared, means): lower is better.
        """
        first = next(model.encoder.parameters())
        codes, losses, scores = [], [], []
        for part in self._tiles.split(PER_PASS):
            images = part.to(first)
            maps = model.encoder(as_embedded(unit(images), model.settings, model.scale))
            codes.append(maps.flatten(1).float())
            if isinstance(model, TrainedTileAutoencoder):
                made = model.decoder(maps).float()
                losses.append(
                    F.binary_cross_entropy_with_logits(made, unit(images), reduction="none").mean(dim=(1, 2, 3))
                )
            if isinstance(model, TrainedTileClassifier | TrainedRegularized):
                scores.append(model.head(maps).float())
        together = torch.cat(codes)
        spread, size = float(together.std(dim=0, correction=0).mean()), float(together.abs().mean())
        found = {"held_out_spread": spread, "collapsed": float(spread <= COLLAPSED * size)}
        if losses:
            found["held_out_reconstruction"] = float(torch.cat(losses).mean())
        if scores and self._right is not None:
            found |= told_apart(torch.cat(scores), self._right.to(first.device))
        of_losses = [found[name] for name in ("held_out_reconstruction", "held_out_classification") if name in found]
        return {**found, "quality": sum(of_losses) if of_losses else self._discord(model, together)}

    def _discord(self, model: TrainedRepresentation, codes: Tensor) -> float:
        """Squared distance of codes (n, d) from those of mirror images, over that from the next tile's; 1 after a collapse."""
        like = next(model.encoder.parameters())
        mirrored = torch.cat([model.codes(part.flip(3).to(like)).float() for part in self._tiles.split(PER_PASS)])
        own, other = (codes - mirrored).square().mean(), (codes - codes.roll(1, dims=0)).square().mean()
        return float(own / other) if float(other) > 0 else 1.0


def told_apart(scores: Tensor, right: Tensor) -> dict[str, float]:
    """Cross-entropy, accuracy, precision and recall of scores (n, classes) with the right classes (n,)."""
    table = np.zeros((scores.shape[1], scores.shape[1]))
    np.add.at(table, (right.cpu().numpy(), scores.argmax(dim=1).cpu().numpy()), 1)
    hits, wanted, given = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    recalls, precisions = hits / np.maximum(wanted, 1), hits / np.maximum(given, 1)
    recall, precision = (of[-1] if len(of) == 2 else of.mean() for of in (recalls, precisions))
    return {
        "held_out_classification": float(F.cross_entropy(scores, right)),
        "accuracy": float(hits.sum() / table.sum()),
        "precision": float(precision),
        "recall": float(recall),
    }
