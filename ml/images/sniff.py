"""What a file is, told by its first bytes alone: nothing is decoded here, and no name is believed."""

from __future__ import annotations

from dataclasses import dataclass

ACCEPTED = ("JPEG", "PNG", "WEBP", "HEIF")
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# Pictures that are recognised only to be refused with a better sentence than "not a picture".
_REFUSED = (
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "icon"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)


@dataclass(frozen=True, slots=True)
class JpegLayout:
    """What the markers before the picture data of a JPEG tell.

    `plain`: one sequential scan of 8 bits with one or three components, which every decoder reads alike.
    `exif`: the Exif block without its header, or b"". `xmp_orientation`: XMP speaks of an orientation.
    `data_start`: where the entropy-coded data begin.
    """

    width: int
    height: int
    plain: bool
    exif: bytes
    xmp_orientation: bool
    data_start: int


def accepted_format(data: bytes) -> str:
    """`JPEG`, `PNG`, `WEBP` or `HEIF` by the magic bytes, "" for anything else."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and b"avif" not in data[8:64]:
        return "HEIF"
    return ""


def refused_format(data: bytes) -> str:
    """The name of a kind of picture that is recognised but not accepted, or ""."""
    for magic, name in _REFUSED:
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp" and b"avif" in data[8:64]:
        return "AVIF"
    # "BM" alone would take any text that begins so for a picture: the four reserved bytes are zero in a BMP.
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return "BMP"
    if b"<svg" in data[:1024].lower():
        return "SVG"
    return ""


def size_before_opening(data: bytes, kind: str) -> tuple[int, int] | None:
    """(width, height) as a PNG or WebP header gives it, or None where only a decoder can tell.

    Asked before Pillow sees the file, because Pillow's WebP reader reserves the canvas while opening.
    """
    if kind == "PNG" and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if kind == "WEBP":
        return _webp_size(data)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """The canvas by the first chunk, or None where the chunk is unknown."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def webp_is_cut(data: bytes) -> bool:
    """Whether the file is shorter than its RIFF header promises."""
    return len(data) < int.from_bytes(data[4:8], "little") + 8


def jpeg_is_cut(data: bytes, start: int = 2) -> bool:
    """Whether no end marker follows `start`.

    Inside entropy-coded data an FF byte is always stuffed with a zero, so FF D9 is the end marker and nothing
    else; decoders fill what is missing with grey, some of them silently.
    """
    end = b"\xff\xd9"
    # Nearly always it ends the file; searching all of it costs a thirtieth of decoding.
    return not data.endswith(end, start) and data.find(end, start) < 0


def jpeg_layout(data: bytes) -> JpegLayout | None:
    """Read the markers up to the picture data; None where they are damaged or end early."""
    width = height = components = 0
    sequential = False
    exif, xmp_orientation = b"", False
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body, position = position + 4, position + 2 + length
        if length < 2 or position > len(data):
            return None
        if marker == 0xE1:
            segment = data[body:position]
            if segment[:6] == b"Exif\0\0" and not exif:
                exif = segment[6:]
            xmp_orientation |= segment[:4] == b"http" and b"rientation" in segment
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and length >= 8:
            height = int.from_bytes(data[body + 1 : body + 3], "big")
            width = int.from_bytes(data[body + 3 : body + 5], "big")
            components = data[body + 5]
            sequential = marker in (0xC0, 0xC1) and data[body] == 8
        elif marker == 0xDA:
            plain = sequential and components in (1, 3) and data[body] == components and height > 0
            return JpegLayout(width, height, plain, exif, xmp_orientation, position)
    return None
