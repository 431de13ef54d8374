import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.config.environment import Environment, kept_secret

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SORTYARD_DEBUG", "maybe", "use 1 or 0"),
        ("SORTYARD_LEASE_SECONDS", "soon", "use a number from 1 to 3600"),
        ("SORTYARD_LEASE_SECONDS", "-5", "use a number from 1 to 3600"),
        ("SORTYARD_LOG", "LOUD", "use one of DEBUG, INFO, WARNING, ERROR"),
        ("SORTYARD_DATA", "/proc/nowhere", "can't be made"),
        ("DATABASE_URL", "mysql://me:secret@host/db", "use postgres://"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name_and_what_is_allowed(tmp_path, name, value, allowed):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "SORTYARD_DATA": str(tmp_path), name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert name in done.stderr
    assert allowed in done.stderr
    assert "secret" not in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"SORTYARD_PRODUCTION": "1"}, "SORTYARD_ALLOWED_HOSTS"),
        (
            {"SORTYARD_PRODUCTION": "1", "SORTYARD_ALLOWED_HOSTS": "a.org", "SORTYARD_DEBUG": "1"},
            "SORTYARD_DEBUG",
        ),
    ],
)
def test_production_refuses_to_start_half_configured(tmp_path, environment, missing):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "SORTYARD_DATA": str(tmp_path), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert missing in done.stderr


def test_words_are_split_and_an_empty_value_is_the_default():
    env = Environment({"HOSTS": " a.org, b.org ,", "EMPTY": ""})
    assert env.words("HOSTS", []) == ["a.org", "b.org"]
    assert env.words("EMPTY", ["localhost"]) == ["localhost"]
    assert env.number("EMPTY", 7, low=0, high=9) == 7


def test_a_number_out_of_range_is_refused():
    with pytest.raises(ImproperlyConfigured, match="PORT=70000"):
        Environment({"PORT": "70000"}).number("PORT", 1, low=1, high=65535)


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "secret-key"
    first = kept_secret(path)
    assert len(first) > 40
    assert kept_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_setting_is_documented_and_every_documented_one_exists():
    code = "".join(path.read_text() for path in (ROOT / "webapp" / "config").glob("*.py"))
    used = set(re.findall(r'"(SORTYARD_[A-Z_]+|DATABASE_URL|REDIS_URL)"', code)) - {"SORTYARD_TREE"}
    documented = set(
        re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    )
    assert used == documented
