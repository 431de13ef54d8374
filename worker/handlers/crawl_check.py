"""Check of a source: one real request, to say what came."""

from __future__ import annotations

from typing import Any

from webapp.crawls.providers.base import Search
from worker.context import JobContext
from worker.crawling.session import Asking, open_session

USUAL_WORDS = {"zh": "瓶子", "en": "bottle"}
# As few as show that it works.
PER_PAGE = 10


def handle(context: JobContext) -> dict[str, Any]:
    key = context.job.payload["provider"]
    with open_session(key, context.check) as session:
        traits = session.traits
        words = context.job.payload["words"] or USUAL_WORDS.get(traits.language, "bottle")
        search = Search(text=words, per_page=min(PER_PAGE, traits.max_per_page))
        page = Asking(session).page(search, session.provider.cursor(1, search))
    first = page.candidates[0] if page.candidates else None
    return {
        "words": words,
        "candidates": len(page.candidates),
        "total": page.total,
        "licensed": sum(1 for one in page.candidates if one.licence),
        "first": first.title or next(iter(first.urls), "") if first else None,
    }
