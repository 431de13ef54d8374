"""Keeps the translations: `update` gathers the strings into the .po files, `compile` writes the .mo files that are
committed (gettext need not be installed where Sortyard runs), `check` fails where a string lacks its translation, a
translation lost a placeholder, a .mo file is behind its .po file or a string in the sources is in neither.

Usage: .venv/bin/python scripts/messages.py update|compile|check
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "webapp" / "locale"
LANGUAGE = "zh_Hans"
DOMAINS = ("django", "djangojs")
# "locale" too: makemessages would write into every folder of that name that it finds, asked or not.
NOT_OURS = ("node_modules", ".venv", "var", "static/vendor", "tests", "docs", "scripts", "locale")
PLACEHOLDER = re.compile(r"%\(\w+\)[.\d]*[a-z]|%\{[^}]*\}|%[a-z%]|<[^>]+>")
ONE_DAY = datetime(2000, 1, 1, tzinfo=UTC)
GATHERED_ON = re.compile(r'^"POT-Creation-Date: .*\n', re.MULTILINE)


def po_file(domain: str, locale: Path = LOCALE) -> Path:
    return locale / LANGUAGE / "LC_MESSAGES" / f"{domain}.po"


def read(domain: str, locale: Path = LOCALE) -> Catalog:
    with po_file(domain, locale).open("rb") as file:
        catalog = read_po(file, locale=LANGUAGE, domain=domain)
    # Babel would write the present time into the .mo files, so that no two were the same.
    catalog.creation_date = catalog.revision_date = ONE_DAY
    return catalog


def compiled(domain: str) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, read(domain))
    return buffer.getvalue()


def has_gettext() -> bool:
    return all(shutil.which(tool) for tool in ("xgettext", "msgmerge", "msguniq", "msgattrib"))


def gather(locale: Path) -> None:
    """Runs Django's makemessages (it needs gettext's tools) over templates, Python and JavaScript into `locale`."""
    from django.core.management import call_command
    from django.test.utils import override_settings

    set_up_django()
    locale.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(ROOT), override_settings(LOCALE_PATHS=[locale]):
        for domain in DOMAINS:
            call_command(
                "makemessages",
                locale=[LANGUAGE],
                domain=domain,
                ignore_patterns=list(NOT_OURS),
                no_location=True,
                no_wrap=True,
                no_obsolete=True,
                verbosity=0,
            )
            drop_date(po_file(domain, locale))


def set_up_django() -> None:
    """Settings want a data folder: it is one that goes with this process, so that none is made in the project."""
    import django
    from django.apps import apps

    if apps.ready:  # inside a test
        return
    data = tempfile.TemporaryDirectory()
    atexit.register(data.cleanup)
    os.environ["SORTYARD_DATA"] = data.name
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")
    sys.path.insert(0, str(ROOT))
    django.setup()


def drop_date(path: Path) -> None:
    """The time of gathering would be a change in every commit."""
    path.write_text(GATHERED_ON.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")


def compile_all() -> None:
    for domain in DOMAINS:
        po_file(domain).with_suffix(".mo").write_bytes(compiled(domain))


def first(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, list | tuple) else message.id)


def strings(message: Message) -> list[str]:
    return [message.string or ""] if isinstance(message.string, str | None) else list(message.string)


def faults_of(message: Message) -> Iterator[str]:
    """What is wrong with the translation of one message."""
    if message.fuzzy or not all(strings(message)):
        yield f"no translation of {message.id!r}"
        return
    wanted = sorted(PLACEHOLDER.findall(str(message.id[-1]) if message.pluralizable else first(message)))
    for text in strings(message):
        if sorted(PLACEHOLDER.findall(text)) != wanted:
            yield f"other placeholders in the translation of {message.id!r}"


def problems() -> list[str]:
    found = []
    for domain in DOMAINS:
        messages = [message for message in read(domain) if message.id]
        found += [f"{domain}.po: {fault}" for message in messages for fault in faults_of(message)]
        path = po_file(domain).with_suffix(".mo")
        if not path.exists() or path.read_bytes() != compiled(domain):
            found.append(f"{domain}.mo is behind {domain}.po: run scripts/messages.py compile")
    return found


def not_gathered() -> list[str]:
    """Strings that stand in the sources and not in the .po files."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        locale = Path(shutil.copytree(LOCALE, Path(folder) / "locale"))
        gather(locale)
        for domain in DOMAINS:
            known = {(message.context, first(message)) for message in read(domain)}
            found += [
                f"{domain}.po lacks {message.id!r}: run scripts/messages.py update and translate it"
                for message in read(domain, locale)
                if (message.context, first(message)) not in known
            ]
    return found


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "update":
        if not has_gettext():
            sys.exit("Gathering strings needs gettext: sudo apt-get install gettext")
        gather(LOCALE)
        compile_all()
    elif command == "compile":
        compile_all()
    elif command == "check":
        found = problems()
        if has_gettext():
            found += not_gathered()
        else:
            print("Not checked whether all strings are gathered: gettext is not installed.")
        print("\n".join(found) or "Every string has its translation.")
        sys.exit(bool(found))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
