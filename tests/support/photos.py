"""Photos made on the spot: good ones, and one of each kind that must be refused or handled with care."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter


def picture(seed: int, *, size: tuple[int, int] = (160, 120), hue: int | None = None) -> Image.Image:
    """A picture with structure of its own: soft blobs, so that no two seeds look alike."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    if hue is not None:
        small[..., hue] = 255 - small[..., hue] // 4
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))


def jpeg(seed: int = 0, *, quality: int = 90, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture(seed, **options).save(buffer, "JPEG", quality=quality)  # type: ignore[arg-type]
    return buffer.getvalue()


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A valid one-colour PNG of side × side pixels: 900 million pixels in about 100 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    row = b"\0" * (1 + side // 8)
    packer = zlib.compressobj(9)
    data = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def exif_rotated(seed: int = 5) -> bytes:
    """A photo of 160 × 120 pixels that stands upright as 120 × 160."""
    image = picture(seed)
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image, "JPEG", exif=exif)


def animated_webp() -> bytes:
    frames = [picture(seed) for seed in (71, 72, 73)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)


def sixteen_bit_png() -> bytes:
    ramp = np.linspace(0, 65535, 100 * 80).reshape(80, 100).astype(np.uint16)
    return saved(Image.fromarray(ramp), "PNG")


def class_folders(root: Path, classes: dict[str, int], *, start: int = 0) -> Path:
    """`root/CLASS/NNN.jpg`: so many photos a class, told apart by their colour."""
    seed = start
    for number, (name, count) in enumerate(classes.items()):
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(count):
            seed += 1
            (folder / f"{index:03}.jpg").write_bytes(jpeg(seed, hue=number % 3))
    return root


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def gbk_zip(files: dict[str, bytes]) -> bytes:
    """A ZIP as Chinese Windows writes it: names in GBK, not marked as UTF-8."""

    class GbkInfo(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return self.filename.encode("gbk"), self.flag_bits & ~0x800

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(GbkInfo(name), data)
    return buffer.getvalue()
