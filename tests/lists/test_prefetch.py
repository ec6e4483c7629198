"""The next recording is fetched while this one is worked on: seen by the order of events, not by a clock."""

import threading
import time
from contextlib import closing

import pytest
from a_list import HASTY

from bili2text import pipeline
from bili2text.errors import DownloadError
from bili2text.prefetch import ahead, fetched
from bili2text.progress import Silent
from bili2text.request import Failed, Result, Skipped
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate

_SOON = 20.0  # seconds after which what has not happened never will


def until(happened):
    end = time.monotonic() + _SOON
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def items(cache):
    """Return a function that yields the items behind links, as a thread may walk them."""

    def found(*links):
        def walk(progress):
            for link in links:
                for item in open_source(locate(link, lambda _: False), HASTY, cache, progress):
                    yield fetched(item)

        return walk

    return found


def test_one_is_fetched_while_another_is_in_hand_and_no_more_than_one(server, items):
    links = [server.url("whole", f"{name}.wav") for name in "abcd"]
    with closing(ahead(items(*links), Silent())) as found:
        assert next(found).fetch().path.is_file()
        until(lambda: server.count("whole/b") == 2)  # looked at, and downloaded
        time.sleep(0.3)  # what must not happen has time to
        assert server.count("whole/c") == 0
        next(found)
        until(lambda: server.count("whole/c") == 2)
        assert server.count("whole/d") == 0
    assert server.count("whole/d") == 0


def test_an_error_is_kept_for_its_item_and_the_order_stays(server, items):
    links = [server.url("whole"), server.url("cut"), server.url("norange")]
    with closing(ahead(items(*links), Silent())) as found:
        first, second, third = found
    assert first.fetch().path.is_file()
    for _ in range(2):
        with pytest.raises(DownloadError, match="broke off"):
            second.fetch()
    assert third.fetch().path.is_file()


def test_an_error_of_the_walk_itself_comes_after_what_was_found(server, items):
    with closing(ahead(items(server.url("whole"), server.url("missing")), Silent())) as found:
        assert next(found).fetch().path.is_file()
        with pytest.raises(DownloadError, match="404"):
            next(found)


def test_a_taker_that_fails_ends_the_download_that_was_under_way(server, items, cache):
    server.slow = 40_000
    links = [server.url("whole"), server.url("slow"), server.url("norange")]

    def take_one():
        with closing(ahead(items(*links), Silent())) as found:
            next(found)
            until(lambda: server.count("slow") == 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_one()
    until(lambda: not any(one.name == "prefetch" for one in threading.enumerate()))
    assert server.count("norange") == 0
    assert not [path for path in (cache / "staging").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_the_second_link_is_downloaded_while_the_first_is_transcribed(server, request_for, lonely):
    first, second = server.url("whole"), server.url("norange")
    seen = []

    class Waiting(Silent):
        def stage(self, name, total, unit):
            if name == "transcribe" and not seen:
                until(lambda: server.count("norange") == 2)
                seen.append(server.count("norange"))
            return super().stage(name, total, unit)

    outcomes = list(pipeline.run(request_for(first, second), Waiting(), lonely))
    assert [type(one) for one in outcomes] == [Result, Result]
    assert seen == [2]


def test_what_skip_leaves_out_is_looked_at_and_not_downloaded(server, request_for, lonely, cache):
    links = [server.url("whole", f"{name}.wav") for name in "abc"]
    assert all(isinstance(one, Result) for one in pipeline.run(request_for(*links), Silent(), lonely))
    for path in (cache / "media").rglob("*.wav"):
        path.unlink()
    server.asked.clear()
    links.append(server.url("missing"))
    outcomes = list(pipeline.run(request_for(*links, skip=True), Silent(), lonely))
    assert [type(one) for one in outcomes] == [Skipped, Skipped, Skipped, Failed]
    assert [server.count(f"whole/{name}") for name in "abc"] == [1, 1, 1]
