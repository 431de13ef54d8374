"""`python -m ml bench`: how fast the engine is on this machine, beside the bare libraries below it."""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.cli import shared

if TYPE_CHECKING:
    from ml.backbones.pipeline import Photo
    from ml.store import Store


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure decoding, inference and embedding",
        description="Prints one JSON object of photos per second: decoding, bare onnxruntime over "
        "ready batches, and embedding (decode, resize, inference, cache) with its ratio to the bare loop, "
        "median of the rounds.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="a folder of photos")
    parser.add_argument("--photos", type=int, default=320, metavar="N", help="how many photos a round (320)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds, interleaved (3)")
    shared.add_store(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print one JSON object; the exit code."""
    from ml.backbones.pipeline import Photo

    paths = sorted(
        path for path in args.data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    )
    paths = paths[: max(args.photos, 32)]
    if not paths:
        shared.say("bench", f"{args.data} holds no photos")
        return shared.BAD_INPUT
    photos = [Photo(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)) for path in paths]
    shared.answer(measure(shared.open_store(args), photos, max(args.rounds, 1)))
    return 0


def measure(store: Store, photos: list[Photo], rounds: int) -> dict[str, Any]:
    """Photos per second of each kind of work; rounds are interleaved, so that drift hits all alike."""
    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, Look, fill_cache
    from ml.backbones.pipeline import batches, read_pixels
    from ml.backbones.registry import backbone
    from ml.backbones.sessions import cpu_count
    from ml.backbones.shards import ShardCache
    from ml.backbones.trunk import pooled_model, session, trunk
    from ml.training.transforms import Preprocess, eval_picture

    source = trunk(store, DEFAULT_BACKBONE)
    info = backbone(DEFAULT_BACKBONE)
    preprocess = Preprocess(DEFAULT_SIZE, info.mean, info.std)
    ready = [
        batch
        for _, batch in batches(
            photos, lambda photo: eval_picture(read_pixels(store, photo), DEFAULT_SIZE), preprocess
        )
    ]
    bare = session(pooled_model(source))

    def infer() -> None:
        for batch in ready:
            bare.run(["features"], {"image": batch})

    def embed() -> None:
        with tempfile.TemporaryDirectory() as folder:
            cache = ShardCache(Path(folder), info.pooled_width)
            fill_cache(source, cache, store, photos, Look(DEFAULT_SIZE))

    def decode() -> None:
        for photo in photos:
            read_pixels(store, photo)

    work: dict[str, Callable[[], None]] = {"decode": decode, "onnxruntime": infer, "embedding": embed}
    infer()  # memory is laid out during the first run
    rates = _interleaved(work, len(photos), rounds)
    ratios = [mine / theirs for mine, theirs in zip(rates["embedding"], rates["onnxruntime"], strict=True)]
    medians = {f"{name}_per_second": round(statistics.median(values), 1) for name, values in rates.items()}
    return {
        "photos": len(photos),
        "threads": cpu_count(),
        **medians,
        "embedding_to_onnxruntime": round(statistics.median(ratios), 3),
    }


def _interleaved(work: dict[str, Callable[[], None]], photos: int, rounds: int) -> dict[str, list[float]]:
    """Photos per second of each kind of work in each round."""
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, do in work.items():
            began = time.perf_counter()
            do()
            rates[name].append(photos / (time.perf_counter() - began))
    return rates
