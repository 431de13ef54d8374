"""What crawls and their sources say, written down in English and shown with `|spoken` (see `core.spoken`)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from webapp.crawls.fetching.errors import SENTENCES as FETCHING

SAID = (
    # sources and their names
    _("Baidu shows the first %(n)s results of a search. Other search words find others."),
    _("Baidu Images"),
    _(
        "Baidu takes this for a program and refuses to answer. "
        "What was saved stays; try again in some hours, or use another source."
    ),
    _("%(n)s of the %(all)s results of a page were left out: no photos, or not of the licence asked for."),
    _("Pages of results are counted from 1."),
    _("There are no search words. Give at least one."),
    _("The crawl's place is lost. Start it again at the page where it was."),
    _("%(name)s answered with something that cannot be read. Try again later, or use another source."),
    _("%(name)s refuses to answer. What was saved stays; try again later, or use another source."),
    _("%(name)s is busy and asks to wait. What was saved stays; go on later."),
    _("%(name)s gives 1 to %(n)s results a page; choose a number between."),
    _("%(name)s shows no more than %(n)s pages of results; start at an earlier one."),
    _("%(name)s states no licences. Search with any licence, or use another source."),
    _("%(name)s answered with status %(status)s. Try again later."),
    _("Bing Images"),
    _("Wikimedia Commons could not answer: “%(reason)s” Change the search words, or try again later."),
    _(
        "Openverse found %(total)s results and shows the first %(n)s without an account. "
        "Other search words find others; so does a client id in the settings."
    ),
    _("Openverse found %(total)s results and shows the first %(n)s."),
    _(
        "Openverse refuses the client id and secret. "
        "What was saved stays; correct them in the settings, or empty them to search without an account."
    ),
    _("List of addresses"),
    # licences that sources give in words; the others have names that are alike in every language
    _("Public domain"),
    _("Public domain mark"),
    # a crawl's job
    _("Its source gives its shorter side as %(n)s px, the crawl asks for %(least)s."),
    _("Another crawl fetched this address."),
    _("Its shorter side has %(n)s px, the crawl asks for %(least)s."),
    _("The trial has this very photo already."),
    _("%(name)s could not be asked: %(error)s"),
    _("Today's requests to %(name)s are used up. What was saved stays; go on tomorrow."),
    _("%(n)s saved of %(all)s looked at"),
    _("%(n)s saved of %(all)s looked at, %(more)s more fetched"),
    _("%(n)s in the trial of %(all)s looked at"),
    _("%(n)s in the trial of %(all)s looked at, %(more)s more fetched"),
    _("This class was closed. Choose another one."),
    _("The class of this crawl was deleted. What was saved waits in the inbox."),
    # decisions about found photos
    _("not %(name)s"),
)

SENTENCES = (*SAID, *FETCHING)
"""All of them."""
