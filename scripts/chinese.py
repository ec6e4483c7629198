"""Two ways to Chinese with marks, a prompt and asking for them: errors, marks, script, prompts in the text.

    python scripts/chinese.py FOLDER [--model base] [--beam 5] [--compute int8] [--json FILE]

FOLDER holds zh.flac (or .wav) and zh.json, a list of {"start", "end", "text"} without punctuation; the clips
of pytest-audioeval in Chinese are heard too where that is installed. The sound is heard in each way four
times: each sentence alone, and cut into windows of at most 10, 20 and 28 s. Windows without speech (silence,
noise, a hum) are heard as well: what is written there comes from the prompt. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import samples, spoken, units

from bili2text.audio.chunks import Chunk, CutRules, Span, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.chinese.example import EXAMPLES, example
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.settings import environment
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.seek import Look, heard

LENGTHS = (10.0, 20.0, 28.0)  # seconds a window at most; 28 is the program's own
MARKS = "，。！？；：、,.!?;:"
_TALK = "大家好，今天我们来聊一聊这个话题。准备好了吗？我们开始吧！"
# By name: what every window is told, and after what it is asked for marks
TRIED: dict[str, tuple[str | None, str | None]] = {
    "none": (None, None),
    "asked": (None, EXAMPLES["zh"]),
    "asked, traditional": (None, example("zh", "traditional")),
    "asked, a talk": (None, _TALK),
    "simplified": (EXAMPLES["zh"], None),
    "traditional": (example("zh", "traditional"), None),
    "sentences, please": ("以下是普通话的句子，请加标点。", None),
    "talk": (_TALK, None),
    "short talk": ("你好，我们开始吧。", None),
    "weather": ("昨天下了雨，今天天晴了。你呢，去不去？", None),
}
_LEAK = 7  # characters in a row of the prompt that nobody says by chance
_SHOWN = re.compile(r"[^\w]|_")


@dataclass(frozen=True, slots=True)
class Row:
    """What one way gave on one way of cutting."""

    way: str
    cut: str
    errors: int
    units: int  # characters that are said
    marks: int
    characters: int  # written, marks not counted
    ends: int  # sentences of the recording that end in a mark
    sentences: int
    traditional: int  # characters that are traditional only
    leaks: int  # windows in which the prompt stands
    windows: int
    again: int  # windows decoded again, without the prompt


@dataclass(frozen=True, slots=True)
class Piece:
    """Windows that are heard together, and the sentences said in them."""

    chunks: tuple[Chunk, ...]
    sentences: tuple[str, ...]


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--compute", default="int8")
    parser.add_argument("--only", help="ways by name, with a semicolon between them")
    parser.add_argument("--lengths", type=float, nargs="+", default=LENGTHS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cuts = {**recording(options.folder, options.lengths), "clips": clips(), "no speech": nothing()}
    rows = []
    for name, (prompt, shown) in TRIED.items():
        if options.only and name not in options.only.split(";"):
            continue
        engine = loaded(options.model, options.compute, options.beam, prompt)
        for cut, pieces in cuts.items():
            first: dict[tuple[int, float], Decoded] = {}
            for second in (False, True):
                row = measured(Listener(engine, second, first, shown), name, prompt or "", cut, pieces)
                rows.append(row)
                show(row)
        engine.close()
    if options.json:
        kept = {"model": options.model, "compute": options.compute, "beam": options.beam, "ways": TRIED}
        kept["rows"] = [asdict(row) for row in rows]
        options.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def loaded(model: str, compute: str, beam: int, prompt: str | None) -> Ct2Engine:
    """Return the engine, on the CPU."""
    folder = find(model, Places(cache_dir(environment()), None, environment()))
    if folder is None:
        sys.exit(f"{model} is not on this disk")
    options = DecodeOptions(beam_size=beam, initial_prompt=prompt, temperatures=(0.0,))
    return Ct2Engine(Load(folder.path, "cpu", compute_type=compute, threads=4), options)


def recording(folder: Path, lengths: Iterable[float]) -> dict[str, tuple[Piece, ...]]:
    """Return each way of cutting the recording."""
    path = next(path for suffix in ("flac", "wav") if (path := folder / f"zh.{suffix}").is_file())
    said = json.loads((folder / "zh.json").read_text(encoding="utf-8"))
    sound = whole(path)
    alone = tuple(Piece((cut(sound, one["start"] - 0.1, one["end"] + 0.1),), (one["text"],)) for one in said)
    sentences = tuple(one["text"] for one in said)
    pieces = {f"at most {limit:g} s": (Piece(split(path, limit), sentences),) for limit in lengths}
    return {"a sentence alone": alone, **pieces}


def clips() -> tuple[Piece, ...]:
    """Return pytest-audioeval's Chinese clips."""
    found = sorted((samples() / "zh").glob("*.wav"))
    return tuple(
        Piece(
            split(path, 28.0), tuple(filter(None, re.split("[，。]", path.with_suffix(".txt").read_text())))
        )
        for path in found
    )


def nothing() -> tuple[Piece, ...]:
    """Return windows in which nobody speaks."""
    dice = np.random.default_rng(1)
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    noises = [np.zeros_like(time)]
    noises += [level * dice.standard_normal(len(time)) for level in (0.01,)]
    noises += [0.1 * np.sin(2 * np.pi * pitch * time) for pitch in (50,)]
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (261.6, 329.6, 392.0))
    noises.append(0.1 * chord * (1 + np.sin(2 * np.pi * 2 * time)))
    return tuple(
        Piece((Chunk(0, 0.0, noise[: seconds * SAMPLE_RATE].astype(np.float32), (Span(0.0, seconds),)),), ())
        for noise in noises
        for seconds in (10,)
    )


def split(path: Path, limit: float) -> tuple[Chunk, ...]:
    """Return the windows the program would make of a file."""
    with Decoder(path) as decoder:
        return tuple(
            chunks(
                judged((block.samples for block in decoder.blocks()), SpeechDetector()),
                CutRules(max_chunk=limit),
            )
        )


def whole(path: Path) -> Samples:
    """Return all sound of a file."""
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


def cut(sound: Samples, start: float, end: float) -> Chunk:
    """Return a stretch of sound as a window of its own."""
    first, last = max(0, round(start * SAMPLE_RATE)), round(end * SAMPLE_RATE)
    taken = sound[first:last]
    return Chunk(0, 0.0, taken, (Span(0.0, len(taken) / SAMPLE_RATE),))


def measured(listener: Listener, name: str, prompt: str, label: str, pieces: tuple[Piece, ...]) -> Row:
    """Hear the pieces in one way."""
    errors = length = marks = characters = ends = sentences = traditional = leaked = windows = 0
    for piece in pieces:
        texts = [text for chunk in piece.chunks for text in listener.said(chunk)]
        # the recording's text has its numbers in words: with or without a prompt they may come as digits
        text = spoken("|".join(texts))
        windows += len(texts)
        leaked += sum(leaks(one, prompt) for one in texts if prompt)
        marks += sum(character in MARKS for character in text)
        plain = re.sub(r"[\s|" + re.escape(MARKS) + "]", "", text)
        characters += len(plain)
        traditional += sum(
            len(units(one, "zh")) == 1 and units(one, "zh")[0] != one for one in plain if one > "一"
        )
        distance, closed = compare("".join(piece.sentences), text, piece.sentences)
        errors, length = errors + distance, length + len(units("".join(piece.sentences), "zh"))
        ends, sentences = ends + closed, sentences + len(piece.sentences)
    return Row(
        name,
        label + (", second pass" if listener.second else ""),
        errors,
        length,
        marks,
        characters,
        ends,
        sentences,
        traditional,
        leaked,
        windows,
        listener.again,
    )


class Listener:
    """Hears windows at temperature 0; with a second pass, those that fail again without the prompt."""

    def __init__(
        self, engine: Ct2Engine, second: bool, first: dict[tuple[int, float], Decoded], marks: str | None
    ) -> None:
        self.engine, self.second, self.again, self.marks = engine, second, 0, marks
        self.first = first  # what each window said before, by chunk and offset

    def said(self, chunk: Chunk) -> Iterator[str]:
        """Yield the text of each window that a chunk takes."""
        look: Look | None = Look(chunk)
        while look is not None:
            window = Window(chunk.samples[round(look.offset * SAMPLE_RATE) :], "zh", marks=self.marks)
            key = id(chunk), look.offset
            if key not in self.first:
                (self.first[key],) = self.engine.decode((window,))
            decoded = self.first[key]
            if self.second and fails(decoded):
                (decoded,) = self.engine.decode((window,), Effort(bare=True))
                self.again += 1
            segments, look = heard(look, decoded)
            yield "|".join(segment.text for segment in segments)


def leaks(text: str, prompt: str) -> bool:
    """Return whether a part of the prompt stands in a window's text: it was written, not heard.

    A part is seven characters in a row, marks and blanks not counted, or the whole of a shorter prompt.
    """
    bare, told = _SHOWN.sub("", text), _SHOWN.sub("", prompt)
    parts = (told[at : at + _LEAK] for at in range(max(1, len(told) - _LEAK + 1)))
    return bool(told) and any(part in bare for part in parts)


def fails(decoded: Decoded) -> bool:
    """Return whether openai-whisper would decode the window again."""
    return any(one.compression_ratio > 2.4 or one.avg_logprob < -1.0 for one in decoded.segments)


def compare(wanted: str, text: str, sentences: tuple[str, ...]) -> tuple[int, int]:
    """Return the character errors, and how many sentences have a mark after their last character."""
    from rapidfuzz.distance import Levenshtein

    ideal, real = units(wanted, "zh"), units(text, "zh")
    closed = 0
    at = 0
    marked = after_marks(text)
    blocks = Levenshtein.opcodes(ideal, real)
    for sentence in sentences:
        at += len(units(sentence, "zh"))
        closed += position(blocks, at) in marked
    return Levenshtein.distance(ideal, real), closed


def after_marks(text: str) -> set[int]:
    """Return how many counted characters stand before each mark."""
    places, before = set(), ""
    for character in text:
        if character in MARKS:
            places.add(len(units(before, "zh")))
        before += character
    return places


def position(blocks: Iterable[Any], at: int) -> int:
    """Return where a place of the first text lies in the second."""
    for block in blocks:
        if block.src_start < at <= block.src_end:
            return int(min(block.dest_end, block.dest_start + at - block.src_start))
    return 0


def show(row: Row) -> None:
    """Print one line."""
    rate = 100 * row.errors / row.units if row.units else 0
    marks = 100 * row.marks / row.characters if row.characters else 0
    print(
        f"{row.way:20} {row.cut:30} errors {row.errors:3}/{row.units:<4}{rate:6.1f} %"
        f"  marks {marks:5.1f}/100  ends {row.ends:2}/{row.sentences:<3}"
        f" traditional {row.traditional:3}/{row.characters:<4}"
        f" leaks {row.leaks}/{row.windows} again {row.again}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
