import numpy as np
import pytest

from ml.backbones.embed import pooled_features
from ml.backbones.pipeline import Photo
from ml.evaluation.trials import draw_trial, fit_probe, load_photos, mean_and_sd, without_class
from ml.training.probe import cross_validate
from tests.ml.evaluation.drawn_features import drawn_photos
from tests.ml.worlds import tiny_manifest


@pytest.fixture(scope="module")
def photos():
    return drawn_photos(400, group_size=2)


def test_every_photo_is_in_one_part_a_tenth_each_to_validate_and_test_and_no_group_crosses(photos):
    trial = draw_trial(photos, 0)
    parts = (trial.train, trial.val, trial.test)
    assert sorted(np.concatenate(parts)) == list(range(400))
    assert [len(part) for part in parts] == [320, 40, 40]
    assert sum(len(set(photos.groups[part].tolist())) for part in parts) == 200


def test_seeds_test_other_photos_and_the_same_seed_the_same(photos):
    first, again, other = (draw_trial(photos, seed).test for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert len(set(first) & set(other)) < 20


def test_the_probe_learns_from_train_alone(photos):
    trial = draw_trial(photos, 0)
    probe = fit_probe(photos, trial, l2=0.01)
    seen, fresh = (
        (probe.probabilities(photos.features[rows]).argmax(1) == photos.labels[rows]).mean()
        for rows in (trial.train, trial.test)
    )
    assert fresh > 0.8
    assert seen >= fresh
    changed = drawn_photos(400, group_size=2)
    changed.features[trial.test] = 0
    assert np.array_equal(fit_probe(changed, trial, l2=0.01).theta, probe.theta)


def test_its_out_of_fold_answers_are_those_of_cross_validation_on_train_and_val(photos):
    trial = draw_trial(photos, 0)
    probe, rest = fit_probe(photos, trial), trial.rest
    scaled = probe.scaling.apply(photos.features[rest])
    own = cross_validate(scaled, photos.labels[rest], photos.groups[rest], np.ones(4, np.float32), 0)
    assert np.array_equal(probe.out_of_fold, own.probabilities)
    assert probe.out_of_fold.sum(1) == pytest.approx(1, abs=1e-5)


def test_a_class_left_out_is_in_no_part_and_the_others_keep_their_photos(photos):
    trial = draw_trial(photos, 0)
    fewer, rows = without_class(photos, trial, 1)
    assert fewer.keys == ["class-0", "class-2", "class-3"]
    for part, whole in ((rows.train, trial.train), (rows.val, trial.val), (rows.test, trial.test)):
        kept = whole[photos.labels[whole] != 1]
        assert [fewer.ids[row] for row in part] == [photos.ids[row] for row in kept]
        assert [fewer.keys[label] for label in fewer.labels[part]] == [
            photos.keys[label] for label in photos.labels[kept]
        ]
        assert np.array_equal(fewer.features[part], photos.features[kept])
        assert np.array_equal(fewer.groups[part], photos.groups[kept])


def test_photos_of_a_manifest_come_with_their_features_whatever_their_split(store, tmp_path):
    manifest = tiny_manifest(tmp_path / "photos", per_class=7)
    counted = []
    photos = load_photos(store, manifest, lambda done, total: counted.append((done, total)), size=64)
    assert photos.keys == ["red", "green", "blue"]
    assert np.bincount(photos.labels).tolist() == [7, 7, 7]
    assert photos.embeddings.shape == (21, 1280)
    one = manifest.items[5]
    row = list(photos.ids).index(one.sha256)
    alone = pooled_features(store, [Photo(one.sha256, one.path)], size=64)
    assert np.array_equal(photos.features[row], alone[0])
    assert not np.array_equal(photos.mirrored, photos.features)
    assert counted[-1] == (42, 42)


def test_mean_and_deviation_leave_out_what_is_missing():
    found = mean_and_sd([{"a": 1.0, "b": None}, {"a": 3.0, "b": None}, {"a": None, "b": 2.0}], ("a", "b"))
    assert found["a"] == {"mean": 2.0, "sd": pytest.approx(2**0.5, abs=1e-4)}
    assert found["b"] == {"mean": 2.0, "sd": None}
    assert mean_and_sd([{"a": None}], ("a",)) == {"a": {"mean": None, "sd": None}}
