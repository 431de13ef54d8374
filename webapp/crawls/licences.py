"""Which licences a filter lets pass, by the names that sources give them."""

from __future__ import annotations

import re

from webapp.crawls.providers.base import Licence

# “CC0 1.0”, “Public domain”, “PDM”, “PD-old-100”, “No restrictions”.
_PUBLIC = re.compile(r"\b(cc0|cc[- ]zero|public domain|pdm|pd|no restrictions)\b", re.IGNORECASE)
# “CC BY-NC-SA 4.0”, “non-commercial”.
_NOT_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial", re.IGNORECASE)
_CLOSED = re.compile(r"all rights reserved|©|copyright(ed)?\b|fair use", re.IGNORECASE)


def passes(licence: str, wanted: Licence) -> bool:
    """Whether a photo with that licence ("" where none is stated) passes. In doubt it does not."""
    if wanted == Licence.ANY:
        return True
    if not licence.strip() or _CLOSED.search(licence):
        return False
    if wanted == Licence.PUBLIC_DOMAIN:
        return bool(_PUBLIC.search(licence))
    return wanted == Licence.OPEN or not _NOT_COMMERCIAL.search(licence)
