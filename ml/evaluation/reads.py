"""How often a test set was looked at. Standard library only.

Each look at a test set that leads to a choice wears it out a little, so every look is counted, in the store, by
what is in the set: `reads/<digest>.jsonl`, one line a look.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ml.durable import make_folder
from ml.manifest import Manifest
from ml.store import Store


def note_reading(store: Store, manifest: Manifest, facts: Mapping[str, Any]) -> int:
    """Count one more look at the test photos of `manifest`; how many there were before. `facts`: who looked, when."""
    path = store.reads_path(digest_of_test_set(manifest))
    make_folder(path.parent)
    with path.open("a+b", buffering=0) as file:  # one write, so that two who look at once both count
        file.seek(0)
        before = sum(1 for line in file if line.strip())
        file.write((json.dumps(facts, ensure_ascii=False, sort_keys=True) + "\n").encode())
    return before


def digest_of_test_set(manifest: Manifest) -> str:
    """sha256 (hex) over the test photos that are scored, whatever their order."""
    items = manifest.items_of("test")
    names = sorted(f"{item.sha256} {item.transform} {item.label}" for item in items if manifest.judges(item))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
