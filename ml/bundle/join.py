"""The probe's network without torch: the trunk's graph and a Gemm joined with `onnx`."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ml.backbones.trunk import Trunk, pooled_model, set_outputs


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
    set_outputs(model, {"logits": weights.shape[1], "embedding": source.backbone.embedding})
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    onnx.checker.check_model(model)
    return model
