"""Whether what arrived is the whole of what was asked for. All that enters the cache has passed here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bili2text.audio.container import inspect
from bili2text.errors import DownloadError, MediaError
from bili2text.progress import Progress
from bili2text.source.media import Offer
from bili2text.source.redact import safe_url
from bili2text.source.watch import Watch
from bili2text.source.wholeness import proves_whole

_SNIFFED = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about how long a download should be, and how long it is."""

    size: int  # bytes on disk
    declared: int | None = None  # bytes, by the site or the server
    seconds: float | None = None  # of sound, by the file; None when it is a guess from a bit rate
    expected: float | None = None  # seconds, by the site or the stream's list
    joined: bool = False  # from pieces, each of which arrived
    claim: bool | None = None  # whether the file itself proves that it is whole


Verdict = Literal["whole", "cut", "longer", "unproven"]


def judge(evidence: Evidence) -> Verdict:
    """Return what the evidence amounts to.

    A length in seconds may be off by 2 s or 1 %, whichever is more: sites round, and encoders pad.
    """
    if evidence.declared is not None and evidence.size != evidence.declared:
        return "cut"
    # Seconds may be read from a header, and a header outlives the cut. With a declared length the file is
    # what the server has, however damaged: then the decoder tells of it.
    if evidence.declared is None and evidence.claim is False:
        return "cut"
    if evidence.seconds and evidence.expected:
        slack = max(2.0, evidence.expected / 100)
        if evidence.seconds < evidence.expected - slack:
            return "cut"
        return "longer" if evidence.seconds > evidence.expected + slack else "whole"
    proven = evidence.declared is not None or evidence.claim or evidence.joined
    return "whole" if proven else "unproven"


def accept(path: Path, offer: Offer, watch: Watch, progress: Progress) -> tuple[Verdict, float | None]:
    """Return the verdict on the file, and how many seconds it lasts as far as that is known.

    Raises DownloadError when it is no media at all.
    """
    size = path.stat().st_size
    link = safe_url(offer.page)
    with path.open("rb") as file:
        head = file.read(_SNIFFED).lstrip().lower()
    if not size or head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"{", b"#extm3u")):
        what = "sent nothing" if not size else "sent a page or a text instead of sound"
        raise DownloadError(
            f"the server {what}: {link}", hint="open the link in a browser and see what it shows"
        )
    try:
        info = inspect(path)
    except MediaError as error:
        # The path in its message is one of ours, and says nothing to the user.
        why = error.message.split(":")[0] if str(path) in error.message else error.message
        raise DownloadError(
            f"what the server sent cannot be used ({why}): {link}", hint=error.hint
        ) from error
    verdict = judge(
        Evidence(
            size=size,
            declared=offer.size or (None if offer.fragmented else watch.length),
            seconds=info.duration if info.exact else None,
            expected=watch.seconds,
            joined=offer.fragmented,
            claim=proves_whole(path),
        )
    )
    if verdict == "unproven":
        progress.warn(
            f"neither server nor file tells its length: a cut at the end would go unnoticed: {link}"
        )
    if verdict == "longer":
        progress.warn(
            f"{info.duration or 0:.0f} s of sound where the site says {watch.seconds or 0:.0f} s: {link}"
        )
    return verdict, info.duration or watch.seconds
