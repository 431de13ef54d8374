"""Torch networks to ONNX. Run as a program it makes a trunk: `python -m ml.backbones.export`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from ml.backbones.networks import LiteTrunk, lite
from ml.backbones.registry import REGISTRY


def export_onnx(network: nn.Module, size: int, outputs: list[str], path: Path) -> None:
    """Write `network` as one ONNX file with input `image` (n, 3, size, size) and a free batch.

    `external_data=False`: the default writes a second file that is lost on renaming.
    """
    network = network.to("cpu").eval()
    batch = torch.export.Dim("n")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, size, size),),
            str(path),
            dynamo=True,
            external_data=False,
            input_names=["image"],
            output_names=outputs,
            dynamic_shapes=({0: batch},),
            verbose=False,
        )


def free_sides(model: onnx.ModelProto) -> None:
    """Let a purely convolutional graph take any side that is a multiple of 32.

    The SAME padding of a stride-2 layer is the same for every even side, so the constants stay right.
    """
    kinds = {node.op_type for node in model.graph.node}
    if not kinds <= {"Conv", "Clip", "Add", "Pad", "Constant", "Identity"}:
        raise ValueError(f"the graph is not purely convolutional: {sorted(kinds)}")
    for value in [*model.graph.input, *model.graph.output]:
        sides = value.type.tensor_type.shape.dim
        for axis in (2, 3):
            sides[axis].dim_param = f"side{axis}_{sides[axis].dim_value}"
    del model.graph.value_info[:]


def main(arguments: list[str] | None = None) -> int:
    """Export the trunk of one backbone."""
    parser = argparse.ArgumentParser(description="Export a pretrained trunk to ONNX.")
    parser.add_argument(
        "--backbone", required=True, choices=[info.name for info in REGISTRY.values() if info.blocks]
    )
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args(arguments)
    names = [*(f"block{block}" for block in range(len(REGISTRY[given.backbone].blocks))), "head"]
    export_onnx(LiteTrunk(lite(given.backbone, given.weights)), 224, names, given.out)
    model = onnx.load(str(given.out))
    free_sides(model)
    onnx.save(model, str(given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
