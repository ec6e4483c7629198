"""An eye on one download: tells the user how far it is, and ends what would never end by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bili2text.errors import DownloadError
from bili2text.progress import Stage
from bili2text.source.media import LinkOptions, Offer
from bili2text.source.parameters import rate
from bili2text.source.redact import safe_url

_TRICKLE = 500  # bytes a second; below it for the window, the server has stopped answering in all but name
_WINDOW = 60.0  # seconds


class Watch:
    """Called by yt-dlp with every block it wrote. Raises DownloadError or TimeoutError to end it all."""

    def __init__(self, stage: Stage, offer: Offer, options: LinkOptions) -> None:
        self.patient = False  # True: slowness is no reason to ask for another address
        self.length: int | None = None  # bytes, as the server declared them
        self.seconds = offer.duration  # of sound, as the site or the stream's own list declares
        self.on_length: Callable[[int], None] | None = None
        self._stage, self._offer, self._options = stage, offer, options
        self._shown = 0
        self._start = self._window = time.monotonic()
        self._window_bytes = 0

    def expect(self, seconds: float) -> None:
        """Note the length that the stream's own list declares; the site's word, if any, stands."""
        self.seconds = self.seconds or seconds or None

    def __call__(self, status: Mapping[str, Any]) -> None:
        """Take a progress report of yt-dlp."""
        done = int(status.get("downloaded_bytes") or 0)
        total = status.get("total_bytes")
        if status.get("status") == "downloading":
            self._declared(int(total) if total else None)
            self._bounded(done)
        if status.get("total_bytes_estimate"):
            self._stage.grow(float(status["total_bytes_estimate"]))
        if done > self._shown:  # a download that starts over is shown again once it is ahead
            self._stage.advance(done - self._shown)
            self._shown = done

    def _declared(self, total: int | None) -> None:
        if self._offer.fragmented or total is None or total == self.length:
            return
        if total > self._options.max_bytes:
            raise self._too_large(total)
        if self.on_length:
            self.on_length(total)
        self.length = total
        self._stage.grow(total)

    def _bounded(self, done: int) -> None:
        now = time.monotonic()
        if done > self._options.max_bytes:
            raise self._too_large(done)
        if self.length is None and not self.seconds and now - self._start > self._options.endless:
            raise DownloadError(
                f"no end after {self._options.endless / 60:.0f} minutes: {safe_url(self._offer.page)}",
                hint="this looks like a live stream; record it with another program and give the file",
            )
        if now - self._window > _WINDOW:
            limit = min(_TRICKLE, (rate(self._options.limit_rate) or _TRICKLE) // 2)
            if 0 <= done - self._window_bytes < limit * (now - self._window):
                raise TimeoutError("timed out: the server sends almost nothing")
            self._window, self._window_bytes = now, done

    def _too_large(self, size: int) -> DownloadError:
        return DownloadError(
            f"larger than the limit ({size} > {self._options.max_bytes} bytes): {safe_url(self._offer.page)}",
            hint="download it with another program and give the file",
        )
