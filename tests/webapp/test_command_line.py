"""The whole path from the command line, with no site running: each command does its own job."""

import json

import pytest

from tests.support.photos import class_folders, jpeg
from tests.support.site import Site


@pytest.fixture
def offline(tmp_path) -> Site:
    """Nothing but a new data folder: the first command makes the tables."""
    return Site(tmp_path)


@pytest.fixture(scope="module")
def one_photo(tmp_path_factory) -> Site:
    """A data set “kerbside” that holds one photo without a class. What is refused changes nothing."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "photos").mkdir()
    (folder / "photos" / "loose.jpg").write_bytes(jpeg(1))
    site = Site(folder)
    site.manage("import_images", "kerbside", str(folder / "photos"))
    return site


def test_import_train_publish_classify(offline, tmp_path):
    photos = class_folders(tmp_path / "photos", {"可回收物_鼠标": 20, "其他垃圾_毛巾": 20})
    (photos / "可回收物_鼠标" / "broken.jpg").write_bytes(b"no photo")
    (photos / "可回收物_鼠标" / "again.jpg").write_bytes((photos / "可回收物_鼠标" / "000.jpg").read_bytes())

    imported = offline.answer("import_images", "kerbside", str(photos))
    assert (imported["saved"], imported["duplicates"], imported["rejected"]) == (40, 1, 1)

    frozen = offline.answer("snapshot", "kerbside", "--val", "0.2", "--test", "0.2")
    assert frozen["train"] + frozen["val"] + frozen["test"] == 40
    assert len(frozen["digest"]) == 64

    papers = offline.answer("snapshot", "kerbside", "--split", "paper", "--enhance", "--cap", "50")
    assert papers["train"] + papers["val"] + papers["test"] == 100, "flips first, then the cap"

    run = offline.answer("train", "kerbside", "--recipe", "linear_probe", "--snapshot", "1", "--wait")
    assert (run["state"], run["recipe"], run["run"]) == ("succeeded", "linear_probe", "kerbside/1")
    assert run["test"]["n"] == frozen["test"]
    assert run["test"]["interval"][0] <= run["test"]["accuracy"] <= run["test"]["interval"][1]

    published = offline.answer("publish", run["run"])
    assert published["dataset"] == "kerbside"

    photo = photos / "可回收物_鼠标" / "003.jpg"
    broken = photos / "可回收物_鼠标" / "broken.jpg"
    done = offline.manage("classify", str(photo), str(broken), check=False)
    good, bad = [json.loads(line) for line in done.stdout.splitlines()]
    assert good["path"] == str(photo)
    assert good["name"] == f"{good['category']}_{good['label']}"
    assert 0 < good["probability"] <= 1
    assert len(good["top"]) == 2
    assert set(bad) >= {"path", "error"}
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import_images", "fresh", "/no/such/folder"], "There is nothing at /no/such/folder"),
        (["train", "nothing", "--wait"], "There is no data set “nothing”"),
        (["publish", "nothing/7"], "nothing"),
        (["import_images", "fresh", "EMPTY"], "There are no files in"),
        (["import_images", "archive", "EMPTY.zip"], "No photo came out of"),
        (["snapshot", "kerbside"], "no labelled photos yet"),
        (["train", "kerbside"], "no labelled photos yet"),
        (["train", "kerbside", "--set", "epochs"], "KEY=VALUE"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(one_photo, tmp_path, arguments, sentence):
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "EMPTY.zip").touch()
    paths = [str(tmp_path / word) if word.startswith("EMPTY") else word for word in arguments]
    done = one_photo.manage(*paths, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert ("fresh",) not in one_photo.rows("select slug from datasets_dataset")


def test_a_class_with_one_photo_and_a_data_set_of_one_class_are_told(offline, tmp_path):
    photos = class_folders(tmp_path / "photos", {"glass": 12})
    offline.answer("import_images", "kerbside", str(photos))
    done = offline.manage("train", "kerbside", "--wait", check=False)
    assert done.returncode == 2
    assert "second one" in done.stderr
    offline.answer(
        "import_images", "kerbside", str(class_folders(tmp_path / "more", {"paper": 1}, start=500))
    )
    done = offline.manage("train", "kerbside", "--wait", check=False)
    assert done.returncode == 2
    assert "At least two classes need 3 photos each" in done.stderr


def test_a_csv_names_photos_labels_and_categories(offline, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
    rows = "path,label,category\n0.jpg,鼠标,可回收物\n1.jpg,毛巾,其他垃圾\n2.jpg,mug,\n"
    (tmp_path / "labels.csv").write_bytes(rows.encode("gb18030"))
    assert offline.answer("import_images", "kerbside", str(tmp_path / "labels.csv"))["saved"] == 3
    found = offline.rows(
        "select c.key, coalesce(k.key, '') from datasets_labelclass c"
        " left join datasets_category k on k.id = c.category_id"
    )
    assert sorted(found) == sorted([("鼠标", "可回收物"), ("毛巾", "其他垃圾"), ("mug", "")])
