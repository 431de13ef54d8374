"""Odd files, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth picture that no flip or turn leaves as it is."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(width: int = 64, height: int = 48, seed: int = 0, **options: object) -> bytes:
    return encoded(picture(width, height, seed), "JPEG", **({"quality": 95} | options))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb_png(side: int = 30_000) -> bytes:
    """A well-formed PNG of side × side pixels that is small on disk and huge once decoded."""
    packer = zlib.compressobj(6)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def bomb_webp() -> bytes:
    """The header of an animated WebP whose canvas would take 2 GB."""
    flags = bytes([2, 0, 0, 0]) + (16_382).to_bytes(3, "little") * 2
    frame = encoded(picture(), "WEBP")[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + flags + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_orientation(upright: Image.Image, orientation: int, kind: str = "JPEG", **options: object) -> bytes:
    """A file whose stored pixels, turned as its Exif says, are `upright`."""
    turn = Image.Transpose
    undo = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, kind, exif=exif, **options)


def with_place_and_date() -> bytes:
    """A JPEG as phones write it: GPS position, maker, and the time it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (31.0, 13.0, 48.0)
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return jpeg(700, 500, exif=exif, comment=b"SECRETPLACE")
