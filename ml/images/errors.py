"""One error per reason why a file is no usable photo; the codes are those of docs/ml-contract.md."""

from __future__ import annotations


class DecodeError(Exception):
    """A file that cannot be used as a photo. `code` is for programs, the text says a person what to do."""

    code = "broken"
    sentence = "The picture is damaged and cannot be opened; save it again in a photo program and retry."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class EmptyFile(DecodeError):
    """A file of no bytes."""

    code = "empty"
    sentence = "The file is empty; copy it again from where it came from."


class Truncated(DecodeError):
    """The end of the file is missing."""

    code = "truncated"
    sentence = "The end of the picture is missing, so its copy was cut short; copy or download it again."


class NotAnImage(DecodeError):
    """The content is no picture, whatever the name says."""

    code = "not_an_image"
    sentence = "This is not a picture, whatever the file's name says; choose a JPEG, PNG or WebP photo."


class UnsupportedFormat(DecodeError):
    """A picture of a kind that is not accepted."""

    code = "unsupported_format"
    sentence = "This kind of picture is not accepted; save it as JPEG, PNG or WebP and try again."


class TooManyPixels(DecodeError):
    """More pixels than the cap; noticed before decoding."""

    code = "too_many_pixels"
    sentence = "The picture has too many pixels; make it smaller and try again."


class TooLarge(DecodeError):
    """More bytes than the cap."""

    code = "too_large"
    sentence = "The file is too large; save it with a smaller size and try again."


class Broken(DecodeError):
    """Recognised as a picture, but its data are damaged."""


class TookTooLong(DecodeError):
    """Decoding did not end within the time limit."""

    code = "timeout"
    sentence = "Opening the picture took too long; save it again in a photo program and retry."


class OutOfMemory(DecodeError):
    """Decoding needed more memory than allowed."""

    code = "out_of_memory"
    sentence = "Opening the picture needs more memory than allowed; make it smaller and try again."
