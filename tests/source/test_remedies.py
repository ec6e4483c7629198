"""The table of messages: look here first when a new yt-dlp words something differently."""

import errno
import socket
from datetime import datetime, timezone

import pytest

from bili2text.errors import DownloadError, StorageError
from bili2text.source.faults import fault
from bili2text.source.redact import safe_text, safe_url
from bili2text.source.remedies import Fault, download_error, remedy

LINK = "https://www.bilibili.com/video/BV1bK411W797?p=2&token=s3cr3t"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ERROR: [BiliBili] BV1: You have exceeded the rate limit. Try again later", "too many requests"),
        (
            "[BiliBili] 1: Unable to download video info: 352: 风控校验失败, please wait and try later",
            "too many requests",
        ),
        ("Unable to download video info: 401: , please wait and try later", "too many requests"),
        (
            "[BiliBiliSpaceVideo] 1: Request is blocked by server (412), please wait and try later.",
            "too many requests",
        ),
        (
            "[youtube] x: Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser",
            "too many requests",
        ),
        ("This video is only available for registered users. Use --cookies", "wants a login"),
        ("[BiliBiliBangumi] 1: This video is for premium members only. Use --cookies", "paying members"),
        ("This is a supporter-only video: 充电专属. Use --cookies", "only supporters"),
        ("This video may be deleted or geo-restricted. You might want to try a VPN", "deleted, or not shown"),
        (
            "This video is restricted\nYou might want to use a VPN or a proxy server",
            "not shown in your country",
        ),
        ("The uploader has not made this video available in your country", "not shown in your country"),
        ("[youtube] x: Private video. Sign in if you've been granted access", "deleted or private"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "deleted or private"),
        ("The channel is not currently live", "a live stream"),
        ("This live event will begin in 2 hours.", "a live stream"),
        ("ERROR: This video is DRM protected", "protected by DRM"),
        ("Could not copy Chrome cookie database. See https://github.com/yt-dlp/yt-dlp/issues/7271", "locked"),
        (
            "ERROR: Failed to decrypt with DPAPI. See https://github.com/yt-dlp/yt-dlp/issues/10927",
            "encrypted",
        ),
        ('could not find firefox cookies database in "/home/x"', "were not found"),
        ("'c.txt' does not look like a Netscape format cookies file", "Netscape"),
        ("[generic] x: No video formats found!", "offers no sound"),
        ("\r[download] Got error: Downloaded 60000 bytes, expected 191164 bytes", "broke off"),
        ("131072 bytes read, 60092 more expected", "broke off"),
        ("Did not get any data blocks", "sent nothing"),
        ("file:// URLs are disabled by default in yt-dlp for security reasons", "file://"),
        ("The extracted extension ('exe') is unusual and will be skipped", "never saved"),
        ("fragment 3 not found, unable to continue", "a piece of the stream"),
        ("Got HTTP Error 403 caused by Cloudflare anti-bot challenge; see impersonation", "a real browser"),
    ],
)
def test_every_message_of_yt_dlp_has_a_meaning_and_a_way_out(text, what):
    cure = remedy(Fault(text))
    assert what in cure.what
    assert cure.hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused"),
        (socket.gaierror(-2, "Name or service not known"), "dns"),
        (TimeoutError("timed out"), "timeout"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "reset"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (OSError(errno.ENETUNREACH, "unreachable"), "refused"),
        (TypeError("'NoneType' object is not subscriptable"), "broken"),
        (KeyError("data"), "broken"),
    ],
)
def test_the_cause_is_found_however_it_is_wrapped(error, kind):
    assert fault(error).kind == kind
    outer = RuntimeError("ERROR: it failed")
    outer.exc_info = (type(error), error, None)
    middle = RuntimeError("it failed")
    middle.cause = outer
    if kind != "broken":
        assert fault(middle).kind == kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sat, 21 Nov 2026 10:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_both_forms_of_retry_after_are_understood(header, seconds):
    class Answer:
        headers = {"Retry-After": header}  # noqa: RUF012

    error = RuntimeError("HTTP Error 429: Too Many Requests")
    error.status, error.response = 429, Answer()
    found = fault(error, now=datetime(2026, 11, 21, 10, 0, tzinfo=timezone.utc))
    assert (found.status, found.wait) == (429, seconds)


def test_a_full_disk_is_no_fault_of_the_link():
    error = download_error(Fault("unable to write data: [Errno 28] No space left", kind="disk"), LINK)
    assert isinstance(error, StorageError)
    assert error.exit_code == 5


def test_an_unforeseen_message_is_repeated_clean_and_without_secrets():
    text = (
        "ERROR: \x1b[31m[x] Weird\r\nthing at https://u:pw@cdn.example/a.m4s?upsig=s3cr3t&p=1 (caused by <X>)"
        + "y" * 900
    )
    error = download_error(Fault(text), LINK)
    assert isinstance(error, DownloadError)
    assert "Weird thing at https://cdn.example/a.m4s?p=1" in error.message
    assert "s3cr3t" not in error.message
    assert "pw" not in error.message
    assert error.message.isprintable()
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (LINK, "https://www.bilibili.com/video/BV1bK411W797?p=2"),
        ("http://u:p@h:81/a#frag", "http://h:81/a"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("https://h/a?id=" + "x" * 50, "https://h/a"),
        ("http://[bad", "(unreadable link)"),
        ("https://h/\x1b[31m", "https://h/[31m"),
    ],
)
def test_links_are_shown_without_what_could_be_a_secret(url, shown):
    assert safe_url(url) == shown


def test_text_of_others_is_one_short_line():
    assert safe_text("a\r\nb\x1b[0m \u202ec") == "a b c"
    assert len(safe_text("x" * 5000)) == 200
