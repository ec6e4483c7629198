"""A card's memory over time: scripted cards, a real log on disk, a real picture."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bili2text.errors import DependencyError, StorageError, UsageError
from bili2text.gpu.device import Device, Holder
from bili2text.gpu.memory_log import MemoryLog, read_log
from bili2text.gpu.monitor import MemoryWatch, Sample, Summary, warning, watch
from bili2text.gpu.plot import plot

TOTAL = 8188
BEGAN = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def device(free: int, *holders: Holder, used: int | None = None) -> Device:
    return Device(
        0, "GPU-1", "RTX 4060", (8, 9), TOTAL, free, "550.54.14",
        used_mib=TOTAL - free if used is None else used, holders=holders,
    )  # fmt: skip


def scripted(*cards: Device | None) -> Callable[[], Device | None]:
    """A card that shows these states, one at each look, and then does not answer."""
    left = iter(cards)
    return lambda: next(left, None)


class Clock:
    """Time that passes only by sleeping, and by what a look takes."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_samples_come_at_even_times_and_a_slow_look_leaves_ticks_out() -> None:
    clock, costs = Clock(), iter([0.1, 0.1, 2.3, 0.1, 0.0, 0.0, 0.0])
    cards = iter([device(5000)] * 4)

    def look() -> Device | None:
        clock.now += next(costs)
        return next(cards, None)

    samples = list(watch(look, every=1.0, clock=lambda: clock.now, sleep=clock.sleep))
    assert [round(sample.at, 3) for sample in samples] == [0.1, 1.1, 4.3, 5.1]


def test_one_look_without_an_answer_is_left_out_and_three_in_a_row_end_the_watch() -> None:
    clock = Clock()
    look = scripted(None, None, device(5000), None, device(4000), None, None, None, device(3000))
    samples = list(watch(look, clock=lambda: clock.now, sleep=clock.sleep))
    assert [(sample.at, sample.free_mib) for sample in samples] == [(2.0, 5000), (4.0, 4000)]


def test_a_card_whose_used_memory_is_not_told_counts_what_is_not_free() -> None:
    told, not_told = watch(scripted(device(5000, used=2900), device(5000, used=0)), sleep=lambda _: None)
    assert (told.used_mib, not_told.used_mib) == (2900, TOTAL - 5000)


def test_a_summary_is_peak_mean_lowest_free_and_time() -> None:
    summary = Summary()
    for at, used in ((0.5, 1000), (1.5, 7000), (2.5, 4000)):
        summary = summary.plus(Sample(at, used, TOTAL - used))
    assert (summary.samples, summary.peak_mib, summary.mean_mib) == (3, 7000, 4000)
    assert (summary.lowest_free_mib, summary.seconds) == (1188, 2.0)
    assert (Summary().mean_mib, Summary().lowest_free_mib, Summary().seconds) == (0, None, 0.0)


def test_low_memory_is_said_once_and_its_end_once_however_it_hovers() -> None:
    said, low = [], False
    for free in (3000, 2048, 2047, 2040, 2100, 2047, 2150, 2151, 2100, 2040):
        low, text = warning(Sample(0, TOTAL - free, free), 2048, low)
        said.append(text)
    assert [index for index, text in enumerate(said) if text] == [2, 7, 9]
    assert said[2] == "free GPU memory fell to 2047 MiB, under 2048 MiB"
    assert said[7] == "free GPU memory is back at 2151 MiB"


def test_a_warning_names_who_holds_most_and_shows_no_control_characters() -> None:
    holders = (Holder(7, "\x1b[31mchrome\n", 900), Holder(8, "game", None), Holder(9, "", 100))
    _, text = warning(Sample(0, 7000, 1188, holders), 2048, low=False)
    assert text == "free GPU memory fell to 1188 MiB, under 2048 MiB; [31mchrome (pid 7) holds 900 MiB"


def test_without_a_limit_nothing_is_low() -> None:
    assert warning(Sample(0, TOTAL, 0), 0, low=False) == (False, "")


AWKWARD = (Holder(4711, 'py;th"on, 中文:x\r\n', 2900), Holder(88, "Xorg", None), Holder(5, "", 1))


def test_a_log_comes_back_as_it_was_written_awkward_names_and_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "内存.csv"
    with MemoryLog(path, began=BEGAN) as log:
        log.write(Sample(0.0, 3072, 5116))
        log.write(Sample(61.25, 3073, 5115, AWKWARD))
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines[0] == "time,used_mib,free_mib,processes"
    assert lines[1] == "2024-05-01T12:00:00.000+00:00,3072,5116,"
    first, second = read_log(path)
    assert first == Sample(0.0, 3072, 5116)
    assert second == Sample(
        61.25,
        3073,
        5115,
        (Holder(4711, 'py,th"on, 中文:x', 2900), Holder(88, "Xorg", None), Holder(5, "", 1)),
    )


def test_a_log_cut_at_any_byte_gives_all_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with MemoryLog(path, began=BEGAN) as log:
        for at in range(3):
            log.write(Sample(float(at), 3000 + at, 5000, AWKWARD))
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for size in range(header, len(whole) + 1):
        path.write_bytes(whole[:size])
        assert len(read_log(path)) == whole[:size].count(b"\n") - 1


def test_every_line_of_a_log_is_on_disk_before_the_next_sample(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with MemoryLog(path, began=BEGAN) as log:
        for count in range(1, 4):
            log.write(Sample(float(count), 1, 2))
            assert len(read_log(path)) == count


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n", b"time,used_mib\n1,2\n", b"time,used_mib,free_mib,processes\nyesterday,1,2,\n",
     b"time,used_mib,free_mib,processes\n2024-05-01T12:00:00.000+00:00,1,2\n",
     b"time,used_mib,free_mib,processes\n2024-05-01T12:00:00.000+00:00,1,2,python\n",
     b'time,used_mib,free_mib,processes\n2024-05-01T12:00:00+00:00,1,2,\n2024-05-01T12:00:00,1,2,"\x00\n'],
)  # fmt: skip
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="memory"):
        read_log(path)


def test_a_log_replaces_no_file_unasked(tmp_path: Path) -> None:
    path = tmp_path / "thesis.csv"
    path.write_text("mine")
    with pytest.raises(StorageError, match="already there"):
        MemoryLog(path)
    assert path.read_text() == "mine"
    MemoryLog(path, overwrite=True).close()
    assert read_log(path) == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_our_error(tmp_path: Path) -> None:
    log = MemoryLog(tmp_path / "log.csv")
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the log closes it
    log._file, ours = full, log._file
    ours.close()
    with pytest.raises(StorageError, match="the disk is full"), log:
        log.write(Sample(0, 1, 2))


class Stream:
    """A card whose free memory a test sets, and whose looks it can wait for."""

    def __init__(self, free: int) -> None:
        self.free: int | None = free
        self.error: Exception | None = None
        self.looked = threading.Semaphore(0)

    def __call__(self) -> Device | None:
        self.looked.release()
        if self.error:
            raise self.error
        return None if self.free is None else device(self.free)

    def set(self, free: int | None) -> None:
        self.free = free
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.looked.acquire(timeout=10)


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    yield
    assert "memory-watch" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.usefixtures("no_thread_left")
def test_a_watch_beside_a_run_warns_logs_and_sums_up(tmp_path: Path) -> None:
    said: list[str] = []
    card = Stream(5000)
    with (
        MemoryLog(tmp_path / "log.csv") as log,
        MemoryWatch(card, said.append, min_free_mib=2048, every=0.001, log=log) as running,
    ):
        card.set(1000)
        card.set(6000)
    assert [text.split(" MiB")[0] for text in said] == [
        "free GPU memory fell to 1000",
        "free GPU memory is back at 6000",
    ]
    assert running.summary.lowest_free_mib == 1000
    assert running.summary.peak_mib == TOTAL - 1000
    assert len(read_log(tmp_path / "log.csv")) == running.summary.samples
    assert running.reason == ""


@pytest.mark.usefixtures("no_thread_left")
def test_a_run_shorter_than_a_tick_is_seen_at_its_start_and_its_end() -> None:
    with MemoryWatch(scripted(device(5000), device(4000)), print, every=60.0) as running:
        pass
    assert running.summary.samples in (1, 2)
    assert running.summary.peak_mib >= TOTAL - 5000


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("end", ["raises", "gone"])
def test_a_card_that_fails_ends_the_watch_and_not_the_run(end: str) -> None:
    card = Stream(5000)
    with MemoryWatch(card, print, every=0.001) as running:
        card.set(4000)
        if end == "raises":
            card.error = RuntimeError("GPU is lost")
        else:
            card.free = None
        running._thread.join(10)
    assert running.summary.lowest_free_mib == 4000
    assert running.reason.startswith("GPU memory is no longer watched: ")


@pytest.mark.usefixtures("no_thread_left")
def test_a_log_that_cannot_be_written_is_said_once_and_the_watch_goes_on() -> None:
    class Full:
        def write(self, sample: Sample) -> None:
            raise StorageError("the disk is full: log.csv")

    said: list[str] = []
    card = Stream(5000)
    with MemoryWatch(card, said.append, every=0.001, log=Full()) as running:
        card.set(4000)
    assert said == ["GPU memory is no longer logged: the disk is full: log.csv"]
    assert running.summary.samples >= 3


SAMPLES = [Sample(at / 2, used, TOTAL - used) for at, used in enumerate((500, 3600, 7300, 7100, 600))]
TITLES = [
    "RTX 4060, medium in float16",
    "显存 " * 200,
    r"$\frac{1}{$ costs 5 \and {",
    "\x00\x1b[31m\n\ud800 " + "x" * 5000,
    "",
    "अ आ 🎞️ ﷽",
]

PICTURE = """
import sys
from pathlib import Path
from bili2text.gpu.monitor import Sample
from bili2text.gpu.plot import plot
titles = eval(sys.stdin.read(), {})
for number, title in enumerate(titles):
    samples = [Sample(at / 2, 900 * at, 8188 - 900 * at) for at in range(number + 1)]
    plot(samples, Path(sys.argv[1], f"{number}.png"), total_mib=8188, title=title, min_free_mib=2048)
"""


def test_no_title_breaks_a_picture_or_writes_to_standard_error(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    child = subprocess.run(
        [sys.executable, "-W", "always", "-c", PICTURE, str(tmp_path)],
        input=ascii(TITLES), env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (child.returncode, child.stderr) == (0, "")
    pictures = sorted(tmp_path.iterdir())
    assert [picture.name for picture in pictures] == [f"{number}.png" for number in range(len(TITLES))]
    for picture in pictures:
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1080, 540)


def test_a_picture_replaces_the_old_one_whole_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    target = tmp_path / "memory.png"
    plot(SAMPLES, target, total_mib=TOTAL, title="first")
    before = target.read_bytes()

    def torn(self: object, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise OSError("broken")

    monkeypatch.setattr(figure.Figure, "savefig", torn)
    with pytest.raises(OSError, match="broken"):
        plot(SAMPLES, target, total_mib=TOTAL, title="second")
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_without_matplotlib_the_hint_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DependencyError) as raised:
        plot(SAMPLES, tmp_path / "memory.png", total_mib=TOTAL, title="")
    assert raised.value.hint == "pip install 'bili2text[plot]'"
    assert not list(tmp_path.iterdir())


def test_no_samples_are_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        plot([], tmp_path / "memory.png", total_mib=TOTAL, title="")
