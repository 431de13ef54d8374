"""Answers from a finished bundle. NumPy, onnxruntime and ml.images only: no torch, no Django."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ml.backbones.sessions import cpu_session
from ml.bundle.familiarity import FAMILIARITY_FILE, Familiarity, FamiliarityError
from ml.images.decode import decode_image
from ml.images.files import read_photo
from ml.training.transforms import Pixels, Preprocess

BUNDLE_VERSION = 2
# Version 1 has no familiarity.npz and answers without `unfamiliarity`; all else is the same.
READABLE_VERSIONS = (1, BUNDLE_VERSION)
# In every bundle. SHA256SUMS may list more, and whatever it lists must be whole.
FILES = ("model.onnx", "labels.json", "preprocess.json", "calibration.json", "card.md")
SUMS_FILE = "SHA256SUMS"

UNSURE, UNFAMILIAR = "unsure", "unfamiliar"

Matrix = NDArray[np.float32]


class BundleCorruptError(Exception):
    """A file is missing or its bytes are not those the bundle was finished with."""


class BundleIncompatibleError(Exception):
    """The bundle is whole but made for another version of this program."""


@dataclass(frozen=True)
class Label:
    """One class as the bundle names it; fields as in the manifest."""

    key: str
    name: str
    name_en: str
    name_zh: str
    category: str
    category_en: str
    category_zh: str
    bin: str
    colour: str


@dataclass(frozen=True)
class Answer:
    """The classes a photo may show, likeliest first, with calibrated probabilities."""

    top: tuple[tuple[Label, float], ...]
    # Why the model does not stand by the first: "unsure", "unfamiliar", or "" where it does.
    reason: str = ""
    # How unlike the training photos it is, 1 being the limit; None where the bundle cannot tell.
    unfamiliarity: float | None = None

    @property
    def abstained(self) -> bool:
        """Whether the model does not stand by its first guess."""
        return bool(self.reason)

    def to_json(self, path: str) -> dict[str, Any]:
        """One line of `python -m ml predict`."""
        label, probability = self.top[0]
        return {
            "path": path,
            "name": label.name,
            "label": label.key,
            "category": label.category,
            "probability": probability,
            "abstained": self.abstained,
            "reason": self.reason,
            "unfamiliarity": self.unfamiliarity,
            "top": [[other.key, share] for other, share in self.top],
        }


class Predictor:
    """A loaded bundle. Safe to use from several threads."""

    def __init__(
        self,
        session: ort.InferenceSession,
        labels: tuple[Label, ...],
        preprocess: Preprocess,
        calibration: Mapping[str, Any],
        familiarity: Familiarity | None,
        digest: str,
    ) -> None:
        """`calibration` as in calibration.json. KeyError, TypeError or ValueError where something is missing."""
        self.labels = labels
        self.preprocess = preprocess
        self.temperature = _number(calibration["temperature"], "temperature")
        self.threshold = _number(calibration["threshold"], "threshold")
        if self.temperature <= 0:
            raise ValueError(f"the temperature must be above 0, not {self.temperature}")
        self.familiarity = familiarity
        limit = (calibration.get("unfamiliar") or {}).get("limit")
        self.limit = None if limit is None else _number(limit, "limit")
        self.digest = digest
        self._session = session

    @classmethod
    def load(cls, folder: Path | str, threads: int = 0) -> Predictor:
        """Check every hash and load. BundleCorruptError or BundleIncompatibleError say what is wrong."""
        folder = Path(folder)
        digest = verify(folder)
        content = {name: _read_json(folder / name) for name in FILES if name.endswith(".json")}
        labels, calibration = content["labels.json"], content["calibration.json"]
        for name, part in (("labels.json", labels), ("calibration.json", calibration)):
            if part.get("version") not in READABLE_VERSIONS:
                raise BundleIncompatibleError(
                    f"{folder / name}: this program reads the versions {READABLE_VERSIONS}, "
                    f"not {part.get('version')!r}"
                )
        session = _session(folder / "model.onnx", threads)
        try:
            preprocess = Preprocess.from_json(content["preprocess.json"])
            named = tuple(Label(**one) for one in labels["classes"])
            predictor = cls(session, named, preprocess, calibration, _familiarity(folder), digest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleIncompatibleError(f"{folder} cannot be used by this program: {error}") from error
        _check_shape(session, predictor, folder)
        return predictor

    def predict_file(self, path: Path | str, top: int = 5) -> Answer:
        """The answer for an image file. OSError where it cannot be read, DecodeError where it is no photo."""
        return self.predict_bytes(read_photo(path), top)

    def predict_bytes(self, data: bytes, top: int = 5) -> Answer:
        """The answer for an encoded image. Raises DecodeError."""
        return self.predict_array(decode_image(data).pixels, top)

    def predict_array(self, pixels: Pixels, top: int = 5) -> Answer:
        """The answer for an upright RGB picture (h, w, 3) uint8."""
        batch = self.preprocess.batch([self.preprocess.picture(pixels)])
        logits, embedding = self.logits(batch)
        return self.answer(logits[0], embedding[0], top)

    def embed_array(self, pixels: Pixels) -> Matrix:
        """The embedding (d,) of an upright RGB picture (h, w, 3) uint8."""
        batch = self.preprocess.batch([self.preprocess.picture(pixels)])
        return np.asarray(self.logits(batch)[1][0])

    def logits(self, batch: Matrix) -> tuple[Matrix, Matrix]:
        """Normalised input (n, 3, s, s) -> logits (n, c), embedding (n, d)."""
        logits, embedding = self._session.run(["logits", "embedding"], {"image": batch})
        return logits, embedding

    def probabilities(self, logits: Matrix) -> Matrix:
        """Calibrated probabilities (n, c) of logits (n, c)."""
        scaled = logits.astype(np.float64) / self.temperature
        exponent = np.exp(scaled - scaled.max(1, keepdims=True))
        return np.asarray(exponent / exponent.sum(1, keepdims=True), np.float32)

    def unfamiliarity(self, embeddings: Matrix) -> Matrix | None:
        """How unlike the training photos embeddings (n, d) are, (n,) with 1 as the limit; None where unknown."""
        if self.familiarity is None or self.limit is None:
            return None
        return np.asarray(self.familiarity.distances(embeddings) / self.limit, np.float32)

    def answer(self, logits: Matrix, embedding: Matrix, top: int = 5) -> Answer:
        """The `top` likeliest classes of one photo's logits (c,) and embedding (d,).

        Unfamiliar comes before unsure: a photo of something else deserves no guess at all.
        """
        shares = self.probabilities(logits[None])[0]
        order = np.argsort(-shares, kind="stable")[: max(1, top)]
        found = tuple((self.labels[place], float(shares[place])) for place in order)
        reason = UNSURE if found[0][1] < self.threshold else ""
        distance = self.unfamiliarity(embedding[None])
        if distance is None:
            return Answer(found, reason)
        return Answer(found, UNFAMILIAR if distance[0] > 1 else reason, round(float(distance[0]), 4))


def verify(folder: Path) -> str:
    """Check every file against SHA256SUMS; the bundle's digest.

    BundleCorruptError names the first bad file.
    """
    try:
        listing = (folder / SUMS_FILE).read_bytes()
    except OSError as error:
        hint = f"; did you mean {folder / 'bundle'}?" if (folder / "bundle" / SUMS_FILE).is_file() else ""
        raise BundleCorruptError(
            f"{folder} is no bundle: {SUMS_FILE} cannot be read ({error.strerror}){hint}"
        ) from error
    sums = {}
    for line in listing.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if not name or name != Path(name).name:
            raise BundleCorruptError(
                f"{folder / SUMS_FILE} has a line that names no file of a bundle: {line!r}"
            )
        sums[name] = digest
    for name in FILES:
        if name not in sums:
            raise BundleCorruptError(f"{folder / SUMS_FILE} does not list {name}")
    for name, expected in sums.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleCorruptError(f"{folder / name} cannot be read ({error.strerror})") from error
        if found != expected:
            raise BundleCorruptError(f"{folder / name} is damaged: its hash is not the one in {SUMS_FILE}")
    return hashlib.sha256(listing).hexdigest()


def listed_files(folder: Path) -> list[str]:
    """Names of a verified bundle's files, SHA256SUMS last."""
    lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    return [*(line.partition("  ")[2] for line in lines), SUMS_FILE]


def label_rows(labels: Sequence[Label]) -> list[dict[str, str]]:
    """Labels as labels.json holds them."""
    return [dict(vars(label)) for label in labels]


def _number(value: Any, name: str) -> float:
    """A finite number; ValueError for any other: one that is none would make every answer sure."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the {name} must be a number, not {value}")
    return number


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise BundleCorruptError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise BundleIncompatibleError(f"{path} does not hold what this program expects")
    return content


def _session(path: Path, threads: int) -> ort.InferenceSession:
    try:
        return cpu_session(str(path), threads)
    except Exception as error:  # onnxruntime's own exception classes are not public
        raise BundleIncompatibleError(f"{path} cannot be loaded by this onnxruntime: {error}") from error


def _familiarity(folder: Path) -> Familiarity | None:
    """What the bundle knows of familiar photos; ValueError where this program cannot read it."""
    if FAMILIARITY_FILE not in listed_files(folder):
        return None
    try:
        return Familiarity.from_bytes((folder / FAMILIARITY_FILE).read_bytes())
    except FamiliarityError as error:
        raise ValueError(f"{FAMILIARITY_FILE}: {error}") from error


def _check_shape(session: ort.InferenceSession, predictor: Predictor, folder: Path) -> None:
    shapes = {output.name: output.shape for output in session.get_outputs()}
    image = {given.name: given.shape for given in session.get_inputs()}.get("image")
    size, classes = predictor.preprocess.size, len(predictor.labels)
    if image is None or list(image[1:]) != [3, size, size] or not {"logits", "embedding"} <= set(shapes):
        raise BundleIncompatibleError(f"{folder / 'model.onnx'} has other inputs or outputs than expected")
    if shapes["logits"][1] != classes:
        raise BundleIncompatibleError(
            f"{folder}: the model answers {shapes['logits'][1]} classes, not {classes}"
        )
    known = predictor.familiarity
    if known is not None and shapes["embedding"][1] != known.width:
        raise BundleIncompatibleError(
            f"{folder}: {FAMILIARITY_FILE} is made for embeddings of {known.width} numbers, "
            f"not {shapes['embedding'][1]}"
        )
