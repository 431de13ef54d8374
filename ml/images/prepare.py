"""Everything a photo needs once: decoded one time, then hashed, measured, and shrunk to what pages show."""

from __future__ import annotations

from dataclasses import dataclass

from ml.images.decode import decode_image
from ml.images.hashes import grey_of, perceptual_hashes
from ml.images.quality import ChannelSums, Quality, measure_quality, sum_channels
from ml.images.thumbnails import Pictures, make_pictures


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the preparing child answers, before it is JSON; width and height are of the upright photo."""

    width: int
    height: int
    format: str
    phash: str
    phash_mirror: str
    quality: Quality
    channel_sums: ChannelSums
    exif_date: str | None
    pictures: Pictures


def prepare_photo(data: bytes) -> Prepared:
    """Decode a file and derive everything from the pixels; a DecodeError or MemoryError passes through."""
    decoded = decode_image(data)
    grey = grey_of(decoded.pixels)
    phash, mirrored = perceptual_hashes(grey)
    return Prepared(
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        phash=phash,
        phash_mirror=mirrored,
        quality=measure_quality(grey),
        channel_sums=sum_channels(decoded.pixels),
        exif_date=decoded.exif_date,
        pictures=make_pictures(decoded.pixels),
    )
