import email.utils
import subprocess
import sys
import time

import pytest

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.models import hub, store
from bili2text.models.catalog import HubId, card_named
from bili2text.models.hubs import choose, may_redirect, token_for
from bili2text.models.wire import Patience
from bili2text.progress import Silent

SMALL = HubId("someone/whisper-small-ct2")
QUICK = Patience(timeout=1.0, attempts=3, pause=0.01)


class Counting(Silent):
    """Adds up what the download stage was told."""

    def __init__(self):
        self.done = 0.0
        self.total = None
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def stage(self, name, total, unit):
        if name != "download":
            return super().stage(name, total, unit)
        self.total = total
        return self

    def advance(self, amount):
        self.done += amount

    def grow(self, total):
        self.total = total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def options(fake, **how):
    return hub.Options(**{"endpoint": fake.address, "patience": QUICK, **how})


def fetch(fake, cache, model=SMALL, progress=None, **how):
    return hub.download(model, options(fake, **how), cache, progress or Silent())


def nothing_is_installed(cache):
    return [path.name for path in (cache / "models").iterdir() if not path.name.startswith(".")] == []


def test_a_model_arrives_whole_and_is_found_from_then_on(small_hub, small_model, places):
    progress = Counting()
    got = fetch(small_hub, places.cache, progress=progress)
    assert got == store.ModelFolder(SMALL.name, places.models / "someone--whisper-small-ct2", "cache", "hub")
    assert {name: (got.path / name).read_bytes() for name in small_model} == small_model
    assert not (got.path / "README.md").exists()
    assert progress.done == progress.total == sum(map(len, small_model.values()))
    assert store.find(SMALL.name, places) == got
    assert got in store.on_disk(places)
    asked = len(small_hub.seen)
    assert fetch(small_hub, places.cache) == got
    assert len(small_hub.seen) == asked  # the second time nothing is asked


def test_a_known_model_needs_no_listing_and_is_checked_against_the_pins(serve, tiny_en, places):
    card = card_named("tiny.en")
    files = {path.name: path.read_bytes() for path in tiny_en.iterdir() if path.is_file()}
    fake = serve(card.repo, files)
    got = fetch(fake, places.cache, card)
    assert (got.verified, got.path) == ("pinned", places.models / "tiny.en")
    assert not [seen for seen in fake.seen if "/api/" in seen.path]
    assert all("/resolve/0d3d19a32d3338f10357c0889762bd8d64bbdeba/" in seen.path for seen in fake.seen)
    assert store.find("tiny.en", places).path == got.path


@pytest.mark.parametrize("fault", ["cut", "no length"])
def test_a_body_cut_short_is_continued_where_it_stopped(small_hub, small_model, places, fault):
    small_hub.faults["model.bin"] = [fault, fault]
    progress = Counting()
    fetch(small_hub, places.cache, progress=progress)
    first, second, third = small_hub.requests("model.bin")
    assert (first.start, second.start) == (0, first.sent)
    assert third.start == first.sent + second.sent
    assert first.sent + second.sent + third.sent == len(small_model["model.bin"])
    assert progress.done == progress.total


def test_a_hub_that_ignores_range_costs_the_bytes_again_and_no_more(small_hub, small_model, places):
    small_hub.ranges = False
    small_hub.faults["model.bin"] = ["cut"]
    progress = Counting()
    got = fetch(small_hub, places.cache, progress=progress)
    assert (got.path / "model.bin").read_bytes() == small_model["model.bin"]
    assert [seen.start > 0 for seen in small_hub.requests("model.bin")] == [False, True]
    assert progress.done == progress.total


def test_a_hub_that_always_breaks_off_is_given_up_with_what_came_kept(small_hub, small_model, places):
    small_hub.files["model.bin"] = small_model["model.bin"]
    small_hub.ranges = False
    small_hub.faults["model.bin"] = ["cut"] * 50
    with pytest.raises(ModelError, match=r"broke off|ended early"):
        fetch(small_hub, places.cache)
    assert len(small_hub.requests("model.bin")) <= 4
    assert nothing_is_installed(places.cache)


def busy(handler, seen):
    handler.reply(b"busy", status=503)


def later(header):
    return lambda handler, seen: handler.reply(b"slow down", status=429, Retry_After=header())


def test_a_busy_hub_is_asked_again(small_hub, places):
    small_hub.faults["model.bin"] = [busy, busy]
    assert fetch(small_hub, places.cache).verified == "hub"
    assert len(small_hub.requests("model.bin")) == 3


@pytest.mark.parametrize(
    "header", [lambda: "1", lambda: email.utils.format_datetime(email.utils.localtime(), usegmt=False)]
)
def test_retry_after_is_obeyed_as_seconds_and_as_a_date(small_hub, places, header):
    small_hub.faults["config.json"] = [later(header)]
    begun = time.monotonic()
    fetch(small_hub, places.cache)
    assert (time.monotonic() - begun > 0.9) == (header() == "1")


def test_patience_grows_obeys_and_ends():
    patience = Patience(pause=1.0, longest=60.0)
    assert 0.8 <= patience.wait(1, None) <= 1.2
    assert 6.4 <= patience.wait(4, None) <= 9.6
    assert patience.wait(1, 30.0) == 30.0
    assert patience.wait(1, 86_400.0) == 60.0


def web_page(handler, seen):
    handler.reply(b"<html>please log in</html>", kind="text/html; charset=utf-8")


def test_a_web_page_instead_of_a_file_is_recognised(small_hub, places):
    small_hub.faults["model.bin"] = [web_page]
    with pytest.raises(ModelError, match="web page"):
        fetch(small_hub, places.cache)
    assert nothing_is_installed(places.cache)


def wrong_bytes(handler, seen):
    data = bytearray(handler.server.hub.files["model.bin"])
    data[len(data) // 2] ^= 1
    handler.send_file(bytes(data), seen)


def test_wrong_bytes_of_the_right_length_are_never_installed(small_hub, places):
    small_hub.faults["model.bin"] = [wrong_bytes]
    with pytest.raises(ModelError, match=r"wrong bytes for model\.bin.*sha256"):
        fetch(small_hub, places.cache)
    assert nothing_is_installed(places.cache)
    assert fetch(small_hub, places.cache).verified == "hub"  # and leave nothing behind


def test_wrong_bytes_of_a_small_file_are_known_by_their_git_hash(small_hub, small_model, places):
    def other(handler, seen):
        handler.send_file(small_model["config.json"].replace(b"1", b"2"), seen)

    small_hub.faults["config.json"] = [other]
    with pytest.raises(ModelError, match=r"wrong bytes for config\.json.*git hash"):
        fetch(small_hub, places.cache)


def test_what_an_earlier_run_left_damaged_is_fetched_from_the_start(small_hub, small_model, places):
    partial = places.models / ".partial" / "someone--whisper-small-ct2"
    partial.mkdir(parents=True)
    (partial / "model.bin.part").write_bytes(b"\xff" * 100_000)
    (partial / "config.json").write_bytes(b"rubbish")
    (partial / "tokenizer.json.part").write_bytes(b"x" * 10_000)  # longer than the file
    got = fetch(small_hub, places.cache)
    assert (got.path / "model.bin").read_bytes() == small_model["model.bin"]
    assert [seen.start for seen in small_hub.requests("model.bin")] == [100_000, 0]


def test_a_refused_range_starts_over(small_hub, places):
    partial = places.models / ".partial" / "someone--whisper-small-ct2"
    partial.mkdir(parents=True)
    (partial / "model.bin.part").write_bytes(b"\xff" * 1000)
    small_hub.faults["model.bin"] = [lambda handler, seen: handler.reply(b"", status=416)]
    fetch(small_hub, places.cache)
    assert [seen.start for seen in small_hub.requests("model.bin")] == [1000, 0]


def test_another_length_than_the_hub_declared_is_refused_before_it_is_fetched(small_hub, places):
    small_hub.faults["model.bin"] = [lambda handler, seen: handler.send_file(b"x" * 77, seen)]
    with pytest.raises(ModelError, match="77 bytes"):
        fetch(small_hub, places.cache)


def test_a_hub_that_stalls_is_not_waited_for_without_end(small_hub, places):
    small_hub.faults["config.json"] = [lambda handler, seen: time.sleep(1.5)]
    assert fetch(small_hub, places.cache, patience=Patience(0.3, 3, 0.01)).verified == "hub"


def test_a_dead_host_is_one_line_and_a_way_out(places):
    begun = time.monotonic()
    with pytest.raises(ModelError) as caught:
        hub.download(
            SMALL, hub.Options(endpoint="http://127.0.0.1:1", patience=QUICK), places.cache, Silent()
        )
    assert "127.0.0.1:1" in caught.value.message
    assert "--hub" in caught.value.hint
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418])
def test_a_refusal_is_not_tried_again(small_hub, places, status):
    small_hub.faults["config.json"] = [lambda handler, seen: handler.reply(b"no", status=status)] * 9
    with pytest.raises(ModelError):
        fetch(small_hub, places.cache)
    assert len(small_hub.requests("config.json")) == 1


def test_a_redirect_is_followed_with_the_range_and_without_the_token(serve, small_model, places):
    storage = serve("cdn/files", small_model)

    def moved(handler, seen):
        name = seen.path.rsplit("/", 1)[1]
        handler.reply(b"", status=308, Location=f"{storage.address}/cdn/files/resolve/x/{name}")

    front = serve(SMALL.repo, small_model, faults={"model.bin": [moved, moved]})
    storage.faults["model.bin"] = ["cut"]
    fetch(front, places.cache, environ={"HF_TOKEN": "hf_secret"})
    assert [seen.start > 0 for seen in storage.requests("model.bin")] == [False, True]
    assert not [seen for seen in front.seen + storage.seen if "Authorization" in seen.headers]


def test_a_redirect_to_a_file_or_in_circles_is_refused(small_hub, places):
    def to_disk(handler, seen):
        handler.reply(b"", status=302, Location="file:///etc/passwd")

    def to_itself(handler, seen):
        handler.reply(b"", status=302, Location=seen.path)

    small_hub.faults["config.json"] = [to_disk]
    with pytest.raises(ModelError, match="unsafe"):
        fetch(small_hub, places.cache)
    small_hub.faults["config.json"] = [to_itself] * 50
    with pytest.raises(ModelError, match="circles"):
        fetch(small_hub, places.cache)


@pytest.mark.parametrize(
    ("old", "new", "safe"),
    [
        ("https://huggingface.co/a", "https://cdn.example/a", True),
        ("https://huggingface.co/a", "http://cdn.example/a", False),
        ("https://huggingface.co/a", "http://127.0.0.1:8000/a", True),
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:9/a", True),
        ("https://huggingface.co/a", "ftp://cdn.example/a", False),
    ],
)
def test_a_redirect_never_leaves_https(old, new, safe):
    assert may_redirect(old, new) is safe


@pytest.mark.parametrize(
    "url",
    [
        "https://hf-mirror.com/a",
        "http://huggingface.co/a",
        "https://huggingface.co.evil.example/a",
        "https://huggingface.co:444/a",
        "https://huggingface.co@evil.example/a",
        "https://www.modelscope.cn/a",
    ],
)
def test_the_token_goes_to_huggingface_and_nobody_else(url):
    assert token_for("https://huggingface.co/a/resolve/main/model.bin", "hf_x") == "hf_x"
    assert token_for(url, "hf_x") is None


def test_an_unreadable_listing_and_a_repository_of_something_else_are_refused(serve, small_model, places):
    other = serve(SMALL.repo, {"model.safetensors": b"x", "config.json": b"{}"})
    with pytest.raises(ModelError, match="no Whisper model"):
        fetch(other, places.cache)
    with pytest.raises(ModelError, match="does not have"):
        fetch(other, places.cache, HubId("someone/else"))


def test_a_download_of_the_wrong_shape_is_not_installed(serve, small_model, places):
    fake = serve(SMALL.repo, {**small_model, "model.bin": b"PK\x03\x04" * 50_000})
    with pytest.raises(ModelError, match="not a whole Whisper model"):
        fetch(fake, places.cache)
    assert nothing_is_installed(places.cache)


def test_modelscope_is_spoken_to_in_its_own_way(small_hub, places):
    got = fetch(small_hub, places.cache, hub="modelscope")
    assert got.verified == "hub"
    paths = [seen.path for seen in small_hub.seen]
    assert paths[0] == f"/api/v1/models/{SMALL.repo}/repo/files?Revision=master&Recursive=true"
    assert f"/models/{SMALL.repo}/resolve/master/model.bin" in paths


def test_on_modelscope_the_second_repository_is_tried_when_the_first_is_not_there(serve, tiny_en, places):
    card = card_named("tiny.en")
    fake = serve(card.repo, {path.name: path.read_bytes() for path in tiny_en.iterdir() if path.is_file()})
    progress = Counting()
    assert fetch(fake, places.cache, card, progress, hub="modelscope").verified == "pinned"
    assert fake.seen[0].path.startswith("/models/gpustack/faster-whisper-tiny.en/resolve/master/")
    assert len(progress.notes) == 1


@pytest.mark.parametrize(
    ("kind", "endpoint", "environ", "address"),
    [
        ("hf", None, {}, "https://huggingface.co"),
        ("hf-mirror", None, {"HF_ENDPOINT": "https://x.example"}, "https://hf-mirror.com"),
        ("hf", None, {"HF_ENDPOINT": "https://x.example/"}, "https://x.example"),
        ("hf", "http://127.0.0.1:8", {"HF_ENDPOINT": "https://x.example"}, "http://127.0.0.1:8"),
        ("modelscope", None, {}, "https://www.modelscope.cn"),
    ],
)
def test_the_hub_is_chosen_by_option_then_environment(kind, endpoint, environ, address):
    assert choose(kind, endpoint, environ).endpoint == address


@pytest.mark.parametrize(
    ("kind", "endpoint"), [("huggingface", None), ("hf", "file:///etc"), ("hf", "hub.example")]
)
def test_an_unknown_hub_is_a_usage_error(kind, endpoint):
    with pytest.raises(UsageError):
        choose(kind, endpoint, {})


@pytest.mark.parametrize("environ", [{"HF_HUB_OFFLINE": "1"}, {"BILI2TEXT_OFFLINE": "true"}, None])
def test_offline_asks_nobody_and_says_what_to_do(small_hub, places, environ):
    with pytest.raises(ModelError) as caught:
        fetch(small_hub, places.cache, offline=environ is None, environ=environ or {})
    assert small_hub.seen == []
    assert "models download" in caught.value.hint


def test_a_proxy_is_used_and_a_socks_proxy_refused(small_hub, places):
    got = hub.download(
        SMALL,
        hub.Options(endpoint="http://hub.example", proxy=small_hub.address, patience=QUICK),
        places.cache,
        Silent(),
    )
    assert got.verified == "hub"
    assert all(seen.headers["Host"] == "hub.example" for seen in small_hub.seen)
    with pytest.raises(UsageError):
        fetch(small_hub, places.cache, HubId("some/other"), proxy="socks5://127.0.0.1:1080")


def test_force_repairs_by_fetching_only_what_is_wrong(small_hub, small_model, places):
    got = fetch(small_hub, places.cache)
    (got.path / "model.bin").write_bytes(b"damaged")
    with pytest.raises(ModelError) as caught:
        fetch(small_hub, places.cache)
    assert "--force" in caught.value.hint
    small_hub.seen.clear()
    assert fetch(small_hub, places.cache, force=True) == got
    assert store.find(SMALL.name, places) == got
    assert (got.path / "model.bin").read_bytes() == small_model["model.bin"]
    fetched = [seen.path.rsplit("/", 1)[1] for seen in small_hub.seen if "/resolve/" in seen.path]
    assert fetched == ["model.bin"]
    assert list((places.models / ".partial").iterdir()) == []


DOWNLOAD = """
import resource, sys
from pathlib import Path
from bili2text.errors import Bili2TextError
from bili2text.models import hub
from bili2text.models.catalog import resolve
from bili2text.progress import Silent
limit = int(sys.argv[4])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    got = hub.download(resolve(sys.argv[1]), hub.Options(endpoint=sys.argv[2]), Path(sys.argv[3]), Silent())
    print(got.verified)
except Bili2TextError as error:
    print(type(error).__name__, error.message)
"""


def start_download(model, fake, cache, limit=0):
    command = [sys.executable, "-c", DOWNLOAD, model, fake.address, str(cache), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_after_a_kill_only_the_rest_is_fetched(serve, tiny_en, places):
    card = card_named("tiny.en")
    files = {path.name: path.read_bytes() for path in tiny_en.iterdir() if path.is_file()}
    fake = serve(card.repo, files, block_pause=0.01)
    process = start_download("tiny.en", fake, places.cache)
    part = places.models / ".partial" / "tiny.en" / "model.bin.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 10_000_000)
    process.kill()
    process.communicate()
    kept = part.stat().st_size
    assert 10_000_000 < kept < len(files["model.bin"])
    assert nothing_is_installed(places.cache)
    fake.block_pause = 0.0
    fake.seen.clear()
    assert fetch(fake, places.cache, card).verified == "pinned"
    (rest,) = fake.seen  # the three small files were whole
    assert (rest.start, rest.sent) == (kept, len(files["model.bin"]) - kept)


def test_of_two_processes_one_fetches(small_hub, places):
    small_hub.block_pause = 0.3
    both = [start_download(SMALL.name, small_hub, places.cache) for _ in range(2)]
    assert [process.communicate(timeout=30)[0].strip() for process in both] == ["hub", "hub"]
    assert len(small_hub.requests("model.bin")) == 1


def test_a_disk_that_fills_up_is_a_storage_error_and_the_rest_comes_later(small_hub, places):
    process = start_download(SMALL.name, small_hub, places.cache, limit=100_000)
    assert process.communicate(timeout=30)[0].startswith("StorageError the disk is full")
    assert nothing_is_installed(places.cache)
    small_hub.seen.clear()
    assert fetch(small_hub, places.cache).verified == "hub"
    assert [seen.start for seen in small_hub.requests("model.bin")] == [100_000]


def test_a_model_larger_than_the_disk_is_not_begun(small_hub, places, small_model):
    def tree():
        huge = {"type": "file", "path": "model.bin", "size": 1 << 60, "oid": "f" * 40}
        small = [
            {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
            for name, data in small_model.items()
            if name != "model.bin"
        ]
        return [*small, huge | {"lfs": {"oid": "0" * 64, "size": 1 << 60}}]

    small_hub.tree = tree
    with pytest.raises(StorageError, match="MiB"):
        fetch(small_hub, places.cache)
    assert small_hub.requests("model.bin") == []


def test_a_cache_that_is_no_folder_is_a_storage_error(small_hub, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError):
        fetch(small_hub, blocked)


def wait_for(what, seconds=30.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
