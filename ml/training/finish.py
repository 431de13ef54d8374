"""The end of every run: the bundle, the answers on photos kept aside, and all that follows from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.backbones.pipeline import Photo, Progress, batches, read_pixels
from ml.backbones.sessions import cpu_session
from ml.bundle.card import CardFacts, card
from ml.bundle.familiarity import Familiarity, Matrix
from ml.bundle.weights import write_recipe, write_weights
from ml.bundle.write import seal, write_bundle
from ml.evaluation.calibration import Calibration, calibrate
from ml.evaluation.evidence import gather
from ml.evaluation.metrics import Labels, Probabilities
from ml.evaluation.neighbours import EMBEDDINGS_FILE, Embedded
from ml.evaluation.pairs import PAIRS_FILE, confused_pairs
from ml.evaluation.reads import note_reading
from ml.evaluation.report import HOLDOUT, OUT_OF_FOLD, Predictions, empty, evaluation, prediction_rows
from ml.evaluation.sample import even_sample
from ml.evaluation.suspects import SUSPECTS_FILE, find_suspects, suspect_rows
from ml.evaluation.unknown import Limit, choose_limit, fit_familiarity, out_of_fold_distances, share_beyond
from ml.training.context import Context, Trained
from ml.training.data import DataSet, join_parts
from ml.training.logistic import softmax
from ml.training.refit import without_refit
from ml.training.runfolder import now
from ml.training.transforms import Pixels

# Training photos whose embeddings are kept: more tell nothing new of where a class lies.
MOST_EMBEDDED = 5_000
HELD = ("val", "test")

Ask = Callable[[Sequence[Photo], Progress], tuple[Probabilities, Matrix]]


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered:
    """What the model says of the photos kept aside, by split; of train and val by models that had not seen them
    (None: no such answers); and its embeddings of the training photos number `sample`.
    """

    probabilities: Mapping[str, Probabilities]
    embeddings: Mapping[str, Matrix]
    out_of_fold: Probabilities | None
    sample: Labels
    sampled: Matrix


def stages(data: DataSet, plan: Mapping[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """The stage that follows on the recipe's own: its phase and expected seconds on two cores."""
    asking = min(plan.get("evaluate", ("", 1.0))[1] / max(len(data.val) + len(data.test), 1), 0.1)
    return {"look": ("evaluate", min(len(data.train), MOST_EMBEDDED) * (asking + 1e-3) + 4.0)}


def finish(context: Context, trained: Trained) -> None:
    """Write the bundle, answer val and test once, and everything that is derived from the answers."""
    folder, data = context.folder, context.data
    context.progress.stage("export", "Writing the model")
    log.info("writing the model")
    bundle = folder.path / "bundle"
    write_bundle(bundle, trained.write_model, data.manifest, trained.preprocess)
    if trained.tensors is not None:
        write_weights(bundle, trained.tensors())
    write_recipe(bundle, context.spec, data.manifest, folder.state["code_version"])
    context.check()
    log.info("answering the photos kept aside")
    answered = _answer(context, trained, bundle)
    calibration = _calibrate(data, answered, own_folds=trained.calibrates)
    familiarity = fit_familiarity(answered.sampled, data.train.labels[answered.sample])
    limit = _limit(context, answered, familiarity, own_folds=trained.calibrates)

    content = evaluation(data, _predictions(data, answered), calibration)
    content["fitted_on"] = ["train"] if trained.before_refit is None else ["train", "val"]
    content["unfamiliar"] = {
        **limit.to_json(),
        "beyond": {split: share_beyond(familiarity, limit, answered.embeddings[split]) for split in HELD},
    }
    folder.write_lines("predictions.jsonl", prediction_rows(data, _predictions(data, answered)))
    folder.write_json("evaluation.json", content)
    hashes = [data.train.photos[row].sha256 for row in answered.sample]
    kept = Embedded(hashes, data.train.labels[answered.sample], answered.sampled)
    kept.write(folder.path / EMBEDDINGS_FILE)
    log.info("looking for doubtful labels and for what is mixed up")
    _write_causes(context, answered)

    looked = {"run": folder.state["run"], "recipe": context.spec.recipe, "at": now()}
    reads = note_reading(context.store, data.manifest, looked) if len(data.test) else 0
    code = folder.state["code_version"]
    facts = CardFacts(data.manifest, context.spec, trained.preprocess, content, now(), code, reads)
    _conclude(context, trained, content, seal(bundle, calibration, limit, familiarity, card(facts)))


def _conclude(context: Context, trained: Trained, content: dict[str, Any], digest: str) -> None:
    """What run.json tells of a finished run."""
    state = context.folder.state
    for split in HELD:
        figures = content["splits"][split]
        names = ("accuracy", "n", "interval") if split == "test" else ("accuracy", "n")
        state[split] = {name: figures.get(name) for name in names}
    state.update(best_epoch=trained.best_epoch, seconds=context.seconds(), bundle_digest=digest)


def _answer(context: Context, trained: Trained, bundle: Path) -> Answered:
    data = context.data
    ask = _ask_bundle(context, trained, bundle) if trained.ask is None else _asker(trained.ask)
    context.progress.stage("evaluate", "Answering the photos kept aside")
    probabilities, embeddings = {}, {}
    for split in HELD:
        photos = data.part(split).photos
        report = context.count("Answering the photos kept aside")
        probabilities[split], embeddings[split] = ask(photos, report)
    if trained.before_refit is not None:
        probabilities["val"] = without_refit(probabilities["val"], trained.before_refit)
    out_of_fold = trained.out_of_fold() if trained.out_of_fold is not None else None
    context.progress.stage("look", "Looking at the training photos once more")
    originals = np.flatnonzero(data.train.originals)
    sample = originals[even_sample(data.train.labels[originals], MOST_EMBEDDED, context.spec.seed)]
    photos = [data.train.photos[row] for row in sample]
    _, sampled = ask(photos, context.count("Looking at the training photos once more"))
    return Answered(probabilities, embeddings, out_of_fold, sample, sampled)


def _predictions(data: DataSet, answered: Answered) -> list[Predictions]:
    found = [Predictions(split, HOLDOUT, answered.probabilities[split]) for split in HELD]
    if answered.out_of_fold is not None:
        found.append(Predictions("train", OUT_OF_FOLD, answered.out_of_fold[: len(data.train)]))
    return found


def _calibrate(data: DataSet, answered: Answered, *, own_folds: bool) -> Calibration:
    """From out-of-fold answers where they are of the same kind of model, else from the validation photos.

    Without mirrored copies: three answers to one photo would promise what one does not.
    """
    if own_folds and answered.out_of_fold is not None:
        answers, asked = answered.out_of_fold, join_parts(data.train, data.val)
        source = "out-of-fold answers on train and val"
    else:
        answers, asked = answered.probabilities["val"], data.val
        source = "the validation photos, which also chose the epoch"
    return calibrate(answers[asked.originals], asked.labels[asked.originals], source)


def _limit(context: Context, answered: Answered, familiarity: Familiarity, *, own_folds: bool) -> Limit:
    """From out-of-fold distances where no training shaped the embedding, else from the validation photos: those that
    shaped it lie nearer to their class than any other photo will.
    """
    data, sample = context.data, answered.sample
    if not own_folds:
        return choose_limit(familiarity.distances(answered.embeddings["val"]), "the validation photos")
    distances = out_of_fold_distances(
        np.concatenate([answered.sampled, answered.embeddings["val"]]),
        np.concatenate([data.train.labels[sample], data.val.labels]),
        np.concatenate([data.train.groups[sample], data.val.groups]),
        context.spec.seed,
        context.check,
    )
    return choose_limit(distances, "out-of-fold distances on train and val")


def _write_causes(context: Context, answered: Answered) -> None:
    """suspects.jsonl and pairs.json: doubtful labels, confused classes and what may explain them."""
    data, keys = context.data, [info.key for info in context.data.manifest.classes]
    answers = [answered.probabilities[split] for split in HELD]
    truth = [data.part(split).labels for split in HELD]
    suspects = None
    if answered.out_of_fold is not None:
        both = join_parts(data.train, data.val)
        rows = np.flatnonzero(both.originals)  # one line a photo, not one a copy
        suspects = find_suspects(answered.out_of_fold[rows], both.labels[rows])
        splits = ["train" if row < len(data.train) else "val" for row in rows]
        photos = [both.photos[row] for row in rows]
        context.folder.write_lines(SUSPECTS_FILE, suspect_rows(suspects, photos, splits, keys))
        trained = rows[rows < len(data.train)]
        answers.append(answered.out_of_fold[trained])
        truth.append(data.train.labels[trained])
    evidence = gather(
        context.store, data, np.concatenate(answers), np.concatenate(truth),
        data.train.take(answered.sample), answered.sampled, suspects, context.check,
    )  # fmt: skip
    context.folder.write_json(PAIRS_FILE, confused_pairs(evidence))


def _asker(ask: Callable[[Sequence[Photo]], tuple[Probabilities, Matrix]]) -> Ask:
    return lambda photos, _: ask(photos)


def _ask_bundle(context: Context, trained: Trained, bundle: Path) -> Ask:
    """Answers of the written model itself, so that the figures are those of what will be served."""
    session = cpu_session(str(bundle / "model.onnx"))
    width = int(next(output.shape[1] for output in session.get_outputs() if output.name == "embedding"))

    def load(photo: Photo) -> Pixels:
        return trained.preprocess.picture(read_pixels(context.store, photo))

    def ask(photos: Sequence[Photo], progress: Progress) -> tuple[Probabilities, Matrix]:
        answers, embeddings = [empty(context.data.classes)], [np.zeros((0, width), np.float32)]
        for places, batch in batches(photos, load, trained.preprocess):
            logits, embedding = session.run(["logits", "embedding"], {"image": batch})
            answers.append(softmax(logits))
            embeddings.append(embedding)
            progress(places.stop, len(photos))
        return np.concatenate(answers), np.concatenate(embeddings)

    return ask
