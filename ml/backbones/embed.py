"""Embeddings and multi-level features of photos, computed once and kept by content. Never imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.backbones.pipeline import Photo, Progress, infer, read_pixels
from ml.backbones.registry import backbone
from ml.backbones.shards import ShardCache
from ml.backbones.trunk import TRUNK_VERSION, Trunk, pooled_model, session, trunk
from ml.backbones.weights import find_weights
from ml.store import Store
from ml.training.transforms import CENTRE, PREPROCESS_VERSION, Pixels, Preprocess, flip, train_picture

DEFAULT_BACKBONE = "efficientnet_lite0"
DEFAULT_SIZE = 224
_SHARD_ROWS = 512

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """How photos are looked at: side in pixels, framing, mirrored or not, or the number of a random crop (0: none);
    and whether textures are told apart.
    """

    size: int
    framing: str = CENTRE
    mirrored: bool = False
    crop: int = 0
    textured: bool = False


def embed_images(
    store: Store,
    sha256s: Sequence[str],
    progress: Progress | None = None,
    *,
    backbone_name: str = DEFAULT_BACKBONE,
    size: int = DEFAULT_SIZE,
) -> Matrix:
    """Embeddings (n, 1280) float32 of stored photos, in order; what the cache lacks is computed and kept.

    `progress(done, total)` counts what had to be computed. Raises UnreadablePhotoError, WeightsMissingError,
    TrunkError.
    """
    photos = [Photo(sha256) for sha256 in sha256s]
    width = backbone(backbone_name).embedding
    return pooled_features(store, photos, progress, backbone_name, size, columns=slice(0, width))


def pooled_features(
    store: Store,
    photos: Sequence[Photo],
    progress: Progress | None = None,
    backbone_name: str = DEFAULT_BACKBONE,
    size: int = DEFAULT_SIZE,
    *,
    mirrored: bool = False,
    crop: int = 0,
    framing: str = CENTRE,
    textured: bool = False,
    columns: slice = slice(None),
) -> Matrix:
    """Multi-level features (n, 3968) float32 of photos, or only `columns`; the first 1280 are the embedding. If
    `textured`, covariances follow; see `trunk.pooled_model`.

    `mirrored` gives those of the pictures mirrored left to right, `crop` k those of each photo's k-th random crop (from
    1, decided by the photo and k alone). Cached like embeddings; see `embed_images`.
    """
    cache = feature_cache(store, backbone_name, size, framing, textured=textured)
    keys = [_key(photo, mirrored, crop) for photo in photos]
    places = cache.missing(keys)
    if places:
        todo = [photos[place] for place in places]
        look = Look(size, framing, mirrored, crop, textured)
        fill_cache(trunk(store, backbone_name), cache, store, todo, look, progress)
    return cache.read(keys, columns)


def feature_cache(
    store: Store, backbone_name: str, size: int, framing: str = CENTRE, *, textured: bool = False
) -> ShardCache:
    """The cache of that backbone's multi-level features for pictures of side `size`, framed so."""
    info = backbone(backbone_name)
    weights = find_weights(store, backbone_name).sha256[:16]
    name = f"pooled-{backbone_name}-{weights}-t{TRUNK_VERSION}-p{PREPROCESS_VERSION}-{size}"
    if framing != CENTRE:
        name += f"-{framing}"
    if textured:
        name += "-textured"
    return ShardCache(store.cache / "features" / name, info.textured_width if textured else info.pooled_width)


def fill_cache(
    source: Trunk,
    cache: ShardCache,
    store: Store,
    photos: list[Photo],
    look: Look,
    progress: Progress | None = None,
) -> None:
    """Compute the features of `photos` into `cache`, shard by shard: an interruption loses little."""
    info = source.backbone
    preprocess = Preprocess(look.size, info.mean, info.std, look.framing)

    def load(photo: Photo) -> Pixels:
        pixels = read_pixels(store, photo)
        if not look.crop:
            return flip(preprocess.picture(pixels), look.mirrored, False)
        rng = np.random.default_rng([look.crop, int(photo.sha256[:12], 16)])
        return train_picture(pixels, look.size, rng, "crops_flips", look.framing)

    keys: list[bytes] = []
    rows: list[Matrix] = []
    model = session(pooled_model(source, textured=look.textured))
    run = infer(model, ["features"], photos, load, preprocess, progress)
    for places, (features,) in run:
        keys += [_key(photo, look.mirrored, look.crop) for photo in photos[places]]
        rows.append(features)
        if len(keys) >= _SHARD_ROWS:
            cache.write(keys, np.concatenate(rows))
            keys, rows = [], []
    if keys:
        cache.write(keys, np.concatenate(rows))


def _key(photo: Photo, mirrored: bool, crop: int) -> bytes:
    """32 bytes that name the photo as the network sees it; a photo mirrored twice is the photo."""
    horizontal, vertical = photo.flips
    if crop:
        return hashlib.sha256(f"{photo.sha256} {horizontal:d}{vertical:d} crop {crop}".encode()).digest()
    horizontal ^= mirrored
    if not horizontal and not vertical:
        return bytes.fromhex(photo.sha256)
    return hashlib.sha256(f"{photo.sha256} {horizontal:d}{vertical:d}".encode()).digest()
