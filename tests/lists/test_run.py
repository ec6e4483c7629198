"""A list worked through: what fails stops nothing, what may pass comes again, what says no is left in peace."""

import time
from dataclasses import replace

import pytest
from a_list import NAME, worked
from test_prefetch import until

from bili2text.errors import RuntimeFailure
from bili2text.lists.again import begin_anew, try_again
from bili2text.lists.manifest import Manifest, look
from bili2text.lists.rules import Rules, died, fate, pause
from bili2text.lists.shelf import Shelf
from bili2text.lists.values import Entry, counts, exit_code
from bili2text.lists.watch import Watched
from bili2text.progress import Silent
from bili2text.source.again import Verdict


@pytest.fixture
def entries(cache):
    """Return a function that reads the list's recordings as (place, state, why)."""

    def read():
        found = look(Shelf(cache).folder(NAME))[1]
        return {one.place: one for one in found}

    return read


@pytest.fixture
def site(server):
    """Return a function that puts a list of videos on the test's own site; "-" is one that is deleted."""

    def offer(name, *videos):
        root = f"http://127.0.0.1:{server.port}/site"
        for video in videos:
            found = {
                "id": video,
                "title": f"课 {video}",
                "url": server.url("whole"),
                "ext": "wav",
                "vcodec": "none",
            }
            server.answers[video] = {"fail": "This video has been deleted"} if video == "-" else found
        lines = [{"_type": "url", "url": f"{root}/{video}", "title": video} for video in videos]
        server.answers[name] = {"_type": "playlist", "id": name, "title": name, "entries": lines}
        return f"{root}/{name}"

    return offer


def test_a_list_is_written_down_and_asked_for_once(server, site, cache, request_for, entries, tmp_path):
    link = site("course", "a", "-", "b")
    worked(cache, request_for(), [link])
    found = entries()
    assert [found[1, n].state for n in (1, 2, 3)] == ["done", "failed", "done"]
    assert found[1, 2].why.startswith("deleted or private")
    names = sorted(path.name for path in (tmp_path / "out").glob("*.txt"))
    assert names == ["01 课 a [a].txt", "03 课 b [b].txt"]
    asked = len(server.asked)
    assert worked(cache, request_for(), [link]) == []
    assert len(server.asked) == asked


def test_half_a_list_goes_on_without_asking_for_what_is_done(server, site, cache, request_for, entries):
    link = site("course", "a", "b", "c")
    worked(cache, request_for(), [link], rules=Rules(max_downloads=1))
    assert [entries()[1, n].state for n in (1, 2, 3)] == ["done", "waiting", "waiting"]
    assert entries()[1, 2].why == "--max-downloads 1 reached"
    assert exit_code(entries().values()) == 6
    server.asked.clear()
    worked(cache, request_for(), [link])
    assert [entries()[1, n].state for n in (1, 2, 3)] == ["done"] * 3
    assert server.count("api/course") == server.count("api/a") == 0


def test_parts_are_chosen_of_the_named_list_and_keep_their_numbers(site, cache, request_for, tmp_path):
    link = site("course", "a", "b", "c", "d")
    request = request_for()
    request = replace(request, link=replace(request.link, playlist_items="2-3"))
    worked(cache, request, [link])
    names = sorted(path.name for path in (tmp_path / "out").glob("*.txt"))
    assert names == ["02 课 b [b].txt", "03 课 c [c].txt"]


def test_lists_within_lists_are_opened_and_one_that_holds_itself_ends(
    server, site, cache, request_for, entries
):
    link = site("outer", "me", "inner")
    site("inner", "a", "b")
    server.answers["me"] = server.answers["outer"]
    worked(cache, request_for(skip=True), [link])
    done = [place for place, one in entries().items() if one.state == "done" and one.kind != "list"]
    assert (1, 2, 1) in done
    assert (1, 2, 2) in done
    assert max(map(len, entries())) <= 6
    assert any("lists within each other" in one.why for one in entries().values())


def test_what_may_pass_comes_again_at_the_end_and_what_may_not_does_not(server, cache, request_for, entries):
    modes = ("busy", "missing", "mediabusy", "broken", "whole")
    told = worked(cache, request_for(), [server.url(mode) for mode in modes])
    assert [one.state for one in entries().values()] == ["done", "failed", "done", "failed", "done"]
    order = [entry.place[0] for entry, _ in told]
    assert order == [1, 2, 3, 4, 5, 1, 3, 4, 4]
    assert server.count("missing") == 1
    assert server.count("broken") == 3


def test_a_site_that_says_no_three_times_is_asked_no_more(server, cache, request_for, entries):
    links = [server.url("toomany", f"{n}.wav") for n in range(5)] + [server.url("whole")]
    worked(cache, request_for(), links, rules=Rules(again=1, pause=0.01, refusals=3))
    assert server.count("toomany") == 3
    assert server.count("whole") == 0
    assert {one.state for one in entries().values()} == {"waiting"}
    assert all("refused 3 times" in one.why for one in entries().values())


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server, cache, request_for, entries):
    began = time.monotonic()
    worked(cache, request_for(), [server.url("hourlater"), server.url("whole")])
    assert time.monotonic() - began < 60
    assert [one.state for one in entries().values()] == ["waiting", "done"]


def test_a_folder_a_file_and_what_is_not_there(cache, request_for, entries, samples, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b.wav", "A.wav", "c.txt"):
        (folder / name).write_bytes((samples / "en" / "hello_world.wav").read_bytes())
    (folder / "broken.mp3").write_bytes(b"no sound")
    worked(cache, request_for(), [str(folder), str(tmp_path / "gone.wav")])
    said = {one.name.rpartition("/")[2]: one.state for one in entries().values() if one.kind != "list"}
    assert said == {"A": "done", "b": "done", "broken": "failed", "gone.wav": "failed"}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == ["A.txt", "b.txt"]


def test_names_given_in_an_earlier_run_stay_given(cache, request_for, entries, samples, tmp_path):
    for name, source in (("talk.wav", "hello_world"), ("talk.mp3", "counting")):
        (tmp_path / name).write_bytes((samples / "en" / f"{source}.wav").read_bytes())
    for name in ("talk.wav", "talk.mp3"):
        worked(cache, request_for(), [str(tmp_path / name)])
    assert [one.state for one in entries().values()] == ["done", "done"]
    names = sorted(path.name for path in (tmp_path / "out").glob("*.txt"))
    assert names == ["talk.mp3.txt", "talk.txt"]


def test_a_watched_folder_gives_what_has_stopped_growing(cache, request_for, entries, samples, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    whole = (samples / "en" / "hello_world.wav").read_bytes()
    watched = Watched(folder)
    (folder / "a.wav").write_bytes(whole[:9000])
    assert watched.look() == ()
    (folder / "a.wav").write_bytes(whole)
    (folder / "empty.wav").touch()
    assert watched.look() == ()
    assert watched.look() == (folder / "a.wav",)

    class Ends(Watched):
        def look(self):
            found = super().look()
            if cache.exists() and any(one.state == "done" for one in entries().values()):
                raise KeyboardInterrupt
            return found

    assert len(worked(cache, request_for(), [], watched=Ends(folder, 0.05))) == 1
    assert [one.state for one in entries().values()] == ["done"]


def test_a_recording_that_the_program_dies_at_three_times_is_put_aside(server, cache, request_for, entries):
    links = [server.url("whole", "poison.wav"), server.url("norange")]
    for death in (1, 2, 3):
        with Manifest.open(Shelf(cache).folder(NAME)) as manifest:
            first = manifest.add((), "source", links[0], "poison")
            assert first.deaths == death - 1
            if death < 3:
                manifest.change((1,), state="waiting", deaths=death)
                continue
            manifest.change((1,), state="transcribing")  # what a killed process leaves
    worked(cache, request_for(), links)
    assert [one.state for one in entries().values()] == ["quarantined", "done"]
    assert "3 times" in entries()[1,].why
    assert exit_code(entries().values()) == 1
    with Manifest.open(Shelf(cache).folder(NAME)) as manifest:
        assert try_again(manifest) == 1
    worked(cache, request_for(), links)
    assert [one.state for one in entries().values()] == ["done", "done"]


def test_a_stopped_run_leaves_everything_waiting(server, cache, request_for, entries):
    server.slow = 30_000

    class Ends(Silent):
        def stage(self, name, total, unit):
            if name == "transcribe":
                until(lambda: server.count("slow") == 2)
                raise KeyboardInterrupt
            return super().stage(name, total, unit)

    with pytest.raises(KeyboardInterrupt):
        worked(cache, request_for(), [server.url("whole"), server.url("slow")], progress=Ends())
    assert [(one.state, one.deaths) for one in entries().values()] == [("waiting", 0), ("waiting", 0)]


def test_a_list_begun_anew_is_asked_for_again(server, site, cache, request_for, entries):
    link = site("course", "a", "b")
    worked(cache, request_for(), [link])
    link = site("course", "a", "b", "c")
    with Manifest.open(Shelf(cache).folder(NAME)) as manifest:
        begin_anew(manifest)
    told = worked(cache, request_for(skip=True), [link])
    assert len(told) == 3
    assert counts(entries().values()) == {"done": 3}


def test_what_is_decided_about_a_failure():
    entry, rules = Entry((1,), "source", "a", "a"), Rules(again=2, pause=10)
    dead = RuntimeFailure("the engine died")
    assert fate(entry, dead, Verdict(), rules).state == "quarantined"
    assert fate(entry, RuntimeFailure("x"), Verdict(passes=True), rules).state == "quarantined"
    assert [pause(tries, rules, 0) for tries in (1, 2, 3, 9)] == [10, 20, 40, 300]
    assert pause(1, rules, 60.0) == 60
    assert died(Entry((1,), "source", "a", "a", deaths=2, gained=4), 5) == (1, False)
    assert died(Entry((1,), "source", "a", "a", deaths=2, gained=4), 4) == (3, True)
