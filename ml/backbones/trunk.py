"""ONNX trunks: the pretrained network as one file per backbone, and the parts cut out of it. Never imports
torch.

The master file has one output per block and one for the head (`block0` … `block6`, `head`), for any batch
and any side that is a multiple of 32. It is made once by a subprocess, because importing torch and
exporting take many seconds and much memory that the embedding process does not need.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor

from ml.backbones.registry import Backbone, backbone
from ml.backbones.sessions import cpu_session
from ml.backbones.weights import find_weights
from ml.durable import make_folder, write_atomic
from ml.store import Store

log = logging.getLogger(__name__)

# Operator, inputs, output, attributes of a node.
Step = tuple[str, list[str], str, dict[str, Any]]

# Part of every cache key: raise it when the graph or its outputs change meaning.
TRUNK_VERSION = 1


class TrunkError(Exception):
    """The trunk could not be made; the message carries the exporter's last words."""


@dataclass(frozen=True)
class Trunk:
    """A master file on disk, with the hash of the weights inside."""

    backbone: Backbone
    path: Path
    weights_sha256: str

    def load(self) -> onnx.ModelProto:
        """The whole graph in memory."""
        return onnx.load(str(self.path))


def trunk(store: Store, name: str) -> Trunk:
    """The trunk of backbone `name`, made now if this is the first time (about 20 s).

    Raises WeightsMissingError or WeightsCorruptError (see `weights`), TrunkError where the export fails.
    """
    info = backbone(name)
    if not info.blocks:
        raise TrunkError(f"{info.title} is not offered as a frozen trunk")
    weights = find_weights(store, name)
    folder = store.cache / "trunks"
    path = folder / f"{name}-{weights.sha256[:16]}-v{TRUNK_VERSION}.onnx"
    if not _is_whole(path):
        make_folder(folder)
        with path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits here, then finds the file
            if not _is_whole(path):
                _export(weights.path, name, path)
    return Trunk(info, path, weights.sha256)


def _is_whole(path: Path) -> bool:
    try:
        note = json.loads(path.with_suffix(".json").read_text())
        with path.open("rb") as file:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() == note["sha256"])
    except (OSError, ValueError, KeyError):
        return False


def _export(weights: Path, name: str, path: Path) -> None:
    log.info("exporting the trunk of %s, once for this machine", name)
    aside = path.with_name(f".{path.name}.aside")
    command = [sys.executable, "-m", "ml.backbones.export", "--backbone", name, "--weights", str(weights)]
    package_root = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package_root, os.environ.get("PYTHONPATH", "")]),
    }
    try:
        ended = subprocess.run(
            [*command, "--out", str(aside)], capture_output=True, text=True, env=environment, check=False
        )
        if ended.returncode:
            last_words = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
            raise TrunkError(f"the trunk of {name} could not be exported: {' '.join(last_words)}")
        data = aside.read_bytes()
        write_atomic(path, data)
        note = {"sha256": hashlib.sha256(data).hexdigest(), "backbone": name, "version": TRUNK_VERSION}
        write_atomic(path.with_suffix(".json"), json.dumps(note).encode())
    finally:
        aside.unlink(missing_ok=True)


def pooled_model(source: Trunk, *, textured: bool = False) -> onnx.ModelProto:
    """`image` -> `features` (n, pooled_width, or textured_width) and `embedding` (n, embedding), its first columns.

    The features are: average of the head (the embedding), average of each pooled block, maximum of the
    head, maximum of each pooled block; if `textured`, then the covariances of each textured block's channels over the
    positions, the upper triangle row by row.
    """
    info = source.backbone
    names = ["head", *(f"block{block}" for block in info.pooled)]
    read = info.textured if textured else ()
    model = cut(source.load(), list(dict.fromkeys([*names, *(f"block{block}" for block in read)])))
    nodes, parts = [], []
    for kind in ("GlobalAveragePool", "GlobalMaxPool"):
        for name in names:
            pooled, flat = f"{name}_{kind}", f"{name}_{kind}_flat"
            nodes.append(helper.make_node(kind, [name], [pooled]))
            nodes.append(helper.make_node("Flatten", [pooled], [flat], axis=1))
            parts.append(flat)
    parts += [_add_covariances(model, nodes, f"block{block}", info.blocks[block]) for block in read]
    nodes.append(helper.make_node("Identity", [parts[0]], ["embedding"]))
    nodes.append(helper.make_node("Concat", parts, ["features"], axis=1))
    model.graph.node.extend(nodes)
    width = info.textured_width if textured else info.pooled_width
    set_outputs(model, {"features": width, "embedding": info.embedding})
    return model


def _add_covariances(model: onnx.ModelProto, nodes: list[onnx.NodeProto], name: str, channels: int) -> str:
    """Nodes from the map `name` (n, c, h, w) to its covariances (n, c (c + 1) / 2); the name of these."""
    upper = np.flatnonzero(np.triu(np.ones((channels, channels), np.bool_)))
    constants = {
        "rows": np.array([0, 0, -1], np.int64),
        "square": np.array([0, channels * channels], np.int64),
        "last": np.array([2], np.int64),
        "upper": upper.astype(np.int64),
    }
    for key, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(value, f"{name}_texture_{key}"))
    steps: list[Step] = [
        ("Reshape", [name, ":rows"], ":flat", {}),
        ("ReduceMean", [":flat", ":last"], ":mean", {"keepdims": 1}),
        ("Sub", [":flat", ":mean"], ":centred", {}),
        ("Transpose", [":centred"], ":turned", {"perm": [0, 2, 1]}),
        ("MatMul", [":centred", ":turned"], ":products", {}),
        ("Shape", [":centred"], ":count", {"start": 2}),
        ("Cast", [":count"], ":number", {"to": TensorProto.FLOAT}),
        ("Div", [":products", ":number"], ":matrix", {}),
        ("Reshape", [":matrix", ":square"], ":row", {}),
        ("Gather", [":row", ":upper"], ":covariances", {"axis": 1}),
    ]
    nodes += nodes_of(steps, f"{name}_texture_")
    return f"{name}_texture_covariances"


def nodes_of(steps: Iterable[Step], prefix: str) -> list[onnx.NodeProto]:
    """A node for each step; names that begin with a colon are the chain's own and get `prefix` instead of it."""

    def named(name: str) -> str:
        return prefix + name[1:] if name.startswith(":") else name

    return [
        helper.make_node(kind, [named(one) for one in inputs], [named(output)], **attributes)
        for kind, inputs, output, attributes in steps
    ]


def block_model(source: Trunk, block: int) -> onnx.ModelProto:
    """`image` -> `block<k>`: the feature map after that block."""
    return cut(source.load(), [f"block{block}"])


def cut(model: onnx.ModelProto, outputs: list[str]) -> onnx.ModelProto:
    """The part of the graph between `image` and `outputs`."""
    return Extractor(model).extract_model(["image"], outputs)


def set_outputs(model: onnx.ModelProto, widths: dict[str, int]) -> None:
    """Replace the graph's outputs by float matrices (n, width)."""
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in widths.items()
    )


def session(model: onnx.ModelProto, threads: int = 0) -> ort.InferenceSession:
    """A CPU session for a graph in memory; see `cpu_session`."""
    return cpu_session(model.SerializeToString(), threads)
