import dataclasses

from ml.evaluation.reads import digest_of_test_set, note_reading
from ml.store import Store
from tests.ml.worlds import lines, tiny_manifest


def test_each_look_is_counted_with_who_looked(tmp_path):
    store, manifest = Store(tmp_path / "store"), tiny_manifest(tmp_path / "photos", per_class=8)
    assert [note_reading(store, manifest, {"run": name}) for name in ("a", "b", "c")] == [0, 1, 2]
    assert [row["run"] for row in lines(store.reads_path(digest_of_test_set(manifest)))] == ["a", "b", "c"]


def test_a_test_set_is_known_by_its_photos_and_labels_alone(tmp_path):
    manifest = tiny_manifest(tmp_path / "photos", per_class=8)
    digest = digest_of_test_set(manifest)
    turned = dataclasses.replace(manifest, name="other", items=manifest.items[::-1])
    assert digest_of_test_set(turned) == digest
    fewer = tuple(item for item in manifest.items if item.split != "train")
    assert digest_of_test_set(dataclasses.replace(manifest, items=fewer)) == digest
    first = next(place for place, item in enumerate(manifest.items) if item.split == "test")
    relabelled = list(manifest.items)
    relabelled[first] = dataclasses.replace(relabelled[first], label="blue")
    assert digest_of_test_set(dataclasses.replace(manifest, items=tuple(relabelled))) != digest
