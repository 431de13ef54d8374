"""What a page of many photos sends when they were decided, and what it is answered.

Each form works without scripts: it is answered by a redirect. A request of htmx gets the page's part, and the message
goes with it as an event, because htmx would follow a redirect unseen.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from webapp.core.pagination import whole_number


def wants_part(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def versions_seen(entries: Iterable[str]) -> dict[int, int]:
    """“id:version” to a mapping of photos' ids; what is none is left out."""
    found = {}
    for entry in entries:
        pk, _colon, version = entry.partition(":")
        if (a := whole_number(pk)) is not None and (b := whole_number(version)) is not None:
            found[a] = b
    return found


def decided(
    request: HttpRequest,
    *,
    event: str,
    there: str,
    part: Callable[[], HttpResponse],
    said: str = "",
    kind: str = "success",
    operation: uuid.UUID | None = None,
    undone: uuid.UUID | None = None,
) -> HttpResponse:
    """`operation` can be undone from now on, `undone` no more; `kind` is success or warning.

    `static/js/tiles.js` hears `event` once the part stands.
    """
    if not wants_part(request):
        if said:
            messages.add_message(request, messages.WARNING if kind == "warning" else messages.SUCCESS, said)
        return redirect(there)
    response = part()
    told = {
        "message": said,
        "kind": kind,
        "operation": str(operation or ""),
        "undone": str(undone or ""),
    }
    response["HX-Trigger-After-Settle"] = json.dumps({event: told})
    return response
