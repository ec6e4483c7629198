"""How often the second look is right: alarms on good speech, errors before and after on troubled sound.

    python scripts/second_look.py [--model base] [--json FILE] FOLDER

The FOLDER holds NAME.flac with NAME.json (a list of {"start", "end", "text"}); NAME is a language. Chunks are
whole sentences together, up to 28, 14 and 7 s, so that each has its own text. On some of 20 s the trouble is
put by numpy: noise, clapping, a tune at three loudnesses, a hole, a soft voice, clipping, speech twice as
fast, one sentence over and over. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy import DENSE, units

from bili2text.audio.chunks import Chunk, CutRules, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.segments import Segment
from bili2text.transcribe.again import Manner, second_look
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import DecodeOptions, Effort, Load, Window
from bili2text.transcribe.seek import Look, heard

SEED = 1
SIZES = (28.0, 14.0, 7.0)  # seconds
TROUBLED = 20.0
LONGEST = 28.0
EACH = 4  # chunks of a language that are troubled
GOOD, BAD = 0.2, 0.3  # share of errors under and above which a text is called so


@dataclass(frozen=True, slots=True)
class Case:
    """A chunk, what is said in it, and what was done to it."""

    kind: str
    language: str
    samples: Samples
    text: str


def main() -> int:
    """Measure, print each case that is doubted, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = find(options.model, Places(cache_dir(os.environ), None, os.environ))
    if found is None:
        sys.exit(f"{options.model} is not on this machine")
    decoding = DecodeOptions()
    engine = Ct2Engine(Load(found.path, "cpu", compute_type="int8"), decoding)
    totals: dict[str, Counter[str]] = {}
    for case in cases(options.folder):
        totals.setdefault(f"{case.language} {case.kind.rstrip('-+0123456789')}", Counter()).update(
            measured(case, engine, Manner(decoding, case.language, 4))
        )
    for name, counts in sorted(totals.items()):
        print(name, dict(counts))
    if options.json:
        options.json.write_text(json.dumps(totals, indent=1) + "\n")
    return 0


def measured(case: Case, engine: Ct2Engine, how: Manner) -> dict[str, int]:
    """Return errors before and after, and whether the alarm was right."""
    blocks = (case.samples[at : at + SAMPLE_RATE] for at in range(0, len(case.samples), SAMPLE_RATE))
    speech = [one.speech for one in chunks(judged(blocks, SpeechDetector()), CutRules())]
    chunk = Chunk(0, 0.0, case.samples, tuple(span for spans in speech for span in spans))
    first = first_pass(chunk, case.language, engine)
    looked = second_look(chunk, first, case.language, engine, how)
    wanted = units(case.text, case.language)
    before, after = (errors(segments, wanted, case.language) for segments in (first, looked.segments))
    if looked.doubts_before:
        kinds = [one.kind for one in looked.doubts_before]
        print(
            case.language, case.kind, f"{before} -> {after} of {len(wanted)}", looked.rung, kinds, flush=True
        )
    return {
        "chunks": 1,
        "units": len(wanted),
        "errors before": before,
        "errors after": after,
        "doubted": bool(looked.doubts_before),
        "still doubted": looked.doubtful,
        "good": before < GOOD * len(wanted),
        "good and doubted": before < GOOD * len(wanted) and bool(looked.doubts_before),
        "bad": before > BAD * len(wanted),
        "bad and doubted": before > BAD * len(wanted) and bool(looked.doubts_before),
        "better": after < before,
        "worse": after > before,
    }


def errors(segments: tuple[Segment, ...], wanted: list[str], language: str) -> int:
    """Return the words, or characters, that are wrong."""
    from rapidfuzz.distance import Levenshtein

    found: int = Levenshtein.distance(wanted, units("".join(one.text for one in segments), language))
    return found


def first_pass(chunk: Chunk, language: str, engine: Ct2Engine) -> tuple[Segment, ...]:
    """Return what the first pass says, further looks included."""
    look: Look | None = Look(chunk)
    said: tuple[Segment, ...] = ()
    while look is not None:
        window = Window(chunk.samples[round(look.offset * SAMPLE_RATE) :], language)
        segments, look = heard(look, engine.decode((window,), Effort((0.0,)))[0])
        said += segments
    return said


def cases(folder: Path) -> Iterator[Case]:
    """Yield good chunks of every size, then the troubled ones."""
    for path in sorted(folder.glob("*.flac")):
        language = path.stem
        for size in SIZES:
            for samples, text in aligned(path, language, size):
                yield Case(f"good {size:.0f} s ", language, samples, text)
        rng = np.random.default_rng(SEED)
        for samples, text in aligned(path, language, TROUBLED)[:EACH]:
            for kind, sound in troubles(samples, rng):
                yield Case(kind, language, sound.astype(np.float32), text)
        samples, text = aligned(path, language, 4.0)[3]
        times = int(LONGEST * SAMPLE_RATE) // len(samples)
        yield Case("over and over", language, np.tile(samples, times), f"{text} " * times)


def aligned(path: Path, language: str, limit: float) -> list[tuple[Samples, str]]:
    """Return chunks of whole sentences of at most `limit` seconds, where a sentence is no longer."""
    with Decoder(path) as decoder:
        sound = np.concatenate([block.samples for block in decoder.blocks()])
    groups: list[list[dict[str, float | str]]] = []
    for part in json.loads(path.with_suffix(".json").read_text(encoding="utf-8")):
        if groups and part["end"] - float(groups[-1][0]["start"]) <= limit:
            groups[-1].append(part)
        else:
            groups.append([part])
    space = "" if language in DENSE else " "
    return [
        (
            sound[round(float(one[0]["start"]) * SAMPLE_RATE) :][
                : round((float(one[-1]["end"]) - float(one[0]["start"]) + 0.1) * SAMPLE_RATE)
            ],
            space.join(str(part["text"]) for part in one),
        )
        for one in groups
    ]


def troubles(sound: Samples, rng: np.random.Generator) -> Iterator[tuple[str, Samples]]:
    """Yield the sound in trouble; +5, +0 and -5 are the decibels by which it is louder than the noise."""
    size = len(sound)
    seconds = np.arange(size) / SAMPLE_RATE
    white = rng.normal(0, 1, size)
    walk = np.cumsum(white)
    claps = np.zeros(size + 400)
    for at in rng.integers(0, size, int(size / SAMPLE_RATE * 60)):
        claps[at : at + 400] += rng.normal(0, 1, 400) * np.exp(-np.arange(400) / 60)
    notes = 2 ** (np.floor(seconds * 2) % 7 / 12)
    tune = sum(np.sin(2 * np.pi * pitch * notes * seconds) for pitch in (220, 277.2, 329.6, 440))
    noises = {
        "white": white,
        "rumble": walk - np.convolve(walk, np.ones(1600) / 1600, "same"),
        "claps": claps[:size],
        "tune": tune * np.exp(-(seconds * 2 % 1) * 1.5),
    }
    for name, noise in noises.items():
        for decibels in (5, 0, -5):
            loud = np.std(sound) / np.std(noise) * 10 ** (-decibels / 20)
            yield f"{name}{decibels:+d}", sound + noise * loud
    yield "hole", np.where((seconds > seconds[-1] / 3) & (seconds < seconds[-1] * 2 / 3), 0, sound)
    yield "soft", sound * 0.003
    yield "clipped", np.clip(sound * 20, -0.2, 0.2)
    yield "twice as fast", np.interp(np.arange(0, size, 2.0), np.arange(size), sound)


if __name__ == "__main__":
    sys.exit(main())
