"""A sentence for every verdict: what happened to the file, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from webapp.core.spoken import spoken
from webapp.ingest.models import Verdict


@dataclass(frozen=True)
class _Wording:
    what: Promise
    todo: Promise | None = None


_WORDS = {
    Verdict.PENDING: _Wording(gettext_lazy("It is waiting to be checked.")),
    Verdict.SAVED: _Wording(gettext_lazy("Saved.")),
    Verdict.DUPLICATE: _Wording(
        gettext_lazy("The data set has this very photo already, so it was not saved again."),
        gettext_lazy("Nothing to do."),
    ),
    Verdict.EMPTY: _Wording(
        gettext_lazy("The file has no content (0 bytes)."),
        gettext_lazy("Copy it again from the camera or phone, then upload it."),
    ),
    Verdict.TRUNCATED: _Wording(
        gettext_lazy("The photo breaks off before its end."),
        gettext_lazy("It was probably copied in part: copy it again from where it came from."),
    ),
    Verdict.NOT_AN_IMAGE: _Wording(
        gettext_lazy("The content is not a photo, whatever its name says."),
        gettext_lazy("Open it on your computer; if it opens as a photo, save it as JPEG."),
    ),
    Verdict.UNSUPPORTED_FORMAT: _Wording(
        gettext_lazy("This image format is not taken."),
        gettext_lazy("Save it as JPEG, PNG or WebP."),
    ),
    Verdict.TOO_MANY_PIXELS: _Wording(
        gettext_lazy("The picture has more pixels than can be opened safely (50 megapixels)."),
        gettext_lazy("Save a smaller copy, for example 4,000 pixels on the long side."),
    ),
    Verdict.TOO_LARGE: _Wording(
        gettext_lazy("The file is too large."),
        gettext_lazy("Save the photo smaller, or as JPEG; put many photos into several ZIP files."),
    ),
    Verdict.BROKEN: _Wording(
        gettext_lazy("The file is damaged and can't be opened."),
        gettext_lazy("Copy it again from where it came from."),
    ),
    Verdict.TIMEOUT: _Wording(
        gettext_lazy("Opening the picture took too long, so it was given up."),
        gettext_lazy("Save it as an ordinary JPEG, then upload it again."),
    ),
    Verdict.OUT_OF_MEMORY: _Wording(
        gettext_lazy("Opening the picture needs more memory than is allowed."),
        gettext_lazy("Save a smaller copy, or an ordinary JPEG, then upload it again."),
    ),
    Verdict.BAD_ARCHIVE: _Wording(
        gettext_lazy("The archive can't be read."),
        gettext_lazy("Pack the photos as an ordinary ZIP again. What was unpacked before the fault is kept."),
    ),
    Verdict.UNSAFE_NAME: _Wording(
        gettext_lazy("The archive gives this file a name that leads out of its folder."),
        gettext_lazy("Don't trust this archive; pack the photos yourself."),
    ),
    Verdict.NESTED_ARCHIVE: _Wording(
        gettext_lazy("An archive inside the archive is not opened."),
        gettext_lazy("Unpack it and upload the photos, or upload it by itself."),
    ),
    Verdict.ENCRYPTED: _Wording(
        gettext_lazy("The file is locked with a password."),
        gettext_lazy("Pack the photos without a password."),
    ),
    Verdict.EXPANDED: _Wording(gettext_lazy("Unpacked; its files are listed one by one.")),
    Verdict.IGNORED: _Wording(
        gettext_lazy("Not a photo by its name, so it was passed over."), gettext_lazy("Nothing to do.")
    ),
    Verdict.INCOMPLETE: _Wording(
        gettext_lazy("Only a part of the file had arrived when the upload was ended."),
        gettext_lazy("Upload it again."),
    ),
    Verdict.LABELS: _Wording(
        gettext_lazy("A list of labels. Those of its rows that were not used are listed below.")
    ),
    Verdict.BAD_LIST: _Wording(
        gettext_lazy("The list of labels can't be read."),
        gettext_lazy("Save it as CSV in UTF-8 with the columns path, label and, if you like, category."),
    ),
    Verdict.ROW_NOT_USED: _Wording(
        gettext_lazy("This row of the list of labels was not used."),
        gettext_lazy("Correct the row and upload the list again; the photos need not be sent again."),
    ),
    Verdict.LABELLED: _Wording(gettext_lazy("A photo of the data set that the list of labels names.")),
}

# Exact reasons, as `archives` and `services` write them into `UploadItem.detail`; `%(n)s` is its figure.
_DETAILS = {
    "files": gettext_lazy("Unpacked: %(n)s files in it were read, each listed below."),
    "zero_bytes": gettext_lazy("The archive has no content (0 bytes)."),
    "broken": gettext_lazy("The archive is broken, cut short, or no ZIP at all."),
    "too_many_entries": gettext_lazy("The archive holds more than %(n)s files."),
    "unpacks_too_large": gettext_lazy("The archive unpacks to more than %(n)s MB."),
    "bomb": gettext_lazy("The archive unpacks to more than %(n)s times its size, which no photos do."),
    "part": gettext_lazy("Only %(n)s %% of the file had arrived when the upload was ended."),
    "rows": gettext_lazy("A list of labels with %(n)s rows. Those that were not used are listed below."),
    "list_columns": gettext_lazy(
        "Not a photo, and no list of labels: its first line does not name the columns path and label."
    ),
    "list_encoding": gettext_lazy("The list of labels is neither in UTF-8 nor in GBK."),
    "list_broken": gettext_lazy("The list of labels is no proper CSV: a quotation mark may be missing."),
    "list_no_rows": gettext_lazy("The list of labels has no row below its headings."),
    "list_max_mb": gettext_lazy("The list of labels is larger than the %(n)s MB allowed."),
    "row_no_file": gettext_lazy("The row names no file."),
    "row_no_label": gettext_lazy("The row gives no label."),
    "row_unknown": gettext_lazy("Neither this upload nor the data set has a photo of this name."),
    "row_several": gettext_lazy("Several photos have this name: name the folder as well."),
    "row_two_labels": gettext_lazy("The list gives this file two different labels, so neither was used."),
    "label_stays": gettext_lazy("The photo is labelled “%(n)s” here, which stays."),
    "label": gettext_lazy("The photo was in the data set already; its label is “%(n)s” now."),
    "max_mb": gettext_lazy("The file is larger than the %(n)s MB allowed."),
    "link": gettext_lazy("The archive holds a link here instead of a file."),
    "in_archive": gettext_lazy("The file is damaged inside the archive."),
    "method": gettext_lazy("The file is packed by a method that is not understood."),
}


def sentence(verdict: str, detail: str = "") -> str:
    """What happened to a file, and what to do about it, in the reader's language."""
    words = _WORDS[Verdict(verdict)]
    return " ".join(filter(None, (what_happened(verdict, detail), str(words.todo or ""))))


def what_happened(verdict: str, detail: str = "") -> str:
    """The first half of the sentence. A known detail says it more exactly; a duplicate's words are added."""
    code, _colon, figure = detail.partition(":")
    if code in _DETAILS:
        return str(_DETAILS[code]) % {
            "n": f"{int(figure):,}" if figure.isascii() and figure.isdigit() else figure
        }
    words = str(_WORDS[Verdict(verdict)].what)
    return f"{words} {spoken(detail)}" if verdict == Verdict.DUPLICATE and detail else words


def what_to_do(verdict: str) -> str:
    """The second half; "" where nothing can be done."""
    return str(_WORDS[Verdict(verdict)].todo or "")
