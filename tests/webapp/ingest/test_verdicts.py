"""Every verdict has words."""

from __future__ import annotations

import pytest

from webapp.ingest.models import Verdict
from webapp.ingest.verdicts import sentence, what_happened, what_to_do


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_sentence(verdict):
    assert sentence(verdict).endswith(".")
    assert sentence(verdict).startswith(what_happened(verdict))


# What was taken needs nothing to be done.
TAKEN = (Verdict.PENDING, Verdict.SAVED, Verdict.EXPANDED, Verdict.LABELS, Verdict.LABELLED)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v not in TAKEN])
def test_every_refusal_says_what_to_do(verdict):
    assert what_to_do(verdict)
    assert what_to_do(verdict) in sentence(verdict)


def test_a_known_detail_is_said_more_exactly_and_a_decoders_own_words_are_left_out():
    assert "50 MB" in sentence("too_large", "max_mb:50")
    assert "20,000 files" in sentence("bad_archive", "too_many_entries:20000")
    assert sentence("broken", "libjpeg: <b>oops</b>") == sentence("broken")
    assert "stays" in sentence("duplicate", "It was labelled “glass”, which stays.")


def test_a_list_of_labels_does_not_claim_that_its_rows_were_used():
    """They may all have been refused: what became of each stands in its own line."""
    assert what_happened(Verdict.LABELS) == (
        "A list of labels. Those of its rows that were not used are listed below."
    )
