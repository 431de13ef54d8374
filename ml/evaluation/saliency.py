"""Where in the picture the model saw what it answered, worked out from the bundle alone. Needs `onnx`, not torch.

Every network here ends in pooled feature maps and a linear layer. The share that each position of each map has in a
class's score is then exact: a class activation map (Zhou et al. 2016) for average pooling, and for maximum pooling
the position of the maximum. The shares of all positions and the bias add up to the score. A network that ends in
another way is asked instead what it says with a part of the picture covered (Zeiler and Fergus 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ml.backbones.sessions import cpu_session
from ml.bundle.familiarity import Matrix
from ml.bundle.predict import Predictor
from ml.training.transforms import CENTRE, Pixels, eval_picture

Evidence = NDArray[np.float32]

# Positions a side of the map that is shown, whatever the network's own maps have.
GRID = 14
_COVERED = 4  # of GRID positions a side: what is covered at once when asking by covering


@dataclass(frozen=True)
class Saliency:
    """`evidence` (GRID, GRID): how much each part of the picture, framed as the model sees it, speaks for class number
    `label`, in units of its score over the mean score of all classes; `method`: "class activation" or "covering".
    """

    label: int
    evidence: Evidence
    method: str
    framing: str = CENTRE


@dataclass(frozen=True)
class _Pooled:
    """One pooled feature map and the classifier's weights (channels, classes) for it."""

    name: str
    kind: str  # "average" or "maximum"
    weights: Matrix


class _NotLinearError(Exception):
    """The graph does not end in pooling and a linear layer."""


class Explainer:
    """A bundle's model with its last feature maps laid open."""

    def __init__(self, folder: Path | str) -> None:
        """Raises what `Predictor.load` raises."""
        self.predictor = Predictor.load(folder)
        model = onnx.load(str(Path(folder) / "model.onnx"))
        try:
            self._pooled = _pooled_maps(model)
        except _NotLinearError:
            self._pooled = []
            return
        known = {output.name for output in model.graph.output}
        names = dict.fromkeys(part.name for part in self._pooled)
        model.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in names
            if name not in known
        )
        self._session: ort.InferenceSession = cpu_session(model.SerializeToString())

    def explain(self, pixels: Pixels, label: int | None = None) -> Saliency:
        """Evidence for class number `label` (the answer, if None) in an upright RGB picture (h, w, 3)."""
        picture = self.predictor.preprocess.picture(pixels)
        framing = self.predictor.preprocess.framing
        batch = self.predictor.preprocess.batch([picture])
        if label is None:
            label = int(self.predictor.logits(batch)[0][0].argmax())
        if not self._pooled:
            return Saliency(label, self._by_covering(picture, label), "covering", framing)
        names = list(dict.fromkeys(part.name for part in self._pooled))
        maps = dict(zip(names, self._session.run(names, {"image": batch}), strict=True))
        total = np.zeros((GRID, GRID), np.float32)
        for part in self._pooled:
            # A score says something only beside the others': what speaks for all classes alike is left out.
            weights = part.weights[:, label] - part.weights.mean(1)
            total += _resized(_shares(maps[part.name][0], part.kind, weights))
        return Saliency(label, total, "class activation", framing)

    def _by_covering(self, picture: Pixels, label: int) -> Evidence:
        """Mean loss of score over all placements of a grey square that cover a position."""
        size = picture.shape[0]
        edges = np.linspace(0, size, GRID + 1).round().astype(int)
        grey = np.round(255 * np.array(self.predictor.preprocess.mean)).astype(np.uint8)
        whole = self._margin([picture], label)[0]
        total, times = np.zeros((GRID, GRID), np.float32), np.zeros((GRID, GRID), np.float32)
        for top in range(GRID - _COVERED + 1):
            covered, places = [], []
            for left in range(GRID - _COVERED + 1):
                copy = picture.copy()
                copy[edges[top] : edges[top + _COVERED], edges[left] : edges[left + _COVERED]] = grey
                covered.append(copy)
                places.append((slice(top, top + _COVERED), slice(left, left + _COVERED)))
            for place, margin in zip(places, self._margin(covered, label), strict=True):
                total[place] += whole - margin
                times[place] += 1
        return np.asarray(total / times / _COVERED**2, np.float32)

    def _margin(self, pictures: list[Pixels], label: int) -> Matrix:
        logits = self.predictor.logits(self.predictor.preprocess.batch(pictures))[0]
        return np.asarray(logits[:, label] - logits.mean(1), np.float32)


def overlay(pixels: Pixels, saliency: Saliency, size: int = 448) -> Pixels:
    """The picture as the model frames it (size, size, 3), with what speaks for the class in warm colours."""
    picture = eval_picture(pixels, size, saliency.framing)
    heat = np.maximum(saliency.evidence, 0)
    # A single hot spot must not leave all else dark.
    heat = np.minimum(heat / max(float(np.quantile(heat, 0.98)), 1e-9), 1)
    heat = cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = (0.65 * heat)[:, :, None]
    return np.asarray(picture * (1 - share) + colours * share, np.uint8)


def _shares(feature_map: Matrix, kind: str, weights: Matrix) -> Matrix:
    """Each position's part (h, w) of the weighted pooled map (c, h, w)."""
    channels, height, width = feature_map.shape
    if kind == "average":
        return np.asarray(np.tensordot(weights, feature_map, 1) / (height * width), np.float32)
    flat = feature_map.reshape(channels, -1)
    out = np.zeros(height * width, np.float32)
    # A maximum reached in several places is shared among them.
    reached = flat == flat.max(1, keepdims=True)
    np.add(out, ((weights * flat.max(1) / reached.sum(1)) @ reached), out=out)
    return out.reshape(height, width)


def _resized(shares: Matrix) -> Matrix:
    """Shares (h, w) spread over (GRID, GRID); their sum stays."""
    total = float(shares.sum())
    kind = cv2.INTER_AREA if shares.shape[0] > GRID else cv2.INTER_LINEAR
    spread = cv2.resize(shares, (GRID, GRID), interpolation=kind).astype(np.float32)
    spread *= shares.size / spread.size
    # Interpolation at the edges moves the sum a little.
    return np.asarray(spread + (total - float(spread.sum())) / spread.size, np.float32)


def _pooled_maps(model: onnx.ModelProto) -> list[_Pooled]:
    """The pooled maps behind `logits`, found by walking the graph back. _NotLinearError where there is more to it."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    producers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    widths = {}
    for value in [*graph.value_info, *graph.output]:
        sides = value.type.tensor_type.shape.dim
        widths[value.name] = sides[1].dim_value if len(sides) > 1 else 0
    return _Walk(producers, constants, widths).linear("logits", None)


class _Walk:
    """Back from the scores through whatever is linear."""

    def __init__(
        self,
        producers: dict[str, onnx.NodeProto],
        constants: dict[str, NDArray[np.generic]],
        widths: dict[str, int],
    ) -> None:
        self._producers = producers
        self._constants = constants
        self._widths = widths

    def linear(self, name: str, weights: Matrix | None) -> list[_Pooled]:
        """The maps whose pooled values, times `weights` (values, classes), make up `name`; None before any layer."""
        node = self._producers.get(name)
        if node is None:
            raise _NotLinearError(f"{name} is computed by nothing")
        kind = node.op_type
        if kind in ("Gemm", "MatMul") and weights is None:
            return self.linear(node.input[0], self._matrix(node))
        if kind == "Add" and weights is None:
            given = [part for part in node.input if part not in self._constants]
            if len(given) == 1:
                return self.linear(given[0], None)
        if weights is not None:
            if kind in ("Flatten", "Reshape", "Squeeze", "Identity"):
                return self.linear(node.input[0], weights)
            if kind == "Concat":
                return self._concatenated(node, weights)
            if kind in _POOLS and self._pools_all(node):
                return [_Pooled(node.input[0], _POOLS[kind], weights)]
        raise _NotLinearError(f"{name} is computed by {kind}")

    def _matrix(self, node: onnx.NodeProto) -> Matrix:
        if node.input[1] not in self._constants:
            raise _NotLinearError(f"{node.name} multiplies by what it computed")
        weights = np.asarray(self._constants[node.input[1]], np.float32)
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if settings.get("transA", 0) or settings.get("alpha", 1.0) != 1.0:
            raise _NotLinearError(f"{node.name} does more than multiply")
        return np.asarray(weights.T if settings.get("transB", 0) else weights, np.float32)

    def _concatenated(self, node: onnx.NodeProto, weights: Matrix) -> list[_Pooled]:
        """Each part takes its share of the weights, in order."""
        found: list[_Pooled] = []
        start = 0
        for name in node.input:
            width = self._widths.get(name, 0)
            found += self.linear(name, weights[start : start + width])
            start += width
        if start != len(weights):
            raise _NotLinearError("the parts do not fit the weights")
        return found

    def _pools_all(self, node: onnx.NodeProto) -> bool:
        """Whether a node pools over both sides of the map and nothing else."""
        if node.op_type.startswith("Global"):
            return True
        axes = [list(attribute.ints) for attribute in node.attribute if attribute.name == "axes"]
        if not axes and len(node.input) > 1:
            axes = [np.asarray(self._constants.get(node.input[1], [])).ravel().tolist()]
        return bool(axes) and {axis % 4 for axis in axes[0]} == {2, 3}


_POOLS = {
    "GlobalAveragePool": "average",
    "ReduceMean": "average",
    "GlobalMaxPool": "maximum",
    "ReduceMax": "maximum",
}
