"""Error rates of this program and of faster-whisper on the same clips, model and machine, side by side.

    python scripts/accuracy.py [--model base] [--json FILE] [FOLDER ...]

A FOLDER holds sound with its text beside it: NAME.wav or NAME.flac with NAME.txt, or with NAME.json (a list
of {"start", "end", "text"}); the language is the folder's name or NAME, a code. Without a FOLDER the clips
of pytest-audioeval are used. Needs the extra `bench`.

Word error rate, or character error rate for Chinese and Japanese, after: NFKC, lower case, no punctuation,
the numbers 0 to 10 as words (in Chinese all of them), Chinese in simplified characters. Errors are summed
over the clips of a set.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DENSE = ("zh", "ja")  # written without blanks: counted in characters
NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix",
    "hi": "शून्य एक दो तीन चार पांच छह सात आठ नौ दस",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci",
    "ja": "零 一 二 三 四 五 六 七 八 九 十",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez",
    "zh": "零 一 二 三 四 五 六 七 八 九 十",
}
Hear = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound and what is said in it."""

    path: Path
    language: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class Score:
    """Errors, units counted, and CPU seconds."""

    errors: int
    units: int
    seconds: float


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips = [clip for folder in options.folders or [samples()] for clip in found(folder)]
    if not clips:
        parser.error("no clips with text were found")
    rows = {}
    for name, make in SYSTEMS.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows[name] = measure(make(options.model), clips)
    groups = sorted({clip.group for clip in clips})
    print(f"{'system':44}" + "".join(f"{group:>22}" for group in groups) + f"{'CPU s':>10}")
    for name, scores in rows.items():
        cells = "".join(
            f"{s.errors:>8}/{s.units:<5}{100 * s.errors / s.units:6.2f} %"
            for s in map(scores.get, groups)
            if s
        )
        print(f"{name:44}{cells}{sum(s.seconds for s in scores.values()):10.1f}")
    if options.json:
        options.json.write_text(json.dumps(report(rows, options.model), indent=1, ensure_ascii=False) + "\n")
    return 0


def samples() -> Path:
    """Return the folder of pytest-audioeval's clips."""
    package = importlib.util.find_spec("pytest_audioeval")
    if package is None or not package.submodule_search_locations:
        sys.exit("pytest-audioeval is not installed, and no folder was named")
    return Path(package.submodule_search_locations[0], "samples", "audio")


def found(folder: Path) -> Iterator[Clip]:
    """Yield the clips below a folder."""
    for path in sorted([*folder.rglob("*.wav"), *folder.rglob("*.flac")]):
        text, spoken = path.with_suffix(".txt"), path.with_suffix(".json")
        named = path.stem if path.stem in NUMBERS else path.parent.name
        group = path.stem if path.stem in NUMBERS else "clips"
        if text.is_file():
            yield Clip(path, named, text.read_text(encoding="utf-8"), group)
        elif spoken.is_file():
            parts = [part["text"] for part in json.loads(spoken.read_text(encoding="utf-8"))]
            yield Clip(path, named, ("" if named in DENSE else " ").join(parts), group)


def units(text: str, language: str) -> list[str]:
    """Return the words, or characters, that are compared."""
    words = NUMBERS[language if language in NUMBERS else "en"].split()
    dense = language in DENSE
    text = unicodedata.normalize("NFKC", text).lower()
    if language == "zh":
        text = spoken(simplified(text))
    pattern = r"10|\d" if dense else r"\b(?:10|\d)\b"
    text = re.sub(pattern, lambda match: f" {words[int(match[0])]} ", text)
    text = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text)
    return list("".join(text.split())) if dense else text.split()


def simplified(text: str) -> str:
    """Return Chinese text in simplified characters."""
    import opencc

    if not hasattr(simplified, "converter"):
        simplified.converter = opencc.OpenCC("t2s")  # type: ignore[attr-defined]
    converted: str = simplified.converter.convert(text)  # type: ignore[attr-defined]
    return converted


def spoken(text: str) -> str:
    """Return Chinese text with its numbers in words: some programs write 328万, others 三百二十八万."""
    from bili2text.chinese.normalise import ChineseRules, normalised
    from bili2text.segments import Segment

    (segment,) = normalised((Segment(0.0, 1.0, text),), ChineseRules("keep", "spoken"))
    return segment.text


def measure(hear: Hear, clips: list[Clip]) -> dict[str, Score]:
    """Return the score of one system for each group of clips."""
    from rapidfuzz.distance import Levenshtein

    scores: dict[str, Score] = {}
    for clip in clips:
        began = cpu_seconds()
        said = units(hear(clip.path), clip.language)
        seconds = cpu_seconds() - began
        wanted = units(clip.text, clip.language)
        old = scores.get(clip.group, Score(0, 0, 0.0))
        scores[clip.group] = Score(
            old.errors + Levenshtein.distance(wanted, said), old.units + len(wanted), old.seconds + seconds
        )
    return scores


def cpu_seconds() -> float:
    """Return the CPU seconds this process and its children that ended have taken."""
    return sum(os.times()[:4])


def ours(compute_type: str, *, second_look: bool = True, sequential: bool = False) -> Callable[[str], Hear]:
    """Return a maker of this program's own way, with every other option at its default."""

    def make(model: str) -> Hear:
        from bili2text import pipeline
        from bili2text.chinese.example import EXAMPLES
        from bili2text.plan.values import Wishes
        from bili2text.progress import Silent
        from bili2text.request import Output, Request, Result
        from bili2text.settings import environment
        from bili2text.transcribe.run import Listening

        def hear(path: Path) -> str:
            request = Request(
                (str(path),),
                wishes=Wishes(model=model, device="cpu", compute_type=compute_type, batched=not sequential),
                listening=Listening(sequential=sequential, second_look=second_look, marks=EXAMPLES),
                output=Output(folder="-", formats="txt"),
                fresh=True,
            )
            (outcome,) = pipeline.run(request, Silent(), environment())
            if not isinstance(outcome, Result):
                raise SystemExit(f"{path}: {outcome}")
            return " ".join(segment.text for segment in outcome.document.transcript.segments)

        return hear

    return make


def theirs(compute_type: str, *, batched: bool) -> Callable[[str], Hear]:
    """Return a maker of faster-whisper's way, with every option at its default."""

    def make(model: str) -> Hear:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        from bili2text.models.store import Places, find
        from bili2text.paths import cache_dir
        from bili2text.settings import environment

        folder = find(model, Places(cache_dir(environment()), None, environment()))
        if folder is None:
            sys.exit(f"{model} is not on this disk")
        loaded = WhisperModel(str(folder.path), device="cpu", compute_type=compute_type)
        engine: Any = BatchedInferencePipeline(loaded) if batched else loaded
        settings = {"batch_size": 8} if batched else {}
        return lambda path: " ".join(segment.text for segment in engine.transcribe(str(path), **settings)[0])

    return make


SYSTEMS = {
    "bili2text int8, two passes (its default)": ours("auto"),
    "bili2text int8, one pass": ours("auto", second_look=False),
    "bili2text int8, one window at a time": ours("auto", sequential=True),
    "faster-whisper sequential float32 (default)": theirs("default", batched=False),
    "faster-whisper sequential int8": theirs("int8", batched=False),
    "faster-whisper batched int8": theirs("int8", batched=True),
}


def report(rows: dict[str, dict[str, Score]], model: str) -> dict[str, Any]:
    """Return what was measured, and on what."""
    packages = ("faster-whisper", "ctranslate2", "av", "numpy", "pytest-audioeval")
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "model": model,
        "results": {
            name: {group: row(score) for group, score in scores.items()} for name, scores in rows.items()
        },
    }


def row(score: Score) -> dict[str, Any]:
    """Return a score as JSON."""
    rate = round(score.errors / score.units, 4)
    seconds = round(score.seconds, 1)
    return {"errors": score.errors, "units": score.units, "rate": rate, "cpu_seconds": seconds}


def processor() -> str:
    """Return the processor's name where the system tells."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


if __name__ == "__main__":
    sys.exit(main())
