"""Embeddings of folds: takes a store and the models of a question's folds, makes one table whose rows are (scheme, fold, site).

A model embeds what its fold needs: its training and test wells; where profiles are standardised by plate, all wells of their
plates.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Dataset, EmbeddingsSettings
from gandl.embeddings.bit_depth import check_bit_depth
from gandl.embeddings.embed import checked
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.imagenet.collapsed import CollapsedFeaturizer
from gandl.embeddings.metadata import FEATURE_NAMES, FeatureWriter
from gandl.embeddings.view import view_of
from gandl.images.store_reader import ImageStore
from gandl.models.folds.loading import load_folds
from gandl.models.folds.manifest import Folds
from gandl.models.networks.imagenet.pretrained import content_of, dim_of, load_pretrained
from gandl.source.fold_labels import FoldOf
from gandl.source.schemes import Question
from gandl.tables import FOLD_EMBEDDINGS, SITES, SPLITS, read_table
from gandl.workflow.words import counted

BY_PLATE = (Question.CONTROLS,)
"""Questions whose profiles are standardised plate by plate."""
BYTES_AT_ONCE = 2**28

logger = logging.getLogger(__name__)


def embed_folds(
    store: Path,
    manifest: Path,
    sites: Path,
    splits: Path,
    output: Path,
    settings: EmbeddingsSettings,
    dataset: Dataset,
    *,
    pretrained: Path | None = None,
    device: str = "cpu",
) -> None:
    """Embed the sites of a store with the model of every fold that needs them.

    Parameters
    ----------
    store : `<store_id>.zarr`.
    manifest : of a question's models (`gandl.models.folds`). sites, splits : of the store's screen.
    output : parquet (`tables.FOLD_EMBEDDINGS`), a row group per fold.
    pretrained : weights of the network of `settings.imagenet`, as published; None: those that come with a package.

    Raises
    ------
    EmbeddingError : other channels, another network or other weights of it, pixel size or bit depth than in training, or a
        split of which the manifest knows nothing.
    gandl.models.folds.manifest.FoldsError : models are missing or not those of the manifest.
    """
    images = ImageStore(Path(store))
    folds = Folds.read(manifest)
    known = read_table(Path(sites), SITES)
    known = known[known["site_id"].isin(images.site_ids)]
    needed = dict(_needed(images, folds.question, folds, known, read_table(Path(splits), SPLITS), str(splits)))
    models = load_folds(manifest, only=needed.keys())
    network = load_pretrained(settings.imagenet.network, pretrained)
    if device != "cpu":
        network = network.to(device)
    dim = dim_of(network.name)
    names = [f"feature_{i}" for i in range(dim)]
    featurizers = {fold: CollapsedFeaturizer(model, network, settings) for fold, model in models.items()}
    for (scheme, fold), model in models.items():
        if model.settings.imagenet != network.name:
            raise EmbeddingError(
                f"the model of {scheme}, fold {fold} was trained before {model.settings.imagenet}, but "
                f"embeddings.imagenet.network is {network.name}: train it again"
            )
    if content_of(network.name, pretrained) != folds.pretrained:
        raise EmbeddingError(
            f"the models of {manifest} were trained before other ImageNet weights of {network.name} than those given "
            f"({pretrained or 'of its package'}): train them again"
        )
    about = {FEATURE_NAMES: json.dumps(names), "featurizer": CollapsedFeaturizer.name.value, "dataset": str(dataset)}
    logger.info("%s: %s", images.store_id, counted(len(needed), "fold"))
    with FeatureWriter(Path(output), FOLD_EMBEDDINGS, about) as writer:
        for (scheme, fold), positions in needed.items():
            vectors = _embed(images, featurizers[scheme, fold], positions, settings, dataset)
            writer.write(_as_frame(scheme, fold, images.index["site_id"].to_numpy()[positions], vectors, names))
        if not needed:
            nothing = np.empty((0, dim), np.float32)
            writer.write(_as_frame("", "", np.empty(0, object), nothing, names))


def _needed(
    images: ImageStore, question: Question, folds: Folds, sites: pd.DataFrame, splits: pd.DataFrame, where: str
) -> Iterator[tuple[tuple[str, str], npt.NDArray[np.int64]]]:
    """Positions of the sites that each fold needs of a store; nothing of folds that need none."""
    position = pd.Index(images.site_ids)
    for fold in folds.folds:
        of = FoldOf(question, fold.scheme, fold.fold)
        wells = of.wells(splits, "train") | of.wells(splits, "test")
        if not wells:
            raise EmbeddingError(f"{where} has no {of}, for which a model was trained: train the models again")
        mine = sites["well_id"].isin(wells)
        if question in BY_PLATE:
            mine = sites["plate_id"].isin(sites.loc[mine, "plate_id"])
        if mine.any():
            found = position.get_indexer(pd.Index(sites.loc[mine, "site_id"]))
            yield (fold.scheme, fold.fold), np.sort(found).astype(np.int64)


def _embed(
    images: ImageStore,
    featurizer: CollapsedFeaturizer,
    positions: npt.NDArray[np.int64],
    settings: EmbeddingsSettings,
    dataset: Dataset,
) -> npt.NDArray[np.float32]:
    """Vectors (n, dim) of some sites of a store."""
    view = view_of(images, featurizer, settings, dataset)
    check_bit_depth(images, featurizer, view)
    at_once = featurizer.sites_at_once(*view.sides(images), max(1, BYTES_AT_ONCE // view.bytes_per_site(images)))
    ids = images.index["site_id"].to_numpy()
    blocks = [positions[start : start + at_once] for start in range(0, len(positions), at_once)]
    vectors = [featurizer.embed(view.of(images.sites(block, view.resolution))) for block in blocks]
    return np.concatenate(
        [checked(of_some, ids[block], featurizer) for of_some, block in zip(vectors, blocks, strict=True)]
    )


def _as_frame(
    scheme: str, fold: str, site_ids: npt.NDArray[np.object_], vectors: npt.NDArray[np.float32], names: Sequence[str]
) -> pd.DataFrame:
    frame = pd.DataFrame({"scheme": scheme, "fold": fold, "site_id": site_ids})
    return pd.concat([frame, pd.DataFrame(vectors, columns=list(names), copy=False)], axis=1)
