"""The end of every run: the bundle, the answers on photos kept aside, and all that follows from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.backbones.pipeline import batches, read_pixels
from ml.backbones.sessions import cpu_session
from ml.bundle.write import card, seal, write_bundle
from ml.evaluation.calibration import calibrate
from ml.evaluation.metrics import Probabilities
from ml.evaluation.report import HOLDOUT, OUT_OF_FOLD, Predictions, empty, evaluation, prediction_rows
from ml.training.context import Context, Trained
from ml.training.logistic import softmax
from ml.training.runfolder import now
from ml.training.transforms import Pixels, eval_picture


def finish(context: Context, trained: Trained) -> None:
    """Write the bundle, answer val and test once, and everything that is derived from the answers."""
    folder, data, spec = context.folder, context.data, context.spec
    context.progress.stage("export", "Writing the model")
    bundle = folder.path / "bundle"
    write_bundle(bundle, trained.write_model, data.manifest, trained.preprocess)
    context.check()
    context.progress.stage("evaluate", "Answering the photos kept aside")
    predict = trained.predict or _ask_model(context, trained, bundle)
    answers = [Predictions(split, HOLDOUT, predict(split)) for split in ("val", "test")]
    calibration_source = (
        answers[0].probabilities,
        data.val.labels,
        "the validation photos, which also chose the epoch",
    )
    if trained.out_of_fold is not None:
        rest = trained.out_of_fold()
        answers.append(Predictions("train", OUT_OF_FOLD, rest[: len(data.train)]))
        if trained.calibrates:
            labels = np.concatenate([data.train.labels, data.val.labels])
            calibration_source = rest, labels, "out-of-fold answers on train and val"
    calibration = calibrate(*calibration_source)
    content = evaluation(data, answers, calibration)
    folder.write_lines("predictions.jsonl", prediction_rows(data, answers))
    folder.write_json("evaluation.json", content)
    digest = seal(bundle, calibration, card(data.manifest, spec, content, now()))
    for split in ("val", "test"):
        figures = content["splits"][split]
        names = ("accuracy", "n", "interval") if split == "test" else ("accuracy", "n")
        folder.state[split] = {name: figures.get(name) for name in names}
    folder.state.update(best_epoch=trained.best_epoch, seconds=context.seconds(), bundle_digest=digest)


def _ask_model(context: Context, trained: Trained, bundle: Path) -> Callable[[str], Probabilities]:
    """Answers of the written model itself, so that the figures are those of what will be served."""
    session = cpu_session(str(bundle / "model.onnx"))
    size = trained.preprocess.size

    def load(photo: Any) -> Pixels:
        return eval_picture(read_pixels(context.store, photo), size)

    def predict(split: str) -> Probabilities:
        part = context.data.part(split)
        if not len(part):
            return empty(context.data.classes)
        rows = []
        for places, batch in batches(part.photos, load, trained.preprocess):
            rows.append(session.run(["logits"], {"image": batch})[0])
            context.count("Answering the photos kept aside")(places.stop, len(part))
        return softmax(np.concatenate(rows))

    return predict
