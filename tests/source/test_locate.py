import pytest

from bili2text.errors import SourceError, UsageError
from bili2text.source.locate import locate


def nothing(_: str) -> bool:
    return False


def anything(_: str) -> bool:
    return True


VIDEO = "https://www.bilibili.com/video/"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("BV1bK411W797", VIDEO + "BV1bK411W797"),
        ("bv1bK411W797", VIDEO + "BV1bK411W797"),
        ("  BV1bK411W797\n", VIDEO + "BV1bK411W797"),
        ("BV1bK411W797?p=3", VIDEO + "BV1bK411W797?p=3"),
        ("BV1bK411W797/?p=3", VIDEO + "BV1bK411W797?p=3"),
        ("BV1bK411W797?vd_source=0123abc&p=12", VIDEO + "BV1bK411W797?p=12"),
        ("BV1bK411W797?spm_id_from=333", VIDEO + "BV1bK411W797"),
        ("av170001", VIDEO + "av170001"),
        ("AV170001?p=2", VIDEO + "av170001?p=2"),
        ("b23.tv/abc123", "https://b23.tv/abc123"),
        ("https://b23.tv/abc123", "https://b23.tv/abc123"),
        ("bilibili.com/video/BV1bK411W797?p=2", "https://bilibili.com/video/BV1bK411W797?p=2"),
        ("www.bilibili.com/video/bv1bK411W797", VIDEO + "BV1bK411W797"),
        ("https://m.bilibili.com/video/BV1bK411W797", VIDEO + "BV1bK411W797"),
        ("https://www.bilibili.com/video/AV170001/", VIDEO + "av170001/"),
        ("space.bilibili.com/123/video", "https://space.bilibili.com/123/video"),
        ("youtu.be/dQw4w9WgXcQ", "https://youtu.be/dQw4w9WgXcQ"),
        ("HTTPS://example.org/a.mp3?x=1", "HTTPS://example.org/a.mp3?x=1"),
        ("http://[::1]:8000/a.mp3", "http://[::1]:8000/a.mp3"),
        ("【标题】 https://www.bilibili.com/video/BV1bK411W797/?share_source=copy_web",
         VIDEO + "BV1bK411W797/?share_source=copy_web"),
    ],
)  # fmt: skip
def test_every_way_to_write_a_link_leads_to_its_address(given, url):
    source = locate(given, nothing)
    assert (source.kind, source.url, source.path) == ("link", url, None)


@pytest.mark.parametrize(
    "given", ["talk.mp3", "BV1bK411W797", "av170001", "b23.tv/abc123", "C:\\talk.mp3", " x.mp3"]
)
def test_an_existing_file_wins_over_an_id(given):
    source = locate(given, anything)
    assert (source.kind, str(source.path), source.url) == ("file", given, None)


def test_a_dash_is_standard_input():
    assert locate("-", anything).kind == "stdin"


def test_a_link_is_never_looked_up_as_a_file():
    def exists(text):
        raise AssertionError(text)

    assert locate("https://example.org/a", exists).kind == "link"


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("file:///etc/passwd", "file:// links are not opened", "the path itself"),
        ("FILE:///etc/passwd", "file:// links are not opened", "the path itself"),
        ("ftp://host/a.mp3", "ftp:// links are not opened", "http"),
        ("rtmp://host/live", "rtmp:// links are not opened", "http"),
        ("nowhere.mp3", "no such file: nowhere.mp3", "check the path"),
        ("BV1bK411W7", "not a Bilibili id", "nine more letters"),
        ("BV1bK411W79O", "not a Bilibili id", "nine more letters"),
        ("BV1bK411W797?p=0", "not the number of a part", "?p=3"),
        ("BV1bK411W797?p=x", "not the number of a part", "?p=3"),
        ("http://", "not a usable link", "whole address"),
        ("https://exa mple.org/a", "not a usable link", "whole address"),
        ("https://example.org:99999/a", "not a usable link", "whole address"),
        ("http://[::1/a", "not a usable link", "whole address"),
        ("two https://a.org/1 links https://b.org/2", "no such file", "check the path"),
        ("see file:///etc/passwd", "no such file", "check the path"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(given, message, hint):
    with pytest.raises(SourceError) as caught:
        locate(given, nothing)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("given", ["", "   ", "\n"])
def test_nothing_at_all_is_a_mistake_in_the_command(given):
    with pytest.raises(UsageError):
        locate(given, nothing)


@pytest.mark.parametrize("given", ["\x1b[31mred\x07", "a\u202egpj.exe", "x" * 5000, "line\r\nline", "\udcff"])
def test_hostile_names_are_cleaned_before_they_are_repeated(given):
    with pytest.raises(SourceError) as caught:
        locate(given, nothing)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200
