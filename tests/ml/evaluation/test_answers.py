"""A model's answers about many stored photos: each is asked once, and a look that was broken off goes on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from ml.__main__ import main
from ml.backbones.pipeline import batches
from ml.bundle.predict import Predictor
from ml.evaluation import answers as module
from ml.evaluation.answers import Answers
from tests.ml.worlds import store_with_trunk


@pytest.fixture
def asked(probe_world, trunks, tmp_path):
    """A store with ten photos of the world that the model was trained on, and their hashes."""
    store = store_with_trunk(tmp_path / "asked", trunks)
    hashes = []
    for item in probe_world.manifest.items[:10]:
        path = store.blob_path(item.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(item.path, path)
        hashes.append(item.sha256)
    return store, hashes, probe_world.run / "bundle"


def test_answers_are_those_of_the_bundle_and_are_given_once(asked):
    store, hashes, bundle = asked
    found = Answers(store, bundle)
    counted = []
    found.ask(hashes, lambda done, total: counted.append((done, total)))
    assert counted[-1] == (10, 10)
    shares = found.probabilities(hashes)
    assert shares.sum(1) == pytest.approx(np.ones(10), abs=1e-4)
    predictor = Predictor.load(bundle)
    for sha256, row in zip(hashes[:3], shares, strict=False):
        label, share = predictor.predict_file(store.blob_path(sha256)).top[0]
        assert predictor.labels[int(row.argmax())] == label
        assert row.max() == pytest.approx(share, abs=0.01)  # kept in half precision
    assert Answers(store, bundle).missing(hashes) == []


def test_a_look_that_was_broken_off_goes_on_where_it_stood(asked, monkeypatch):
    store, hashes, bundle = asked
    monkeypatch.setattr(module, "_SHARD_ROWS", 1)
    real = Predictor.logits
    calls = []

    def logits(self, batch):
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, batch)

    monkeypatch.setattr(module, "batches", lambda *rest: batches(*rest, 4))
    monkeypatch.setattr(Predictor, "logits", logits)
    with pytest.raises(KeyboardInterrupt):
        Answers(store, bundle).ask(hashes)
    assert len(Answers(store, bundle).missing(hashes)) == 6


def test_the_command_asks_the_bundle_it_is_given(asked, tmp_path, capsys):
    store, hashes, bundle = asked
    listing, out = tmp_path / "photos.jsonl", tmp_path / "order.json"
    listing.write_text("".join(json.dumps({"sha256": one, "label": None}) + "\n" for one in hashes))
    options = ["--list", str(listing), "--out", str(out), "--bundle", str(bundle)]
    assert main(["order", "--store", str(store.root), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["by"], told["images"]) == ("model", 10)
    assert all(0 <= doubt <= 1 for _line, doubt, _variety in json.loads(out.read_text())["rows"])
