"""Blobs and files on disk: stored once, whole or not at all, never outside the store."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ml.durable import remove_asides, write_atomic, write_atomic_many
from ml.store import BlobTooLarge, Store, StoredBlob

SHA = "ab" * 32


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_blob_lies_under_the_hash_of_its_bytes(tmp_path):
    store = Store(tmp_path)
    stored = store.put_blob(io.BytesIO(b"a photo"))
    digest = hashlib.sha256(b"a photo").hexdigest()
    assert stored == StoredBlob(digest, 7, True)
    assert store.blob_path(digest) == tmp_path / "blobs" / digest[:2] / digest[2:4] / digest
    with store.open_blob(digest) as blob:
        assert blob.read() == b"a photo"


def test_the_same_bytes_are_stored_once(tmp_path):
    store = Store(tmp_path)
    store.put_blob(io.BytesIO(b"twice"))
    assert not store.put_blob(io.BytesIO(b"twice")).created
    assert len(files_below(tmp_path)) == 1


def test_a_stream_of_several_chunks_is_stored_whole(tmp_path):
    data = bytes(range(256)) * 10_000
    stored = Store(tmp_path).put_blob(io.BytesIO(data))
    assert Store(tmp_path).blob_path(stored.sha256).read_bytes() == data


def test_a_stream_that_is_too_large_leaves_nothing_behind(tmp_path):
    with pytest.raises(BlobTooLarge, match="10 bytes"):
        Store(tmp_path).put_blob(io.BytesIO(b"x" * 11), max_bytes=10)
    assert files_below(tmp_path) == []


def test_a_stream_of_exactly_the_limit_is_stored(tmp_path):
    assert Store(tmp_path).put_blob(io.BytesIO(b"x" * 10), max_bytes=10).size == 10


def test_a_stream_that_breaks_off_leaves_nothing_behind(tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 4:
                raise ConnectionResetError
            return super().read(4)

    with pytest.raises(ConnectionResetError):
        Store(tmp_path).put_blob(Broken(b"half a photo"))
    assert files_below(tmp_path) == []


def test_a_damaged_blob_is_replaced_by_the_good_bytes(tmp_path):
    store = Store(tmp_path)
    stored = store.put_blob(io.BytesIO(b"good bytes"))
    store.blob_path(stored.sha256).write_bytes(b"good")
    assert store.put_blob(io.BytesIO(b"good bytes")).created
    assert store.blob_path(stored.sha256).read_bytes() == b"good bytes"


def test_a_batch_answers_in_order_with_an_error_in_its_place(tmp_path):
    store = Store(tmp_path)
    contents = [b"a", b"bb", b"far too long", b"a"] + [bytes([n]) * 3 for n in range(40)]
    results = store.put_blobs((io.BytesIO(content) for content in contents), max_bytes=5)
    assert isinstance(results[2], BlobTooLarge)
    for content, result in zip(contents, results, strict=True):
        if isinstance(result, StoredBlob):
            assert result.sha256 == hashlib.sha256(content).hexdigest()
            assert store.blob_path(result.sha256).read_bytes() == content
    assert results[0].created
    assert not results[3].created
    assert len(files_below(tmp_path)) == 42


def test_an_empty_batch_is_no_work(tmp_path):
    assert Store(tmp_path).put_blobs([]) == []


def test_a_batch_whose_source_fails_leaves_nothing_aside(tmp_path):
    def streams():
        yield io.BytesIO(b"first")
        raise OSError("the archive is damaged")

    with pytest.raises(OSError, match="damaged"):
        Store(tmp_path).put_blobs(streams())
    assert files_below(tmp_path) == []


FILL_THE_DISK = """
import io, os, sys
from pathlib import Path
from ml.durable import StoreFull, write_atomic
from ml.store import Store
store = Store(Path(sys.argv[1]))
kept = store.put_blob(io.BytesIO(b"k" * 1000))
write_atomic(store.root / "file", b"old")
def files():
    return sorted(str(p) for p in store.root.rglob("*") if p.is_file())
before = files()
for attempt in (
    lambda: store.put_blob(io.BytesIO(os.urandom(2_000_000))),
    lambda: store.put_blobs(io.BytesIO(os.urandom(100_000)) for _ in range(20)),
    lambda: write_atomic(store.root / "file", os.urandom(2_000_000)),
):
    try:
        attempt()
    except StoreFull as error:
        assert "full" in str(error)
    else:
        raise SystemExit("the disk did not fill")
    assert files() == before, files()
assert store.blob_path(kept.sha256).read_bytes() == b"k" * 1000
assert (store.root / "file").read_bytes() == b"old"
print("held")
"""


def test_a_full_disk_is_said_plainly_and_damages_nothing(tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare to mount a small disk")
    # A real disk of 512 kB in a mount namespace of its own, gone with the process.
    script = f'mount -t tmpfs -o size=512k none "$0" || exit 77; exec {sys.executable} -c "$1" "$0"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path), FILL_THE_DISK],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine does not let a test mount a small disk")
    assert done.stdout.strip() == "held", done.stderr


@pytest.mark.parametrize("bad", ["", "ab", "AB" * 32, "../" + "a" * 61, "g" * 64, SHA + "\n", SHA + "0"])
def test_a_hash_that_is_none_never_becomes_a_path(tmp_path, bad):
    store = Store(tmp_path)
    for place in (store.blob_path, store.thumb_path, store.view_path, store.manifest_path, store.bundle_dir):
        with pytest.raises(ValueError, match="sha256"):
            place(bad)


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a b", "run\n", "x" * 129])
def test_a_run_id_that_could_leave_the_folder_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="run id"):
        Store(tmp_path).run_dir(bad)


def test_places_are_those_of_the_contract(tmp_path):
    store = Store(tmp_path)
    assert store.thumb_path(SHA) == tmp_path / f"thumbs/ab/ab/{SHA}.jpg"
    assert store.view_path(SHA) == tmp_path / f"views/ab/ab/{SHA}.jpg"
    assert store.manifest_path(SHA) == tmp_path / f"manifests/{SHA}.json"
    assert store.bundle_dir(SHA) == tmp_path / f"bundles/{SHA}"
    assert store.run_dir("run-7_a") == tmp_path / "runs/run-7_a"
    assert store.cache == tmp_path / "cache"


def test_the_environment_names_store_and_cache():
    assert Store.from_environment({}) == Store(Path("var"))
    assert Store.from_environment({"SORTYARD_DATA": "/d"}).cache == Path("/d/cache")
    assert Store.from_environment({"SORTYARD_DATA": "/d", "SORTYARD_CACHE": "/c"}).cache == Path("/c")


def test_write_atomic_replaces_with_the_mode_asked_for(tmp_path):
    path = tmp_path / "deep" / "secret"
    write_atomic(path, b"one")
    write_atomic(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert files_below(tmp_path) == [path]


def test_what_a_killed_write_left_beside_its_file_is_removed(tmp_path):
    path = tmp_path / "checkpoints" / "epoch-0003.safetensors"
    code = """
import os, pathlib, signal, sys
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
sys.path.insert(0, sys.argv[2])
from ml.durable import write_atomic
write_atomic(pathlib.Path(sys.argv[1]), b"half")
"""
    path.parent.mkdir()
    (path.parent / ".keep").touch()
    done = subprocess.run([sys.executable, "-c", code, str(path), str(Path(__file__).resolve().parents[2])])
    assert done.returncode == -9
    assert len(files_below(tmp_path)) == 2
    assert remove_asides(tmp_path) == 1
    assert [file.name for file in files_below(tmp_path)] == [".keep"]


def test_many_files_are_written_at_once(tmp_path):
    files = [(tmp_path / str(n % 3) / f"{n}.jpg", bytes([n])) for n in range(20)]
    write_atomic_many(files)
    assert all(path.read_bytes() == data for path, data in files)
    assert len(files_below(tmp_path)) == 20


def test_files_that_killed_writers_left_are_swept_once_they_are_old(tmp_path):
    store = Store(tmp_path)
    store.put_blob(io.BytesIO(b"kept"))
    (tmp_path / "blobs" / ".incoming" / "left").write_bytes(b"half")
    assert store.sweep_incoming(older_than_seconds=3600) == 0
    assert store.sweep_incoming(older_than_seconds=-1) == 1
    assert len(files_below(tmp_path)) == 1
