import pytest

from bili2text.errors import UsageError
from bili2text.source.accept import Evidence, judge
from bili2text.source.hls import read_playlist
from bili2text.source.media import LinkOptions, Offer
from bili2text.source.parameters import backoff, browser, parameters, playlist_slices, rate
from bili2text.source.store import resumable


@pytest.mark.parametrize("text", ["500K", "4.2M", "1g", "50", "1.5k"])
def test_rates_mean_what_they_mean_in_yt_dlp(text):
    from yt_dlp.utils import parse_bytes

    assert rate(text) == pytest.approx(parse_bytes(text), abs=1)


@pytest.mark.parametrize("text", ["", "fast", "0", "-5K", "5Q", "K", "100KiB"])
def test_a_rate_that_is_none_is_a_mistake_in_the_command(text):
    with pytest.raises(UsageError):
        rate(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("firefox", ("firefox", None, None, None)),
        ("Chrome:Profile 1", ("chrome", "Profile 1", None, None)),
        ("chromium+gnomekeyring:Default", ("chromium", "Default", "GNOMEKEYRING", None)),
        ("firefox:work::Container", ("firefox", "work", None, "Container")),
        ("firefox::none", ("firefox", None, None, "none")),
    ],
)
def test_browsers_are_named_as_in_yt_dlp(text, parts):
    assert browser(text) == parts


@pytest.mark.parametrize("text", ["", "netscape", "+x", ":x"])
def test_an_unknown_browser_is_a_mistake_in_the_command(text):
    with pytest.raises(UsageError):
        browser(text)


@pytest.mark.parametrize("text", ["1:", "1:3,7,-2", "2", "3-5", "1:10:2", ":-1", "::-1", "2:inf", "-3:"])
def test_choices_are_read_as_in_yt_dlp(text):
    from yt_dlp.utils import PlaylistEntries

    assert list(playlist_slices(text)) == list(PlaylistEntries.parse_playlist_items(text))


def test_nothing_of_yt_dlp_is_left_to_an_api_default_that_loses_data():
    chosen = parameters(LinkOptions(), None, None)
    assert (chosen["retries"], chosen["fragment_retries"]) == (10, 10)
    assert chosen["skip_unavailable_fragments"] is False
    assert chosen["enable_file_urls"] is False
    assert chosen["cookiefile"] is None


def test_pauses_double_and_are_bounded():
    assert [backoff(1.0)(n) for n in (0, 1, 2, 3, 10, 1000)] == [1.0, 2.0, 4.0, 8.0, 30.0, 30.0]


def offer(**changes):
    facts = {
        "site": "x",
        "id": "1",
        "format_id": "0",
        "title": "",
        "page": "",
        "generic": False,
        "protocol": "https",
    }
    return Offer(**{**facts, **changes})


@pytest.mark.parametrize(
    ("part", "total", "changes", "answer"),
    [
        (5, 10, {}, True),
        (0, 10, {}, False),
        (10, 10, {}, False),
        (11, 10, {}, False),
        (5, None, {}, False),
        (5, 10, {"generic": True}, False),
        (5, 10, {"protocol": "m3u8_native"}, False),
        (5, 10, {"protocol": "http_dash_segments"}, False),
    ],
)
def test_only_a_plain_part_of_known_length_is_continued(part, total, changes, answer):
    assert resumable(part, total, offer(**changes)) is answer


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(10, declared=10), "whole"),
        (Evidence(9, declared=10), "cut"),
        (Evidence(11, declared=10), "cut"),
        (Evidence(10, seconds=100.0, expected=101.9), "whole"),
        (Evidence(10, seconds=100.0, expected=102.1), "cut"),
        (Evidence(10, declared=10, seconds=100.0, expected=200.0), "cut"),
        (Evidence(10, seconds=1000.0, expected=1009.0), "whole"),
        (Evidence(10, seconds=1000.0, expected=1011.0), "cut"),
        (Evidence(10, seconds=60.0, expected=60.0, claim=False), "cut"),
        (Evidence(10, seconds=122.0, expected=60.0), "longer"),
        (Evidence(10, claim=True), "whole"),
        (Evidence(10, claim=False), "cut"),
        (
            Evidence(10, declared=10, claim=False),
            "whole",
        ),  # it is what the server has: the decoder tells of it
        (Evidence(10), "unproven"),
        (Evidence(10, expected=60.0), "unproven"),
        (Evidence(10, joined=True), "whole"),
        (Evidence(10, joined=True, claim=False), "cut"),
    ],
)
def test_the_verdict_follows_from_the_evidence(evidence, verdict):
    assert judge(evidence) == verdict


def test_a_playlist_without_an_end_mark_is_live():
    vod = "#EXTM3U\n#EXTINF:2.5,\na.ts\n#EXTINF:1,x\nb.ts\n#EXT-X-ENDLIST\n"
    assert (read_playlist(vod).ended, read_playlist(vod).duration) == (True, 3.5)
    assert not read_playlist(vod.replace("#EXT-X-ENDLIST", "")).ended
    assert read_playlist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n").master
