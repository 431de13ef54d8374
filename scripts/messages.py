"""Keeps the translations: `update` gathers the strings into the .po files, `compile` writes the .mo files that are
committed (gettext need not be installed where Sortyard runs), `check` fails where a string lacks its translation or a
.mo file is behind its .po file.

Usage: .venv/bin/python scripts/messages.py update|compile|check
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "webapp" / "locale" / "zh_Hans" / "LC_MESSAGES"
DOMAINS = ("django", "djangojs")


def read(domain: str) -> Catalog:
    with (LOCALE / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="zh_Hans_CN", domain=domain)


def compiled(domain: str) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, read(domain))
    return buffer.getvalue()


def gather() -> None:
    """Runs Django's makemessages (it needs gettext's tools) for templates, Python and JavaScript."""
    if shutil.which("xgettext") is None:
        sys.exit("Gathering strings needs gettext: sudo apt-get install gettext")
    base = [
        sys.executable,
        str(ROOT / "manage.py"),
        "makemessages",
        "-l",
        "zh_Hans",
        "--no-location",
        "--no-wrap",
    ]
    ignore = [
        word
        for name in ("node_modules", ".venv", "var", "static/vendor", "tests", "docs")
        for word in ("-i", name)
    ]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.config.settings"}
    for extra in ([], ["-d", "djangojs"]):
        subprocess.run([*base, *ignore, *extra], cwd=ROOT, env=environment, check=True)


def compile_all() -> None:
    for domain in DOMAINS:
        (LOCALE / f"{domain}.mo").write_bytes(compiled(domain))


def problems() -> list[str]:
    found = []
    for domain in DOMAINS:
        for message in read(domain):
            if message.id and (
                message.fuzzy or not all(message.string if message.pluralizable else [message.string])
            ):
                found.append(f"{domain}.po: no translation of {message.id!r}")
        path = LOCALE / f"{domain}.mo"
        if not path.exists() or path.read_bytes() != compiled(domain):
            found.append(f"{domain}.mo is behind {domain}.po: run scripts/messages.py compile")
    return found


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "update":
        gather()
        compile_all()
    elif command == "compile":
        compile_all()
    elif command == "check":
        found = problems()
        print("\n".join(found) or "Every string has its translation.")
        sys.exit(bool(found))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
