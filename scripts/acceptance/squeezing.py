"""Section `squeeze`: a neighbour takes the rest of the card in the middle of a translation; it must go on."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from acceptance.ballast import NEAR, fill, settled
from acceptance.bench import Bench
from acceptance.children import Ended
from acceptance.handing_over import room_for_one
from acceptance.pressing import go_on, grow
from acceptance.values import Check, Deadline, Errand, Found, Json, Row

_LINES = 48
_SECONDS = 4  # of each line
_SAID = (
    "The boat came late that evening.", "Nobody had told us about the second bridge.",
    "She opened the window and called his name.", "How many tickets do we need for tomorrow?",
    "The old road is closed until the end of May.", "He kept the letters in a box under the stairs.",
)  # fmt: skip


def squeezing(bench: Bench, deadline: Deadline, lines: int = _LINES) -> Iterator[Found]:
    """Translate undisturbed, then with a neighbour that grows after the first sentence, and compare."""
    given = bench.translators.smallest()
    start = ceil(1.25 * room_for_one(bench, given.model.path))
    with bench.ballast() as held, TemporaryDirectory(prefix="squeeze-") as folder:
        source = Path(folder, "talk.en.srt")
        source.write_text(subtitles(lines), encoding="utf-8")

        def errand(name: str) -> Errand:
            work = str(Path(folder, name))
            return Errand((str(source),), str(given.model.path), work, uuid=bench.device.uuid)

        free = fill(held, bench.free_now, start)
        quiet = bench.errand("squeeze_child", errand("quiet"), deadline.left / 2, answer=go_on)
        yield Row({"run": "undisturbed", "weights": given.weights, "free_mib": free, **_row(quiet)})
        settled(bench.free_now, (free or 0) - NEAR)
        fill(held, bench.free_now, start)
        grown: list[int | None] = []
        squeezed = bench.errand(
            "squeeze_child", errand("squeezed"), deadline.left, answer=grow(bench, held, grown)
        )
        yield Row({
            "run": "squeezed", "weights": given.weights,
            "left_mib": grown[0] if grown else None, **_row(squeezed),
        })  # fmt: skip
    yield from judged(quiet, squeezed, lines, bool(grown))


def subtitles(lines: int) -> str:
    """Return so many lines of English as SRT; no two are the same, for the same are asked for once."""
    cues = []
    for place in range(lines):
        times = " --> ".join(_time(_SECONDS * one) for one in (place, place + 1))
        cues.append(f"{place + 1}\n{times}\n{_SAID[place % len(_SAID)]} That was day {place + 1}.\n")
    return "\n".join(cues)


def judged(quiet: Ended, squeezed: Ended, lines: int, grew: bool) -> Iterator[Check]:
    """Yield what must hold: both runs end well, the squeezed one by a lesser plan, and nothing is lost."""
    runs = {"the undisturbed run": quiet, "the squeezed run": squeezed}
    for name, ended in runs.items():
        held = None if ended.cut and not ended.wrong else not ended.wrong
        yield Check(f"{name} goes to its end", held, ended.wrong or str(ended.said.get("way", ended.how)))
    if any(one.wrong or one.cut for one in runs.values()):
        return
    if not grew:
        yield Check("a neighbour grew in mid-run", held=False, figure="no sentence was ever reported")
        return
    steps = [*squeezed.said["steps"], *squeezed.said.get("warnings", [])]
    what = "the squeezed run stepped down and went on"
    # with memory to spare a run may do without more; then nothing was tried
    yield Check(what, True if steps else None, "; ".join(steps) or "it never ran out of memory")
    for name, ended in runs.items():
        said = ended.said
        figure = f"{said['lines']} of {lines} lines, {said['moved']} moved"
        yield Check(
            f"{name} loses no line",
            (said["lost"], said["moved"]) == (0, 0) and said["lines"] == lines,
            figure,
        )
    same = quiet.said["sentences"] == squeezed.said["sentences"]
    figure = f"{squeezed.said['sentences']} of {quiet.said['sentences']}"
    yield Check("no sentence is lost", same, figure)


def _row(ended: Ended) -> Json:
    names = (
        "way",
        "steps",
        "warnings",
        "sentences",
        "missing",
        "review",
        "lines",
        "moved",
        "lost",
        "seconds",
    )
    return {**{name: ended.said.get(name) for name in names}, "cut": ended.cut, "wrong": ended.wrong}


def _time(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"00:{minutes:02}:{seconds:02},000"
