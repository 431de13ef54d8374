"""Safe decoding: any file in, upright 8-bit RGB out, or a DecodeError that says what to do.

Meant for the preparing child (memory and time limits stand there); usable anywhere for trusted files. Colour
profiles are not applied, and neither are they by the training loaders: both see the same numbers.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.images import sniff
from ml.images.errors import (
    Broken,
    DecodeError,
    EmptyFile,
    NotAnImage,
    TooLarge,
    TooManyPixels,
    Truncated,
    UnsupportedFormat,
)

Pixels = NDArray[np.uint8]

MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 1024 * 1024

_ORIENTATION, _DATE, _EXIF_FOLDER, _DATE_ORIGINAL = 0x0112, 0x0132, 0x8769, 0x9003
_DATE_TEXT = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_GREY_16 = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_CUT_WORDS = ("truncated", "unexpected end", "end of file", "not enough data", "failed to read next frame")
_FAST_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Those "of grey" are the reduced sizes alone; together with RGB the result is in colour.
_REDUCED_FLAGS = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright picture.

    `pixels`: (height, width, 3) uint8, RGB, contiguous. `format`: JPEG, PNG, WEBP or HEIF.
    `exif_date`: when it was taken by the camera's clock, `YYYY-MM-DDTHH:MM:SS`, or None.
    """

    pixels: Pixels
    format: str
    exif_date: str | None

    @property
    def width(self) -> int:
        """Width in pixels of the upright picture."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels of the upright picture."""
        return int(self.pixels.shape[0])


def decode_image(
    data: bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, at_least: int = 0
) -> Decoded:
    """Decode JPEG, PNG, WebP or (with its plug-in) HEIC; transparency on white, first frame of an animation.

    With `at_least` an ordinary JPEG is decoded at a half, a quarter or an eighth of its size (libjpeg's own, by
    averaging) where its shorter side then still has so many pixels: a large photo in a fraction of the time.

    Raises the DecodeError of the contract's code; sizes are checked before anything is decoded. MemoryError
    passes through: only the caller knows what it was allowed.
    """
    if not data:
        raise EmptyFile
    if len(data) > max_bytes:
        raise TooLarge(f"The file has {len(data):,} bytes, allowed are {max_bytes:,}; make it smaller.")
    kind = _accepted(data)
    if kind == "JPEG":
        fast = _decode_plain_jpeg(data, max_pixels, at_least)
        if fast is not None:
            return fast
    return _decode_by_pillow(data, kind, max_pixels)


def _accepted(data: bytes) -> str:
    kind = sniff.accepted_format(data)
    if kind == "HEIF" and not _heif_ready():
        raise UnsupportedFormat("HEIC photos are not accepted on this machine; save it as JPEG and retry.")
    if kind:
        return kind
    refused = sniff.refused_format(data)
    if refused:
        raise UnsupportedFormat(f"{refused} pictures are not accepted; save it as JPEG, PNG or WebP.")
    raise NotAnImage


def _heif_ready() -> bool:
    """Register the HEIC plug-in on first need: importing it takes longer than decoding a photo."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width:,} by {height:,} pixels; at most {max_pixels // 1_000_000} million "
            "are allowed. Make it smaller and try again."
        )


def _decode_plain_jpeg(data: bytes, max_pixels: int, at_least: int) -> Decoded | None:
    """The quick way for ordinary photos: Pillow's pixels, a fifth quicker; None where it is not sure.

    OpenCV fills what a cut file lacks with grey and says nothing, so the end marker is looked for first.
    """
    layout = sniff.jpeg_layout(data)
    if layout is None or not layout.plain or layout.xmp_orientation:
        return None
    _check_pixels(layout.width, layout.height, max_pixels)
    if sniff.jpeg_is_cut(data, layout.data_start):
        raise Truncated
    try:
        share = _smallest_share(min(layout.width, layout.height), at_least)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FAST_FLAGS | _REDUCED_FLAGS[share])
    except cv2.error as error:
        _raise_if_memory(error)
        return None
    if pixels is None or pixels.shape[:2] != (-(-layout.height // share), -(-layout.width // share)):
        return None
    orientation, date = 1, None
    if layout.exif:
        exif = Image.Exif()
        try:
            exif.load(b"Exif\0\0" + layout.exif)
            orientation, date = _orientation_and_date(exif)
        except MemoryError:
            raise
        except Exception:  # any damage in a camera's notes: the picture itself is whole
            orientation, date = 1, None
    return Decoded(_upright(np.asarray(pixels, np.uint8), orientation), "JPEG", date)


def _smallest_share(short_side: int, at_least: int) -> int:
    """1, 2, 4 or 8: the part of a JPEG's size that leaves its shorter side `at_least` pixels; 1 without a wish."""
    fitting = [share for share in _REDUCED_FLAGS if at_least and short_side >= share * at_least]
    return max(fitting, default=1)


def _decode_by_pillow(data: bytes, kind: str, max_pixels: int) -> Decoded:
    size = sniff.size_before_opening(data, kind)
    if size is not None:
        _check_pixels(*size, max_pixels)
    if kind == "WEBP" and sniff.webp_is_cut(data):
        raise Truncated
    with warnings.catch_warnings():
        # Pillow warns of sizes that our own cap has already judged, and of odd Exif blocks.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=[kind]) as picture:
                _check_pixels(picture.width, picture.height, max_pixels)
                picture.load()
                orientation, date = _read_exif(picture)
                pixels = _to_rgb(picture)
        except (DecodeError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise TooManyPixels from error
        # Pillow's readers meet damaged files with every kind of error: SyntaxError, struct.error, IndexError.
        except Exception as error:
            raise _why(data, kind, error) from error
    return Decoded(_upright(pixels, orientation), kind, date)


def _why(data: bytes, kind: str, error: Exception) -> DecodeError:
    """Cut short or damaged? By the reader's words, and by the end that JPEG and PNG files must have."""
    words = str(error).lower()
    if any(word in words for word in _CUT_WORDS):
        return Truncated()
    if kind == "JPEG" and sniff.jpeg_is_cut(data):
        return Truncated()
    if kind == "PNG" and b"IEND" not in data[-64:]:
        return Truncated()
    return Broken()


def _read_exif(picture: Image.Image) -> tuple[int, str | None]:
    try:
        return _orientation_and_date(picture.getexif())
    except MemoryError:
        raise
    except Exception:  # any damage in a camera's notes: the picture itself is whole
        return 1, None


def _orientation_and_date(exif: Image.Exif) -> tuple[int, str | None]:
    orientation = exif.get(_ORIENTATION, 1)
    date = exif.get_ifd(_EXIF_FOLDER).get(_DATE_ORIGINAL) or exif.get(_DATE)
    return (orientation if isinstance(orientation, int) else 1), _iso_date(date)


def _iso_date(date: Any) -> str | None:
    found = _DATE_TEXT.match(date) if isinstance(date, str) else None
    if not found or found[1] == "0000":
        return None
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}"


def _to_rgb(picture: Image.Image) -> Pixels:
    """Any Pillow mode to (height, width, 3) uint8; transparency is laid on white."""
    if picture.mode in _GREY_16:
        grey = (np.asarray(picture).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGB", layer.size, (255, 255, 255))
        white.paste(layer, mask=layer.getchannel("A"))
        return np.asarray(white)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the camera's orientation (Exif 1 to 8); other values mean nothing and are left alone."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels).astype(np.uint8, copy=False)
    # cv2.flip: 1 mirrors left to right, 0 upside down, -1 both. For 5 to 8 the picture is transposed by now.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    if flip is None:
        return pixels
    return cv2.flip(pixels, flip).astype(np.uint8, copy=False)


def _raise_if_memory(error: cv2.error) -> None:
    if "Insufficient memory" in str(error) or "OutOfMemory" in str(error):
        raise MemoryError(str(error)) from error
