import json

import numpy as np
import pytest

from ml.__main__ import main
from ml.evaluation import neighbours
from ml.evaluation.neighbours import Embedded, EmbeddingsError, nearest
from tests.ml.worlds import ml


@pytest.fixture
def points():
    return np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)


@pytest.mark.parametrize("chunk", [7, 100, 8192])
def test_they_are_the_rows_of_the_largest_cosines_whatever_the_chunk(points, monkeypatch, chunk):
    monkeypatch.setattr(neighbours, "_CHUNK", chunk)
    queries = np.random.default_rng(1).standard_normal((9, 16)).astype(np.float32)
    rows, cosines = nearest(queries, points, 6)
    whole = (queries @ points.T) / np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(points, axis=1))
    expected = np.argsort(-whole, axis=1)[:, :6]
    assert np.array_equal(rows, expected)
    assert cosines == pytest.approx(np.take_along_axis(whole, expected, 1), abs=1e-5)


def test_a_photo_is_its_own_nearest_neighbour_whatever_its_length(points):
    rows, cosines = nearest(5 * points[[3, 400]], points, 1)
    assert rows.ravel().tolist() == [3, 400]
    assert cosines.ravel() == pytest.approx([1, 1], abs=1e-5)


def test_there_are_no_more_neighbours_than_photos(points):
    rows, _ = nearest(points[:1], points[:3], 8)
    assert sorted(rows[0].tolist()) == [0, 1, 2]


def test_embeddings_come_back_from_their_file(tmp_path, points):
    hashes = [f"{place:064x}" for place in range(500)]
    Embedded(hashes, np.arange(500) % 3, points).write(tmp_path / "embeddings.npz")
    again = Embedded.read(tmp_path / "embeddings.npz")
    assert again.sha256s == hashes
    assert np.array_equal(again.labels, np.arange(500) % 3)
    assert again.embeddings == pytest.approx(points, rel=1e-3, abs=1e-3)


def test_missing_or_damaged_embeddings_say_what_to_do(tmp_path):
    with pytest.raises(EmbeddingsError, match="trained again"):
        Embedded.read(tmp_path / "embeddings.npz")
    (tmp_path / "embeddings.npz").write_bytes(b"nothing")
    with pytest.raises(EmbeddingsError, match="damaged"):
        Embedded.read(tmp_path / "embeddings.npz")


def test_the_command_names_the_training_photo_itself_first(probe_world):
    item = probe_world.manifest.items_of("train")[4]
    answer = json.loads(ml("neighbours", probe_world.run, item.path, "--k", "3").stdout)
    assert len(answer["neighbours"]) == 3
    assert answer["among"] == len(probe_world.manifest.items_of("train"))
    first = answer["neighbours"][0]
    assert (first["sha256"], first["label"], first["path"]) == (item.sha256, item.label, item.path)
    assert first["cosine"] == pytest.approx(1, abs=2e-3)
    cosines = [one["cosine"] for one in answer["neighbours"]]
    assert cosines == sorted(cosines, reverse=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{tmp}/none", "{photo}"], "holds no run"),
        (["{run}", "{tmp}/none.jpg"], "cannot be read"),
        (["{run}", "{photo}", "--k", "0"], "at least 1"),
    ],
)
def test_bad_input_is_one_sentence(probe_world, tmp_path, capsys, words, sentence):
    photo = probe_world.manifest.items[0].path
    given = [word.format(run=probe_world.run, tmp=tmp_path, photo=photo) for word in words]
    assert main(["neighbours", *given]) == 2
    told = capsys.readouterr()
    assert (told.out, sentence in told.err) == ("", True)
