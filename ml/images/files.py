"""A photo's bytes from a file that a person named. Standard library only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ml.images.errors import NotAnImage, TooLarge

# As much as a site may allow its uploads at the most.
MAX_BYTES = 500 * 2**20


def read_photo(path: Path | str) -> bytes:
    """The whole file. OSError where it cannot be read; NotAnImage for a pipe or a device, which may never end;
    TooLarge beyond MAX_BYTES.
    """
    # Opening a pipe that nobody writes into would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    # Unbuffered: buffered reading takes half as long again, which counts beside decoding a small photo.
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise NotAnImage("This is a pipe or a device and no file; choose a JPEG, PNG or WebP photo.")
        if status.st_size > MAX_BYTES:
            raise TooLarge
        return file.readall()
