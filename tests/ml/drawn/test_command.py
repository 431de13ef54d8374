from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from ml.cli import draw


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    draw.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["draw", *words])
    return draw.run(args)


def test_it_prints_one_json_object_that_counts_what_it_drew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("--out", str(out), "--per-class", "4", "--size", "96") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["photos"] == len(list(out.rglob("*.jpg")))
    assert answer["classes"] == 12
    assert answer["broken"] == 4


def test_a_folder_in_use_is_refused_with_a_sentence_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    assert run("--out", str(tmp_path)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{tmp_path} is not empty" in told.err
