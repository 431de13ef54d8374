"""Front-end files: taken from the package as it is, quick when nothing changed, loud when Plotly did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts import vendor

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "node_modules" / vendor.PLOTLY

SCRIPT = (
    'x=()=>{if(!document.getElementById("' + "ab" * 32 + '")){var e=document.createElement("style")}};'
    'var K={"X,X div":\'font-family:"Open Sans";margin:0;\',"X a:before":\'content:"";\',Y:"top:50px;"};'
    "for(k in K)add(k);"
)


@pytest.fixture
def root(tmp_path):
    package = tmp_path / "node_modules" / vendor.PLOTLY
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "4.1.1"}')
    (package / vendor.PLOTLY_SCRIPT).write_text(SCRIPT)
    (package / "LICENSE").write_text("MIT")
    where = f"node_modules/{vendor.PLOTLY}"
    lock = {"packages": {"": {"name": "x"}, where: {"version": "4.1.1"}}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    return tmp_path


def test_rules_are_written_in_the_order_a_page_would_have_them():
    sheet = vendor.style_sheet(SCRIPT).splitlines()[1:]
    assert sheet == [
        ".plotly-notifier{top:50px;}",
        '.js-plotly-plot .plotly a:before{content:"";}',
        '.js-plotly-plot .plotly,.js-plotly-plot .plotly div{font-family:"Open Sans";margin:0;}',
    ]


def test_the_sheet_of_map_libraries_is_marked_as_present():
    assert "ab" * 32 in vendor.prelude(SCRIPT)
    assert vendor.prelude("nothing of the kind") == ""


@pytest.mark.parametrize("script", ["", SCRIPT.replace("X,X div", "Z"), SCRIPT.replace('Y:"top', "Y:`top")])
def test_a_package_without_readable_rules_is_told(script):
    with pytest.raises(vendor.VendorError, match="has changed"):
        vendor.style_rules(script)


def test_a_second_run_writes_nothing(root):
    assert len(vendor.vendor(root)) == 3
    assert vendor.vendor(root) == []


def test_a_changed_file_is_put_right(root):
    vendor.vendor(root)
    sheet = root / "static" / "vendor" / "plotly" / "plotly.css"
    sheet.write_text("damaged")
    assert vendor.vendor(root) == [sheet]


def test_the_locked_version_in_place_needs_no_npm(root, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert vendor.is_current(root)
    vendor.install(root)


@pytest.mark.parametrize("found", ['{"version": "4.1.0"}', "{}", "not json"])
def test_another_version_is_not_current(root, found):
    (root / "node_modules" / vendor.PLOTLY / "package.json").write_text(found)
    assert not vendor.is_current(root)


def test_a_missing_package_is_not_current(root):
    shutil.rmtree(root / "node_modules")
    assert not vendor.is_current(root)


def test_the_lock_file_names_no_address_and_pins_every_package():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {where: package for where, package in lock["packages"].items() if where}
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages.values())


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="needs node_modules: run make install")
def test_the_real_package_has_the_rules_that_figures_need():
    script = (PACKAGE / vendor.PLOTLY_SCRIPT).read_text(encoding="utf-8")
    rules = dict(vendor.style_rules(script))
    assert rules[".js-plotly-plot .plotly .main-svg"].startswith("position:absolute")
    assert len(rules) > 50
    assert vendor.prelude(script)
