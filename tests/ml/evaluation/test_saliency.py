"""Where the heat lies, on pictures in which the place of the thing is known."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ml.evaluation.saliency import GRID, Explainer, overlay
from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.specs import make_spec
from ml.training.train import train
from ml.training.transforms import eval_picture
from tests.ml.worlds import ml, reseal, store_with_trunk

SIDE = 160
THINGS = ("disc", "stripes", "cross")


def draw(thing: str, seed: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """A thing of 56 pixels somewhere on a mottled ground, and its (top, left, side)."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(90, 160, (10, 10, 3), np.uint8)
    picture = cv2.resize(ground, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    side = 56
    top, left = rng.integers(4, SIDE - side - 4, 2)
    patch = picture[top : top + side, left : left + side]
    if thing == "disc":
        cv2.circle(patch, (side // 2, side // 2), side // 2 - 1, (200, 40, 40), -1)
    elif thing == "stripes":
        patch[:] = 230
        patch[:, (np.arange(side) // 6) % 2 == 0] = 20
    else:
        cv2.line(patch, (4, 4), (side - 4, side - 4), (30, 60, 210), 12)
        cv2.line(patch, (4, side - 4), (side - 4, 4), (30, 60, 210), 12)
    return picture, (int(top), int(left), side)


@pytest.fixture(scope="module")
def drawn_run(tmp_path_factory, trunks):
    """A probe that tells the three things apart, trained on 20 pictures of each."""
    root = tmp_path_factory.mktemp("drawn")
    items = []
    for number, thing in enumerate(THINGS):
        for place in range(24):
            picture, _ = draw(thing, 1000 * number + place)
            path = root / f"{thing}-{place}.png"
            cv2.imwrite(str(path), picture[:, :, ::-1])
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            split = "val" if place < 2 else "test" if place < 4 else "train"
            items.append(Item(digest, thing, split, len(items), path=str(path)))
    manifest = Manifest("drawn", Plan(), tuple(ClassInfo(thing) for thing in THINGS), tuple(items))
    train(
        manifest,
        make_spec("linear_probe", {"size": "160"}),
        root / "run",
        store_with_trunk(root / "store", trunks),
    )
    return root / "run"


def heat_ratio(evidence: np.ndarray, place: tuple[int, int, int]) -> float:
    """Mean positive evidence per pixel inside the thing over that outside."""
    heat = cv2.resize(np.maximum(evidence, 0), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    top, left, side = place
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top : top + side, left : left + side] = True
    return float(heat[inside].mean() / heat[~inside].mean())


def test_the_heat_lies_on_the_thing(drawn_run):
    explainer = Explainer(drawn_run / "bundle")
    ratios = []
    for number, thing in enumerate(THINGS):
        for seed in range(6):
            picture, place = draw(thing, 77_000 + 100 * number + seed)
            saliency = explainer.explain(picture)
            assert saliency.method == "class activation"
            if explainer.predictor.labels[saliency.label].key == thing:
                ratios.append(heat_ratio(saliency.evidence, place))
    assert len(ratios) >= 14  # of 18
    assert np.median(ratios) > 2
    assert np.mean(np.array(ratios) > 1.3) > 0.85


def test_evidence_and_a_constant_add_up_to_the_score_over_the_mean(probe_world):
    explainer = Explainer(probe_world.run / "bundle")
    constants = []
    for seed in range(3):
        picture = np.random.default_rng(seed).integers(0, 255, (96, 128, 3), np.uint8)
        batch = explainer.predictor.preprocess.batch([eval_picture(picture, 96)])
        logits = explainer.predictor.logits(batch)[0][0]
        saliency = explainer.explain(picture, 1)
        assert saliency.evidence.shape == (GRID, GRID)
        constants.append(logits[1] - logits.mean() - saliency.evidence.sum())
    # The constant is the bias: the same for every picture.
    assert np.ptp(constants) < 1e-3 * max(1, abs(constants[0]))


def test_a_tail_that_adds_to_a_kernel_probe_is_asked_by_covering(tail_world):
    """A kernel is no sum of shares, so the linear part alone would tell half of the answer as if it were all."""
    explainer = Explainer(tail_world.run / "bundle")
    picture = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    assert explainer.explain(picture, 1).method == "covering"


def test_a_network_that_ends_in_another_way_is_asked_by_covering(drawn_run, tmp_path):
    """Scores through a hyperbolic tangent: no sum of shares any more."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for path in (drawn_run / "bundle").iterdir():
        (bundle / path.name).write_bytes(path.read_bytes())
    model = onnx.load(str(bundle / "model.onnx"))
    for node in model.graph.node:
        node.output[:] = ["raw" if name == "logits" else name for name in node.output]
    model.graph.node.append(helper.make_node("Tanh", ["raw"], ["squashed"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(8), "eight"))
    model.graph.node.append(helper.make_node("Mul", ["squashed", "eight"], ["logits"]))
    onnx.save(model, str(bundle / "model.onnx"))
    reseal(bundle)
    explainer = Explainer(bundle)
    picture, place = draw("stripes", 77_200)
    saliency = explainer.explain(picture, THINGS.index("stripes"))
    assert saliency.method == "covering"
    assert heat_ratio(saliency.evidence, place) > 1.5


def test_maxima_are_credited_to_where_they_are():
    """One class counts the brightest red anywhere: all evidence lies on the single red pixel."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalMaxPool", ["image"], ["top"]),
            helper.make_node("Flatten", ["top"], ["embedding"]),
            helper.make_node("MatMul", ["embedding", "weights"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["logits"]),
        ],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 28, 28])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3]),
        ],
        [
            numpy_helper.from_array(np.array([[2, 0], [0, 0], [0, 0]], np.float32), "weights"),
            numpy_helper.from_array(np.zeros(2, np.float32), "bias"),
        ],
    )
    from ml.evaluation.saliency import _pooled_maps, _shares

    (pooled,) = _pooled_maps(helper.make_model(graph))
    assert (pooled.name, pooled.kind, pooled.weights.shape) == ("image", "maximum", (3, 2))
    image = np.zeros((3, 28, 28), np.float32)
    image[0, 5, 9] = 1
    shares = _shares(image, "maximum", pooled.weights[:, 0])
    assert shares[5, 9] == 2
    assert shares.sum() == 2


def test_the_command_tells_and_paints(drawn_run, tmp_path):
    picture, _ = draw("disc", 77_000)
    cv2.imwrite(str(tmp_path / "disc.png"), picture[:, :, ::-1])
    words = ["explain", drawn_run / "bundle", tmp_path / "disc.png"]
    answer = json.loads(ml(*words, "--out", tmp_path / "heat.png").stdout)
    assert set(answer) == {"path", "label", "probability", "method", "evidence", "out"}
    assert len(answer["evidence"]) == len(answer["evidence"][0]) == GRID
    painted = cv2.imread(str(tmp_path / "heat.png"))
    assert painted.shape == (448, 448, 3)
    plain = overlay(picture, dataclasses.replace(Explainer(drawn_run / "bundle").explain(picture)))
    assert np.abs(painted[:, :, ::-1].astype(int) - plain).max() <= 2
    other = json.loads(ml(*words, "--label", "cross").stdout)
    assert other["label"] == "cross"
    assert other["evidence"] != answer["evidence"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{run}/none", "{tmp}/x.png"], "is no bundle"),
        (["{run}/bundle", "{tmp}/none.png"], "cannot be read"),
        (
            ["{run}/bundle", "{tmp}/x.png", "--label", "spoon"],
            "no class 'spoon'; it knows disc, stripes, cross",
        ),
        (["{run}/bundle", "{tmp}/x.png", "--out", "{tmp}/heat.gif"], "must end in .png or .jpg"),
    ],
)
def test_bad_input_is_one_sentence(drawn_run, tmp_path, capsys, words, sentence):
    from ml.__main__ import main

    cv2.imwrite(str(tmp_path / "x.png"), draw("disc", 1)[0])
    assert main(["explain", *(word.format(run=drawn_run, tmp=tmp_path) for word in words)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence in told.err
