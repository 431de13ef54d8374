"""`python -m ml …` as people and scripts call it."""

import json

import pytest

from ml.__main__ import COMMANDS, main
from ml.specs import RECIPES
from tests.ml.worlds import lines, ml, read, store_with_trunk
from tests.support.photos import class_folders, jpeg


def test_from_a_folder_to_an_answer_without_django(tmp_path, trunks):
    photos = class_folders(tmp_path / "photos", {"鼠标": 12, "毛巾\n旧": 12})
    store = store_with_trunk(tmp_path / "store", trunks)
    # A django that fails on import stands before the real one.
    (tmp_path / "blocked" / "django").mkdir(parents=True)
    (tmp_path / "blocked" / "django" / "__init__.py").write_text("raise ImportError('django was imported')")
    path = {"PYTHONPATH": str(tmp_path / "blocked")}
    run = tmp_path / "run"
    given = [
        "--data",
        photos,
        "--recipe",
        "linear_probe",
        "--set",
        "size=96",
        "--out",
        run,
        "--store",
        store.root,
    ]
    answer = json.loads(ml("train", *given, **path).stdout)
    assert answer["state"] == "succeeded"
    good, broken = photos / "鼠标" / "001.jpg", tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    done = ml("predict", answer["bundle"], broken, good, tmp_path / "none.jpg", check=False, **path)
    assert done.returncode == 2
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert set(first) == set(third) == {"path", "error"}
    names = "path name label category probability abstained reason unfamiliarity top"
    assert set(second) == set(names.split())
    assert second["path"] == str(good)
    assert second["label"] in {"鼠标", "毛巾\n旧"}
    assert "2 of 3 photos could not be read" in done.stderr


def test_export_copies_a_bundle_that_checks(probe_world, tmp_path):
    answer = json.loads(ml("export", probe_world.run, "--out", tmp_path / "model").stdout)
    assert answer["digest"] == read(probe_world.run / "run.json")["bundle_digest"]
    assert sorted(answer["files"]) == sorted(path.name for path in (tmp_path / "model").iterdir())
    again = ml("export", probe_world.run, "--out", tmp_path / "model", check=False)
    assert (again.returncode, again.stdout) == (2, "")


def test_evaluate_prints_and_writes_the_figures(probe_world, tmp_path):
    words = ["evaluate", probe_world.run, "--store", probe_world.store.root, "--out", tmp_path / "again"]
    answer = json.loads(ml(*words).stdout)
    assert answer == read(tmp_path / "again" / "evaluation.json")
    assert len(lines(tmp_path / "again" / "predictions.jsonl")) == 18


def test_embed_fills_the_cache_once(tmp_path, trunks):
    store = store_with_trunk(tmp_path / "store", trunks)
    hashes = []
    for seed in range(3):
        (tmp_path / "photo.jpg").write_bytes(jpeg(seed))
        with (tmp_path / "photo.jpg").open("rb") as file:
            hashes.append(store.put_blob(file).sha256)
    (tmp_path / "list").write_text("".join(json.dumps({"sha256": digest}) + "\n" for digest in hashes))
    words = [
        "embed",
        "--store",
        store.root,
        "--list",
        tmp_path / "list",
        "--progress",
        tmp_path / "progress.json",
    ]
    assert json.loads(ml(*words).stdout)["computed"] == 3
    assert read(tmp_path / "progress.json")["fraction"] == 1.0
    assert json.loads(ml(*words).stdout)["computed"] == 0


def test_weights_says_what_is_missing(tmp_path):
    answer = json.loads(ml("weights", "--store", tmp_path, TORCH_HOME=str(tmp_path)).stdout)
    assert answer["recipes"]["linear_probe"] is None
    assert answer["recipes"]["scratch"] is None
    assert "ResNet-18" in answer["recipes"]["finetune"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "--data", "{tmp}/none", "--out", "{tmp}/run"], "none"),
        (["train", "--data", "{tmp}/empty", "--out", "{tmp}/run"], "empty"),
        (["train", "--data", "{tmp}/one", "--out", "{tmp}/run"], "one readable photo"),
        (["train", "--manifest", "{tmp}/none.json", "--out", "{tmp}/run"], "cannot be read"),
        (["train", "--manifest", "{tmp}/text.json", "--out", "{tmp}/run"], "no usable manifest"),
        (
            ["train", "--data", "{tmp}/one", "--out", "{tmp}/run", "--recipe", "magic"],
            "recipe: one of linear_probe",
        ),
        (
            ["train", "--data", "{tmp}/one", "--out", "{tmp}/run", "--set", "epochs=many"],
            "epochs: a whole number",
        ),
        (["train", "--data", "{tmp}/one", "--out", "{tmp}/run", "--set", "epochs"], "NAME=VALUE"),
        (
            ["train", "--data", "{tmp}/one", "--out", "{tmp}/run", "--preset", "x"],
            "preset: one of fast, best",
        ),
        (["weights", "--fetch", "resnet19", "--store", "{tmp}"], "no backbone 'resnet19'; there are"),
        (["predict", "{tmp}/none", "x.jpg"], "is no bundle"),
        (["export", "{tmp}/none", "--out", "{tmp}/model"], "holds no run"),
        (["evaluate", "{tmp}/none"], "holds no run"),
        (["embed", "--list", "{tmp}/text.json", "--store", "{tmp}"], "line 1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capsys, words, sentence):
    (tmp_path / "empty").mkdir()
    class_folders(tmp_path / "one", {"cup": 4, "can": 1})
    (tmp_path / "text.json").write_text("hello")
    assert main([word.format(tmp=tmp_path) for word in words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence.lower() in told.err.lower()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m ml {command}")


def test_help_shows_each_recipes_settings_and_presets(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    presets = [f"{info.name} --preset {preset}" for info in RECIPES.values() for preset in info.presets]
    for part in (*RECIPES, *presets, "frozen_blocks=5", "label_smoothing=0.1"):
        assert part in text
