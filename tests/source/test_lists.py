"""Lists, parts and what a known site says, through yt-dlp and the plugin site of these tests."""

from dataclasses import replace

import pytest

from bili2text.errors import DownloadError, UsageError
from bili2text.source.fetch import open_source
from bili2text.source.locate import Source


@pytest.fixture
def site(server):
    """Return a function that puts an info dictionary on the site, and returns its link."""

    def offer(name: str, **info) -> str:
        server.answers[name] = info
        return f"http://127.0.0.1:{server.port}/site/{name}"

    return offer


@pytest.fixture
def video(site, server, wav):
    """Return a function that puts one video on the site."""

    def offer(name: str, mode: str = "whole", **info) -> str:
        facts = {"id": name, "title": f"Talk {name}", "url": server.url(mode), "ext": "wav", "vcodec": "none"}
        return site(name, **{**facts, "filesize": len(wav), "duration": 2.986, **info})

    return offer


def play(server, *names):
    return [
        {"_type": "url", "url": f"http://127.0.0.1:{server.port}/site/{name}", "title": name}
        for name in names
    ]


def outcomes(link, options, cache, notes, **changes):
    found = []
    for item in open_source(Source("link", link, url=link), replace(options, **changes), cache, notes):
        try:
            found.append(item.fetch().title)
        except DownloadError as error:
            found.append(error.message.split(":")[0])
    return found


def test_a_list_says_how_many_items_it_has_and_what_to_do(site, server, fetch):
    link = site("list", _type="playlist", id="list", title="All", entries=play(server, "a", "b", "c"))
    with pytest.raises(DownloadError) as caught:
        fetch(link)
    assert caught.value.message == f"a list of 3 items: {link}"
    assert "--playlist-items 1:" in caught.value.hint
    assert server.count("api/a") == 0


@pytest.mark.parametrize(
    ("items", "titles"),
    [
        ("1:", "abcd"),
        ("2", "b"),
        ("2:3", "bc"),
        ("-1", "d"),
        ("4,1", "da"),
        ("1:4:2", "ac"),
        ("3-", "cd"),
        ("9", ""),
    ],
)
def test_playlist_items_mean_what_they_mean_in_yt_dlp(
    items, titles, site, video, server, options, cache, notes
):
    for name in "abcd":
        video(name)
    link = site("list", _type="playlist", id="list", title="All", entries=play(server, *"abcd"))
    found = outcomes(link, options, cache, notes, playlist_items=items)
    assert found == [f"Talk {name}" for name in titles]


@pytest.mark.parametrize("items", ["1,,2", "x", "1:2:0", ","])
def test_a_choice_nobody_can_read_is_a_mistake_in_the_command(items, server, fetch):
    with pytest.raises(UsageError):
        fetch(server.url("whole"), playlist_items=items)
    assert server.asked == []


def test_one_failing_item_of_a_list_costs_only_that_item(site, video, server, options, cache, notes):
    video("good")
    site("gone", fail="This video has been deleted")
    video("cut", "cutopen", filesize=None)
    site("odd", crash=True)
    video("lost", "missing")
    video("last")
    entries = play(server, "good", "gone", "cut", "odd", "lost", "last")
    link = site("list", _type="playlist", id="list", title="All", entries=entries)
    assert outcomes(link, options, cache, notes, playlist_items="1:") == [
        "Talk good", "deleted or private", "the server broke off, again and again",
        "yt-dlp does not understand the site's answer", "not found (404)", "Talk last",
    ]  # fmt: skip


def test_a_list_within_a_list_is_opened_too(site, video, server, fetch):
    for name in "abc":
        video(name)
    site("inner", _type="playlist", id="inner", title="Parts", entries=play(server, "a", "b"))
    link = site("outer", _type="playlist", id="outer", title="All", entries=play(server, "inner", "c"))
    assert [media.title for media in fetch.many(link, playlist_items="1:")] == ["Talk a", "Talk b", "Talk c"]


def test_a_list_that_holds_itself_ends(site, video, server, fetch):
    video("a")
    link = site("me", _type="playlist", id="me", title="Me", entries=play(server, "me", "a"))
    assert len(fetch.many(link, playlist_items="1:")) < 20


def test_a_list_of_one_needs_no_choice(site, video, server, fetch):
    video("a")
    link = site("list", _type="playlist", id="list", title="All", entries=play(server, "a"))
    assert fetch(link).title == "Talk a"


def test_an_empty_list_is_said_to_be_empty(site, fetch):
    with pytest.raises(DownloadError, match="an empty list"):
        fetch(site("list", _type="playlist", id="list", title="All", entries=[]))


def test_a_recording_in_several_files_needs_no_choice(site, server, fetch, notes):
    pieces = [
        {
            "id": f"v_{n}",
            "title": "Old video",
            "formats": [{"url": server.url(mode), "ext": "wav", "vcodec": "none"}],
        }
        for n, mode in enumerate(("whole", "norange"))
    ]
    link = site("old", _type="multi_video", id="old", title="Old video", entries=pieces)
    assert [media.part for media in fetch.many(link)] == [1, 2]
    assert notes.notes


def test_a_page_with_several_players_gives_each_of_them(server, options, cache, notes):
    found = outcomes(server.url("pages"), options, cache, notes, playlist_items="1:")
    assert found == ["A page (1)", "not found (404)", "A page (3)"]


def test_a_second_run_on_a_list_downloads_nothing(site, video, server, fetch):
    video("a")
    video("b", "norange")
    link = site("list", _type="playlist", id="list", title="All", entries=play(server, "a", "b"))
    first = fetch.many(link, playlist_items="1:")
    media = server.count("whole") + server.count("norange")
    pages = server.count("api/a") + server.count("api/b")
    assert fetch.many(link, playlist_items="1:") == first
    assert server.count("whole") + server.count("norange") == media == 2
    assert server.count("api/a") + server.count("api/b") == pages


def test_one_video_under_two_links_is_downloaded_once(video, server, fetch):
    video("a")
    root = f"http://127.0.0.1:{server.port}/site/a"
    assert fetch(root).path == fetch(f"{root}?from=share").path
    assert server.count("whole") == 1


def test_facts_of_a_site_are_kept_clean(video, fetch):
    title = "😀" * 300 + "\x1b[31m\u202e../\x9b\n<script>"
    media = fetch(video("a", title=title, uploader="..\r\n", tags=["x\x00y", "中文"], id="BV1bK411W797_p3"))
    assert media.title.isprintable() or "\u200d" in media.title
    assert "\x1b" not in media.title
    assert (media.uploader, media.tags, media.part) == ("..", ("xy", "中文"), 3)
    assert media.id == "BV1bK411W797_p3"
    assert len(media.path.name.encode()) < 60


@pytest.mark.parametrize(
    ("info", "what"),
    [
        (
            {"warn": ["This is a supporter-only video, only the preview will be extracted: 试看"]},
            "only supporters",
        ),
        ({"is_live": True}, "a live stream has no end"),
        ({"live_status": "is_upcoming"}, "a live stream has no end"),
        ({"duration": 60}, "the server broke off"),
        ({"filesize": 191_165}, "the server broke off"),
        ({"protocol": "rtmp", "url": "rtmp://127.0.0.1/x"}, "a kind of stream that is not supported"),
        ({"url": "file:///etc/hostname"}, "a kind of stream that is not supported"),
    ],
)
def test_what_would_pass_for_success_is_an_error(info, what, video, fetch, entered, staged):
    with pytest.raises(DownloadError) as caught:
        fetch(video("a", **info))
    assert caught.value.message.startswith(what)
    assert entered() == []
    assert staged() == []


def test_more_sound_than_the_site_says_is_taken_with_a_warning(video, fetch, notes):
    fetch(video("a", duration=0.5))
    assert "where the site says" in notes.warnings[0]


def test_the_reason_is_found_among_the_warnings(site, fetch):
    warn = [
        "Subtitles are only available when logged in",
        "Unable to download video info: 352: risk, please wait and try later",
    ]
    with pytest.raises(DownloadError, match="too many requests"):
        fetch(site("a", warn=warn, id="a", title="A", formats=[]))
    with pytest.raises(DownloadError, match="offers no sound"):
        fetch(site("b", warn=warn[:1], id="b", title="B", formats=[]))
