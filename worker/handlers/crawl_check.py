"""Check of a source: one real request, to say what came."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from webapp.crawls.providers.base import Search
from worker.context import JobContext, JobError
from worker.crawling.session import Asking, open_session

NOTHING = _("%(name)s answered, but found nothing for “%(words)s”. Try another word.")
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
    if not page.candidates:
        raise JobError(NOTHING % {"name": traits.name, "words": words})
    first = page.candidates[0]
    return {
        "words": words,
        "candidates": len(page.candidates),
        "total": page.total,
        "licensed": sum(1 for one in page.candidates if one.licence),
        "first": first.title or (first.urls[0] if first.urls else ""),
    }
