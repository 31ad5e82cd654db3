"""A tiny data set in idx files, and a real HTTP server on loopback that plays a script."""

import gzip
import os
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genbench.core.files import sha256_bytes
from genbench.data.specs import DataFile, DatasetSpec, datasets


def idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array, written from the format's description."""
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


@dataclass
class Tiny:
    """A data set of 40 + 10 images of 4x4 pixels, with its packed files."""

    spec: DatasetSpec
    arrays: tuple[np.ndarray, ...]
    contents: dict[str, bytes]
    packed: dict[str, bytes]

    def store(self, data_dir: Path) -> Path:
        folder = data_dir / self.spec.name
        folder.mkdir(parents=True, exist_ok=True)
        for name, payload in self.packed.items():
            (folder / name).write_bytes(payload)
        return folder

    def register(self, monkeypatch: pytest.MonkeyPatch, **changes: object) -> DatasetSpec:
        self.spec = replace(self.spec, **changes)
        monkeypatch.setitem(datasets._entries, self.spec.name, self.spec)
        return self.spec


def make_tiny(pin_content: bool) -> Tiny:
    draw = np.random.default_rng(0)
    shapes = ((40, 4, 4), (40,), (10, 4, 4), (10,))
    arrays = tuple(
        draw.integers(0, 256 if len(shape) == 3 else 10, shape, dtype=np.uint8) for shape in shapes
    )
    names = [file.name for file in datasets["mnist"].files]
    contents = {name: idx(array) for name, array in zip(names, arrays, strict=True)}
    packed = {name: gzip.compress(content, mtime=1) for name, content in contents.items()}
    files = tuple(
        DataFile(
            name,
            len(packed[name]),
            sha256_bytes(packed[name]),
            len(contents[name]),
            sha256_bytes(contents[name]) if pin_content else None,
        )
        for name in names
    )
    spec = replace(
        datasets["mnist"],
        name="tiny",
        image_shape=(1, 4, 4),
        n_train=40,
        n_test=10,
        default_validation_size=8,
        files=files,
        mirrors=(),
        torchvision_class="Tiny",
    )
    return Tiny(spec, arrays, contents, packed)


@pytest.fixture(params=[True, False], ids=["content_pinned", "packing_pinned"])
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    tiny = make_tiny(request.param)
    tiny.register(monkeypatch)
    return tiny


@pytest.fixture
def tiny_content(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    tiny = make_tiny(pin_content=True)
    tiny.register(monkeypatch)
    return tiny


Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """Plays the replies of a path in order, the last one for ever."""

    address: str = ""
    scripts: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def play(self, path: str, *replies: Reply) -> None:
        self.scripts[path] = list(replies)

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        script = self.scripts.get(handler.path, [status(404)])
        (script.pop(0) if len(script) > 1 else script[0])(handler)


def status(code: int) -> Reply:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


def body(payload: bytes, promised: int | None = None) -> Reply:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(payload) if promised is None else promised))
        handler.end_headers()
        handler.wfile.write(payload)

    return send


def redirect(address: str) -> Reply:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                served.reply(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        served.address = f"http://127.0.0.1:{running.server_port}/"
        yield served
        running.shutdown()
        thread.join()


@pytest.fixture
def real_data() -> Path:
    """The data directory with the real files."""
    if not os.environ.get("GENBENCH_DATA_DIR"):
        pytest.skip("GENBENCH_DATA_DIR is not set")
    return Path(os.environ["GENBENCH_DATA_DIR"])


@pytest.fixture
def frey_file(real_data) -> Path:
    """The real Frey Faces."""
    path = real_data / "frey_faces" / "frey_rawface.mat"
    if not path.is_file():
        pytest.skip("GENBENCH_DATA_DIR holds no Frey Faces")
    return path


@pytest.fixture
def replies() -> SimpleNamespace:
    """The replies a script can be made of."""
    return SimpleNamespace(body=body, status=status, redirect=redirect)
