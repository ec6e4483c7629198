"""What short windows (transcribe/shorter.py) cost in accuracy, and save: the same speech cut in many ways.

    python scripts/short_windows.py FOLDER [--model base] [--ways short,whole,theirs] [--beam-size 5]
        [--padding 0.4] [--zh-prompt TEXT] [--no-zh-marks] [--json FILE]

The FOLDER holds NAME.flac with NAME.json (a list of {"start", "end", "text"}); NAME is a language. Its
sentences are heard one by one, and each two, three and four together, from some twenty of them on; and all.
Beside them the clips of pytest-audioeval. Three ways: windows as long as their sound needs, whole windows,
and faster-whisper one window after the other, its own way. All in one thread. Chinese is given its marks, as
by default, or not, and told a prompt where one is given. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from accuracy import DENSE, Score, found, processor, samples, units
from sounds import samples_of

from bili2text.audio.chunks import CutRules, chunks
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.chinese.example import EXAMPLES
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import DecodeOptions, Load
from bili2text.transcribe.run import Listening, listen

TOGETHER = (1, 2, 3, 4)  # sentences
_FROM = 20  # sentences to begin with
_EDGE = 0.1  # seconds kept before the first sentence and after the last
Hear = Callable[["Cut"], str]


@dataclass(frozen=True, slots=True)
class Chinese:
    """How Chinese is heard."""

    prompt: str | None
    marks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of speech, and what is said in it."""

    group: str
    language: str
    samples: Samples
    text: str


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--ways", default="short,whole,theirs")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--padding", type=float, default=CutRules().padding)  # seconds around speech
    parser.add_argument("--zh-prompt", help="what windows of Chinese are told beforehand")
    parser.add_argument("--zh-marks", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = find(options.model, Places(cache_dir(os.environ), None, os.environ))
    if model is None:
        parser.error(f"{options.model} is not on this disk")
    cuts = [*cuts_of(options.folder), *clips()]
    beam, chinese = options.beam_size, Chinese(options.zh_prompt, EXAMPLES if options.zh_marks else {})
    rules = CutRules(padding=options.padding)
    ways: dict[str, Callable[[], Hear]] = {
        "short": lambda: ours(model.path, beam, rules, chinese, short=True),
        "whole": lambda: ours(model.path, beam, rules, chinese, short=False),
        "theirs": lambda: theirs(model.path, beam),
    }
    scores = {way: measured(ways[way](), cuts) for way in options.ways.split(",")}
    for group in dict.fromkeys(cut.group for cut in cuts):
        cells = (
            f"{way} {one.errors}/{one.units} in {one.seconds:.0f} CPU s"
            for way, of in scores.items()
            if (one := of[group])
        )
        print(f"{group:8}", *cells, sep="   ")
    if options.json:
        about = {"measured": time.strftime("%Y-%m-%d"), "processor": processor(), "model": options.model}
        rows = {way: {group: vars_of(one) for group, one in of.items()} for way, of in scores.items()}
        options.json.write_text(json.dumps({**about, "results": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


def cuts_of(folder: Path) -> Iterator[Cut]:
    """Yield the sentences of a folder's recordings, alone, together, and all."""
    for path in sorted(folder.glob("*.flac")):
        sound, said = samples_of(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        for count in (*TOGETHER, len(said)):
            for first in range(0, len(said) - count + 1, max(1, len(said) // _FROM)):
                part = said[first : first + count]
                begin, end = part[0]["start"] - _EDGE, part[-1]["end"] + _EDGE
                between = "" if path.stem in DENSE else " "
                text = between.join(one["text"] for one in part)
                stretch = sound[max(0, int(begin * SAMPLE_RATE)) : int(end * SAMPLE_RATE)]
                name = "all" if count == len(said) else str(count)
                yield Cut(f"{path.stem} {name}", path.stem, stretch, text)


def clips() -> Iterator[Cut]:
    """Yield the clips of pytest-audioeval."""
    for clip in found(samples()):
        yield Cut(clip.group, clip.language, samples_of(clip.path), clip.text)


def ours(folder: Path, beam: int, rules: CutRules, chinese: Chinese, *, short: bool) -> Hear:
    """Return our way, with windows as long as they need or whole ones."""
    options = DecodeOptions(beam_size=beam)
    engine = Ct2Engine(Load(folder, "cpu", compute_type="int8", threads=1), options)
    engine.short = short

    def hear(cut: Cut) -> str:
        sound = judged(iter([cut.samples]), SpeechDetector())
        told = replace(options, initial_prompt=chinese.prompt if cut.language == "zh" else None)
        how = Listening(told, cut.language, batch_size=8, marks=chinese.marks)
        heard = listen(chunks(sound, rules), engine, how, lambda _: None)
        return "".join(segment.text for segment in heard.segments)

    return hear


def theirs(folder: Path, beam: int) -> Hear:
    """Return faster-whisper's way, every other option at its default."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(cut: Cut) -> str:
        segments, _ = model.transcribe(cut.samples, language=cut.language, beam_size=beam)
        return "".join(segment.text for segment in segments)

    return hear


def measured(hear: Hear, cuts: list[Cut]) -> dict[str, Score]:
    """Return the errors and CPU seconds of each group."""
    from rapidfuzz.distance import Levenshtein

    scores: dict[str, Score] = {}
    for cut in cuts:
        began = time.process_time()
        said = units(hear(cut), cut.language)
        seconds, wanted = time.process_time() - began, units(cut.text, cut.language)
        old = scores.get(cut.group, Score(0, 0, 0.0))
        errors = old.errors + Levenshtein.distance(wanted, said)
        scores[cut.group] = Score(errors, old.units + len(wanted), old.seconds + seconds)
    return scores


def vars_of(score: Score) -> dict[str, float]:
    """Return a score as JSON."""
    return {"errors": score.errors, "units": score.units, "cpu_seconds": round(score.seconds, 1)}


if __name__ == "__main__":
    sys.exit(main())
