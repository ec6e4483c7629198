"""A real HTTP server on 127.0.0.1 that serves one media file in every way that servers fail.

`with FaultServer(media_bytes) as server: server.url("whole")`. The last part of an address is a file name and
counts for nothing but looks; the first is a mode:

    whole           the file; Range and Content-Length as they should be
    norange         the file; Range is ignored
    chunked         the file, chunked, so its end is certain though its length is not declared
    page            an HTML page with an <audio> of `whole`
    pages           an HTML page with three <audio>: `whole`, `missing`, `norange`
    redirect        302 to `whole`;  loop: 302 to itself;  tofile: 302 to file:///etc/hostname
    missing forbidden unauthorized precondition toomany broken legal gone    404 403 401 412 429 500 451 410
    busy            503 to the first request for it, then the file
    mediabusy       the file, but the second request for it (the download) gets 503
    patient         429 with "Retry-After: 1" to the first request, then the file
    hourlater       429 with "Retry-After: 3600", always
    html            a page without media;  htmlaudio: that page, sent as audio/wav
    text            plain words, sent as audio/mpeg
    cut             every body ends after `CUT` bytes, Content-Length is that of the whole; Range works
    cutnorange      the same, and Range is ignored
    cutopen         the body ends after `CUT` bytes and there is no Content-Length: the end looks like an end
    open            the whole body, no Content-Length
    diesonce        the first download ends after `CUT` bytes, later ones work, with Range
    diesnorange     the same, without Range
    stall           `CUT` bytes, then silence until the client goes
    empty           200, audio/wav, nothing
    slow            the file at `SLOW` bytes a second; Range works
    endless         audio without end, no Content-Length (a radio station)
    hls/whole       a playlist over `server.segments`;  hls/slow: each of them takes a while
    hls/missing hls/cut hls/stall    its middle segment is 404, is cut short, never ends
    hls/file        its middle segment is file:///etc/hostname
    hls/live        a playlist without an end mark
    file/NAME       what `server.files[NAME]` holds, as (bytes, type)
    api/NAME        what `server.answers[NAME]` holds, as JSON

`server.asked` lists every request as (method, path, Range or ""), `server.cookies` the Cookie headers,
`server.count("whole")` counts the requests of a mode.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = 60_000  # bytes
SLOW = 400_000  # bytes a second
_STATUS = {
    "missing": 404,
    "forbidden": 403,
    "unauthorized": 401,
    "precondition": 412,
    "toomany": 429,
    "broken": 500,
    "legal": 451,
    "gone": 410,
}
_PAGE = "<!DOCTYPE html><html><head><title>A page</title></head><body>{}</body></html>"


class FaultServer:
    """The server; a context manager. `media` is served by most modes, `segments` by the hls ones."""

    def __init__(self, media: bytes, *, name: str = "speech.wav", kind: str = "audio/wav") -> None:
        self.media = media
        self.name = name
        self.kind = kind
        self.segments: tuple[bytes, ...] = ()  # MPEG-TS, one second each unless `seconds` says otherwise
        self.seconds: tuple[float, ...] = ()
        self.files: dict[str, tuple[bytes, str]] = {}
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.cookies: list[str] = []
        self.slow = SLOW
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, mode: str, name: str | None = None) -> str:
        """Return the address of a mode; `name` replaces the file name at its end."""
        if mode.startswith("hls/"):
            return f"http://127.0.0.1:{self.port}/{mode}.m3u8"
        return f"http://127.0.0.1:{self.port}/{mode}/{name or self.name}"

    def count(self, mode: str) -> int:
        return sum(path.startswith(f"/{mode}") for _, path, _ in self.asked)

    def note(self, method: str, path: str, span: str) -> int:
        """Write a request down; return how many there were for the same path, this one included."""
        with self._lock:
            self.asked.append((method, path, span))
            return sum(before == path for _, before, _ in self.asked)

    def wait(self, seconds: float) -> bool:
        """Sleep; return False when the server is being stopped meanwhile."""
        return not self._stopping.wait(seconds)

    def __enter__(self) -> FaultServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        faults = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    faults: FaultServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        number = self.faults.note(self.command, path, self.headers.get("Range") or "")
        self.faults.cookies.append(self.headers.get("Cookie") or "")
        mode, _, rest = path.lstrip("/").partition("/")
        if mode in _STATUS:
            self._whole(b"no", "text/plain", _STATUS[mode])
            return
        action: Callable[[str, int], None] | None = getattr(self, f"_mode_{mode}", None)
        if action is None:
            self._whole(b"no such mode", "text/plain", 404)
        else:
            action(rest, number)

    def _whole(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self._head(status, kind, **{"Content-Length": str(len(body)), **headers})
        self._body(body)

    def _head(self, status: int, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content-Length" not in headers and "Transfer_Encoding" not in headers:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def _body(self, body: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(body)
            self.wfile.flush()

    def _file(self, *, ranges: bool = True, cut: int | None = None) -> None:
        """Answer with the media, from where Range says; end the connection after `cut` bytes of the body."""
        body, span = self.faults.media, self.headers.get("Range", "")
        start = int(span[6:].split("-")[0] or 0) if ranges and span.startswith("bytes=") else 0
        if start and start >= len(body):
            self._whole(b"", "text/plain", 416, Content_Range=f"bytes */{len(body)}")
            return
        headers = {"Content-Length": str(len(body) - start)}
        if ranges:
            headers["Accept_Ranges"] = "bytes"
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._head(206 if start else 200, self.faults.kind, **headers)
        self._body(body[start:] if cut is None else body[start : start + cut])
        if cut is not None:
            self.close_connection = True

    def _moved(self, where: str) -> None:
        self._whole(b"", "text/plain", 302, Location=where)

    def _page(self, *modes: str) -> None:
        players = "".join(f'<audio src="{self.faults.url(mode)}"></audio>' for mode in modes)
        self._whole(_PAGE.format(players or "Nothing to hear.").encode(), "text/html; charset=utf-8")

    def _mode_whole(self, _: str, __: int) -> None:
        self._file()

    def _mode_norange(self, _: str, __: int) -> None:
        self._file(ranges=False)

    def _mode_chunked(self, _: str, __: int) -> None:
        self._head(200, self.faults.kind, Transfer_Encoding="chunked")
        body = self.faults.media
        for start in range(0, len(body), 20_000):
            block = body[start : start + 20_000]
            self._body(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        self._body(b"0\r\n\r\n")

    def _mode_page(self, _: str, __: int) -> None:
        self._page("whole")

    def _mode_pages(self, _: str, __: int) -> None:
        self._page("whole", "missing", "norange")

    def _mode_redirect(self, _: str, __: int) -> None:
        self._moved(self.faults.url("whole"))

    def _mode_loop(self, _: str, __: int) -> None:
        self._moved(self.path)

    def _mode_tofile(self, _: str, __: int) -> None:
        self._moved("file:///etc/hostname")

    def _mode_busy(self, _: str, number: int) -> None:
        self._file() if number > 1 else self._whole(b"busy", "text/plain", 503)

    def _mode_mediabusy(self, _: str, number: int) -> None:
        self._whole(b"busy", "text/plain", 503) if number == 2 else self._file()

    def _mode_patient(self, _: str, number: int) -> None:
        self._file() if number > 1 else self._whole(b"slow down", "text/plain", 429, Retry_After="1")

    def _mode_hourlater(self, _: str, __: int) -> None:
        self._whole(b"slow down", "text/plain", 429, Retry_After="3600")

    def _mode_html(self, _: str, __: int) -> None:
        self._page()

    def _mode_htmlaudio(self, _: str, __: int) -> None:
        self._whole(_PAGE.format("Please log in.").encode(), "audio/wav")

    def _mode_text(self, _: str, __: int) -> None:
        self._whole(b"These are words, and not sound at all.\n" * 40, "audio/mpeg")

    def _mode_cut(self, _: str, __: int) -> None:
        self._file(cut=CUT)

    def _mode_cutnorange(self, _: str, __: int) -> None:
        self._file(ranges=False, cut=CUT)

    def _mode_cutopen(self, _: str, __: int) -> None:
        self._head(200, self.faults.kind)
        self._body(self.faults.media[:CUT])

    def _mode_open(self, _: str, __: int) -> None:
        self._head(200, self.faults.kind)
        self._body(self.faults.media)

    def _mode_diesonce(self, _: str, number: int) -> None:
        self._file(cut=CUT if number == 2 else None)

    def _mode_diesnorange(self, _: str, number: int) -> None:
        self._file(ranges=False, cut=CUT if number == 2 else None)

    def _mode_stall(self, _: str, __: int) -> None:
        self._file(cut=CUT)
        self.faults.wait(600)

    def _mode_empty(self, _: str, __: int) -> None:
        self._whole(b"", self.faults.kind)

    def _mode_slow(self, _: str, number: int) -> None:
        body, span = self.faults.media, self.headers.get("Range", "")
        start = int(span[6:].split("-")[0]) if span.startswith("bytes=") else 0
        if start >= len(body):
            self._whole(b"", "text/plain", 416, Content_Range=f"bytes */{len(body)}")
            return
        headers = {"Content-Length": str(len(body) - start)}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._head(206 if start else 200, self.faults.kind, **headers)
        step = max(1, self.faults.slow // 100)
        for position in range(start, len(body), step):
            self._body(body[position : position + step])
            if number < 2 or not self.faults.wait(0.01):
                break

    def _mode_endless(self, _: str, __: int) -> None:
        self._head(200, "audio/mpeg")
        while self.faults.wait(0.02):
            self._body(b"\xff\xfb\x90\x00" + bytes(413))

    def _mode_file(self, name: str, _: int) -> None:
        body, kind = self.faults.files.get(name, (b"", "text/plain"))
        self._whole(body, kind, 200 if name in self.faults.files else 404)

    def _mode_api(self, name: str, _: int) -> None:
        known = name in self.faults.answers
        body = json.dumps(self.faults.answers.get(name)).encode()
        self._whole(body, "application/json", 200 if known else 404)

    def _mode_hls(self, rest: str, _: int) -> None:
        if rest.endswith(".m3u8"):
            kind = "application/vnd.apple.mpegurl"
            self._whole(self._playlist(rest[: -len(".m3u8")]).encode(), kind)
            return
        number = int(rest.rpartition("/")[2].partition(".")[0])
        body = self.faults.segments[number]
        broken = number == len(self.faults.segments) // 2
        if rest.startswith("missing") and broken:
            self._whole(b"no", "text/plain", 404)
        elif rest.startswith("stall") and broken:
            self._head(200, "video/mp2t", **{"Content-Length": str(len(body))})
            self.faults.wait(600)
        elif rest.startswith("cut") and broken:
            self._head(200, "video/mp2t", **{"Content-Length": str(len(body))})
            self._body(body[: len(body) // 2])
            self.close_connection = True
        else:
            time.sleep(0.2 if rest.startswith("slow") else 0)
            self._whole(body, "video/mp2t")

    def _playlist(self, mode: str) -> str:
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:10", "#EXT-X-MEDIA-SEQUENCE:0"]
        seconds = self.faults.seconds or (1.0,) * len(self.faults.segments)
        for number, duration in enumerate(seconds):
            outside = mode == "file" and number == len(seconds) // 2
            lines += [
                f"#EXTINF:{duration:.3f},",
                "file:///etc/hostname" if outside else f"{mode}/{number}.ts",
            ]
        return "\n".join(lines + ([] if mode == "live" else ["#EXT-X-ENDLIST"])) + "\n"
