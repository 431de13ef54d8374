"""Writes requirements.lock and requirements-dev.lock from what is installed: every transitive pin, so that an install
needs no resolving (`pip install --no-deps`).

Usage: .venv/bin/python scripts/lock.py
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Made by scripts/lock.py from {source}: exact versions of everything, installed with --no-deps.\n"
# A package that only some platforms need keeps its condition, or the lock would fail on the others.
PLATFORM_WORDS = (
    "platform_system",
    "platform_machine",
    "sys_platform",
    "os_name",
    "platform_python_implementation",
)


def closure(source: Path) -> dict[str, str]:
    """Name to line for everything that the requirements in `source` pull in, as installed here."""
    lines: dict[str, str] = {}
    waiting = [
        (Requirement(line), "") for line in source.read_text().splitlines() if line.strip() and line[0] != "#"
    ]
    while waiting:
        requirement, condition = waiting.pop()
        name = canonicalize_name(requirement.name)
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            raise SystemExit(f"{requirement} is not installed here: install it, then lock again") from None
        line = f"{name}=={package.version.partition('+')[0]}" + (f" ; {condition}" if condition else "")
        key = f"{name}[{','.join(sorted(requirement.extras))}]" if requirement.extras else name
        if key in lines and (lines[key] == line or ";" not in lines[key]):
            continue
        lines[key] = line
        for text in package.requires or ():
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                continue
            waiting.append((needed, condition or platform_condition(needed)))
    return {key.partition("[")[0]: line for key, line in sorted(lines.items())}


def platform_condition(requirement: Requirement) -> str:
    text = str(requirement.marker or "")
    if "extra" in text:
        text = " and ".join(part for part in text.split(" and ") if "extra" not in part)
    return text if any(word in text for word in PLATFORM_WORDS) else ""


def main() -> None:
    product = closure(ROOT / "requirements.in")
    tools = closure(ROOT / "requirements-dev.in")
    write(ROOT / "requirements.lock", "requirements.in", product)
    write(
        ROOT / "requirements-dev.lock",
        "requirements-dev.in",
        {k: v for k, v in tools.items() if k not in product},
    )


def write(path: Path, source: str, lines: dict[str, str]) -> None:
    path.write_text(HEADER.format(source=source) + "\n".join(lines.values()) + "\n")
    print(f"{path.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
