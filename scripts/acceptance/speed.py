"""Section `speed`: our program against faster-whisper's batched pipeline on this card, round by round."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version

from acceptance.ballast import NEAR, settled
from acceptance.bench import Bench, speech
from acceptance.children import Kept
from acceptance.values import Deadline, Found, Row, Task
from acceptance.verdicts import ROUNDS, Lap, Race, floors, judged
from bili2text.errors import OutOfMemory
from bili2text.gpu.allocator import CT2_ALLOCATOR, CT2_BINS
from bili2text.models.weights import read_dims
from bili2text.plan import precision, room
from bili2text.plan.footprint import Setting, on_card
from bili2text.plan.values import Wishes

# Cut from the end when time runs out: the guide's models in the usual batch come first.
MODELS = ("tiny", "small", "medium", "large-v3", "large-v3-turbo", "base", "tiny.en")
BATCHES = (8, 16, 1, 32)
TOKENS = 100  # of a window of speech, about (plan/footprint.py)
_WINDOW = 28.0  # seconds of speech, at most (audio/chunks.py)
_WINDOWS = 8  # in a recording, about, and no fewer than fill two batches
_HOW = (
    "Each side in a process of its own, its model loaded and the recording heard once before; then in turn, "
    "who begins changing. Seconds are those of the whole recording, from the file to its text: reading, "
    "finding speech, log-mel, encoding, decoding; with us the journal and the second look, too. Both know "
    "the language; `beam` is that of both. Random weights never end a text: both sides decode "
    "`forced_tokens` for each window, once, in windows cut at the same places."
)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A model in a precision and a batch."""

    model: str
    weights: str  # "real" or "random"
    task: Task
    apart: bool  # the card has not room for both sides at once

    @property
    def forced(self) -> int:
        return self.task.tokens


def speed(
    bench: Bench,
    deadline: Deadline,
    models: tuple[str, ...] = MODELS,
    batches: tuple[int, ...] = BATCHES,
    rounds: int = ROUNDS,
    windows: int = _WINDOWS,
) -> Iterator[Found]:
    """Time each model in each precision and batch that fits, as far as time goes; hold it to the guide.

    The precisions are those that this card is planned in. A setting that was begun is not cut short for one
    that was not: fewer rounds would show nothing.
    """
    yield Row({"how": _HOW, "rounds": rounds, "warm_ups": 1})
    types = precision.ladder(bench.device, precision.PrecisionWish(), "", version("ctranslate2"))
    raced: list[Race] = []
    before = bench.free_now()
    for batch, compute_type, name in ((b, t, m) for b in batches for t in types for m in models):
        if deadline.left < 1.0:
            break
        try:
            cell = _cell(bench, name, Setting(compute_type, batch), windows)
        except (OutOfMemory, ValueError) as error:
            yield Row({"model": name, "compute_type": compute_type, "batch": batch, "skipped": str(error)})
            continue
        race, row = _raced(bench, cell, rounds, deadline)
        raced.append(race)
        yield row
        yield from judged(race)
        _settle(bench, before)
    yield from floors(raced, bench.device.name)
    deadline.check()


def _cell(bench: Bench, name: str, setting: Setting, windows: int) -> _Cell:
    """Return what is to be timed.

    Raises OutOfMemory where it does not fit, ValueError for a model that is not here and cannot be made.
    """
    folder, real = bench.models.folder(name)
    free = bench.free_now()
    card = bench.device if free is None else replace(bench.device, free_mib=free)
    need = on_card(read_dims(folder / "model.bin"), setting, card.sms).peak
    space = room.on_card(card, Wishes()).mib
    if need > space:
        raise OutOfMemory(f"needs {need:.0f} MiB, there is room for {space}", hint="free the card")
    count = max(2 * setting.batch_size, windows)
    sound = bench.sound.with_name(f"speech-{count}.wav")
    if not sound.is_file():
        speech([bench.sound], sound, _WINDOW * count)
    task = bench.task(folder, setting, longest=False)
    task = replace(task, sound=str(sound), tokens=0 if real else TOKENS)
    return _Cell(name, "real" if real else "random", task, apart=2 * need > space)


def _raced(bench: Bench, cell: _Cell, rounds: int, deadline: Deadline) -> tuple[Race, Row]:
    setting = cell.task.setting
    with (
        closing(bench.kept("ours_child", cell.task, bench.environ)) as ours,
        closing(bench.kept("peer_child", cell.task, without_ours(bench.environ, os.environ))) as theirs,
    ):
        laps: dict[str, list[Lap]] = {"ours": [], "theirs": []}
        sides = {"ours": ours, "theirs": theirs}
        wrong, before = "", bench.free_now()
        for name in order(rounds):
            wrong = wrong or _lap(name, sides[name], laps[name], deadline)
            if cell.apart:
                sides[name].close()
                _settle(bench, before)
    race = Race(
        cell.model,
        f"{setting.compute_type}, batch {setting.batch_size}",
        setting.batch_size,
        cell.forced,
        tuple(laps["ours"]),
        tuple(laps["theirs"]),
        wrong=wrong,
    )
    return race, Row({
        "model": cell.model, "weights": cell.weights, "compute_type": setting.compute_type,
        "batch": setting.batch_size, "beam": setting.beam_size, "forced_tokens": cell.forced or None,
        "loaded_in_turn": cell.apart, **race.figures(),
    })  # fmt: skip


def order(rounds: int) -> tuple[str, ...]:
    """Return who runs when: each once a round, the other one first each time."""
    pair = ("ours", "theirs")
    return tuple(name for number in range(rounds) for name in pair[:: 1 if number % 2 == 0 else -1])


def _lap(name: str, side: Kept, laps: list[Lap], deadline: Deadline) -> str:
    """Let a side run, and note its lap; return what went wrong, or "". For want of time it is not noted."""
    if deadline.left < 1.0:
        return ""
    ended = side.ask(deadline.left)
    if not ended.wrong and not ended.cut:
        laps.append(Lap.told(ended.said["turn"]))
    return f"{name}: {ended.wrong}" if ended.wrong else ""


def _settle(bench: Bench, before: int | None) -> None:
    """Wait until the card has back what a side held of it."""
    if before is not None:
        settled(bench.free_now, before - NEAR)


def without_ours(environ: Mapping[str, str], users: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment without what our program sets for CTranslate2 and the user did not."""
    ours = {CT2_ALLOCATOR, CT2_BINS} - users.keys()
    return {name: value for name, value in environ.items() if name not in ours}
