"""The probes' networks without torch: the trunk's graph and what follows it joined with `onnx`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ml.backbones.trunk import Step, Trunk, nodes_of, pooled_model, set_outputs

Matrix = NDArray[np.float32]


def join_probe(
    source: Trunk, weights: NDArray[np.float32], bias: NDArray[np.float32], size: int
) -> onnx.ModelProto:
    """`image` (n, 3, size, size) -> `logits` (n, c), `embedding` (n, 1280).

    `weights` (3968, c) and `bias` (c,) act on the unscaled multi-level features.
    """
    model = pooled_model(source)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.ascontiguousarray(weights, np.float32), "probe_weights"),
            numpy_helper.from_array(np.ascontiguousarray(bias, np.float32), "probe_bias"),
        ]
    )
    model.graph.node.append(helper.make_node("Gemm", ["features", "probe_weights", "probe_bias"], ["logits"]))
    return _finished(model, source, weights.shape[1], size)


@dataclass(frozen=True)
class KernelHead:
    """What turns pooled features (n, d) into logits (n, c); see `ml.training.kernel`.

    `mean`, `deviation` (d,), `components` (d, k), `centres` (m, k), `coefficients` (m, c), `bias` (c,).
    """

    mean: Matrix
    deviation: Matrix
    components: Matrix
    centres: Matrix
    coefficients: Matrix
    bias: Matrix
    gamma: float


def join_kernel(source: Trunk, head: KernelHead, size: int) -> onnx.ModelProto:
    """`image` (n, 3, size, size) -> `logits` (n, c), `embedding` (n, 1280)."""
    model = pooled_model(source, textured=len(head.mean) == source.backbone.textured_width)
    # The scaling is folded into the components, and |x - y|^2 into |x|^2 + |y|^2 - 2 xy.
    components = head.components / head.deviation[:, None]
    values = {
        "components": components,
        "shift": -(head.mean @ components),
        "twice_centres": 2 * head.gamma * head.centres.T,
        "centre_squares": head.gamma * (head.centres * head.centres).sum(1),
        "coefficients": head.coefficients,
        "bias": head.bias,
        "minus_gamma": np.array([-head.gamma]),
        "axis": np.array([1], np.int64),
    }
    for name, value in values.items():
        kind = value.dtype if value.dtype == np.int64 else np.float32
        model.graph.initializer.append(
            numpy_helper.from_array(np.ascontiguousarray(value, kind), f"kernel_{name}")
        )
    steps: list[Step] = [
        ("Sign", ["features"], ":sign", {}),
        ("Abs", ["features"], ":size", {}),
        ("Sqrt", [":size"], ":root", {}),
        ("Mul", [":sign", ":root"], ":signed", {}),
        ("Gemm", [":signed", ":components", ":shift"], ":seen", {}),
        ("MatMul", [":seen", ":twice_centres"], ":products", {}),
        ("ReduceSumSquare", [":seen", ":axis"], ":own_squares", {}),
        ("Mul", [":own_squares", ":minus_gamma"], ":minus_own", {}),
        ("Add", [":products", ":minus_own"], ":nearly", {}),
        ("Sub", [":nearly", ":centre_squares"], ":exponent", {}),
        ("Exp", [":exponent"], ":kernel", {}),
        ("Gemm", [":kernel", ":coefficients", ":bias"], "logits", {}),
    ]
    model.graph.node.extend(nodes_of(steps, "kernel_"))
    return _finished(model, source, len(head.bias), size)


def _finished(model: onnx.ModelProto, source: Trunk, classes: int, size: int) -> onnx.ModelProto:
    set_outputs(model, {"logits": classes, "embedding": source.backbone.embedding})
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    onnx.checker.check_model(model)
    return model
