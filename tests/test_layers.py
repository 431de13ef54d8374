"""What may load what, tried in processes of their own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "timm", "cv2", "onnx", "onnxruntime", "sklearn", "scipy")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded once `code` has run."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_site_with_every_page_loads_no_ml_library():
    site = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.config.settings'\nimport django; django.setup()\n"
    assert not loaded_by(site + "import webapp.config.urls") & set(HEAVY)


def test_the_worker_loads_no_ml_library_either():
    assert not loaded_by("import worker.app") & set(HEAVY)


def test_what_the_site_may_use_of_ml_needs_the_standard_library_only():
    loaded = loaded_by("import ml.specs, ml.manifest, ml.splits, ml.store, ml.durable, ml.family")
    assert not loaded & {*HEAVY, "numpy", "django", "PIL"}


def test_the_engine_and_its_command_line_load_no_django():
    loaded = loaded_by(
        "import importlib, ml.__main__ as m\nfor name in m.COMMANDS: importlib.import_module(f'ml.cli.{name}')"
    )
    assert not loaded & {"django", "webapp", "worker", "celery", "redis"}
