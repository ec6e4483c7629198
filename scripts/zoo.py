"""Damaged files through the decoder and the speech detector: what breaks, hangs, or is not told.

    nice python scripts/zoo.py [--json FILE]

8 containers, each cut, flipped and zeroed at 20 places, and 40 things that are no recordings. What is missing
is measured on the sound itself: where it is quiet and the healthy file, with noise all over, is not. It
is held against what is reported wherever a file can tell (scripts/damaging.py says which).
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from damaging import healthy, mutants, oddities
from demo import speech
from sounds import samples_of, white, with_pauses

from bili2text.audio.chunks import CutRules, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.errors import MediaError

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "zoo.json"
_SECONDS = 12.0  # of the healthy files
_HANG = 10.0  # seconds
_FRAME = 512  # samples compared at once
_NOISE = 0.01  # RMS under the speech
_QUIET = 0.3  # of the healthy file's level
_CLOSE = 0.5  # seconds


@dataclass(slots=True)
class Seen:
    """What became of the files of one kind."""

    files: int = 0
    refused: int = 0  # with an error of one line
    tracebacks: int = 0
    hangs: int = 0
    known: int = 0  # files whose missing seconds can be known
    close: int = 0  # of these, reported within 0.5 s
    worst: float = 0.0  # seconds between what is missing and what is reported
    slowest: float = 0.0  # seconds
    examples: list[str] = field(default_factory=list)


def main() -> int:
    """Measure, print and write JSON where asked. Return 0 when nothing broke and nothing hung."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--hear", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hear:
        return hear()
    with tempfile.TemporaryDirectory() as place, Hearer() as hearer:
        found = {name: asdict(seen) for name, seen in zoo(Path(place), hearer).items()}
        about = {"measured": time.strftime("%Y-%m-%d"), "peak_mib": hearer.peak_mib}
    print(json.dumps({**about, "kinds": found}, indent=1))
    if options.json:
        text = json.dumps({**about, "kinds": found}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(one["tracebacks"] or one["hangs"] for one in found.values()) else 0


def zoo(place: Path, hearer: Hearer) -> dict[str, Seen]:
    """Return what was seen of each container, and of what is no recording."""
    clips = with_pauses([samples_of(path) for name in ("en", "fr", "zh") for path in speech(name)], 0.1)
    found = {}
    noisy = clips[: round(_SECONDS * SAMPLE_RATE)] + white(_SECONDS, np.random.default_rng(2), _NOISE)
    for name, whole in healthy(place, noisy).items():
        found[name] = seen = Seen()
        reference = samples_of(whole)
        np.save(place / "reference.npy", reference)
        for mutant in mutants(name, whole, place):
            _note(seen, hearer.hear(mutant.path, place / "reference.npy"), mutant.harm, known=mutant.known)
    found["no recording"] = seen = Seen()
    for name, path in oddities(place):
        _note(seen, hearer.hear(path, None), name, known=False)
    return found


class Hearer:
    """A process that hears files, watched for those it never comes back from."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._start()

    def hear(self, path: Path, reference: Path | None) -> dict[str, Any]:
        """Return what was heard of a file; {"hang": True} when that took too long."""
        began = time.monotonic()
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(json.dumps([str(path), str(reference or "")]) + "\n")
        self._process.stdin.flush()
        try:
            answer: dict[str, Any] = json.loads(self._answers.get(timeout=_HANG))
        except (queue.Empty, ValueError):
            self._end()
            self._start()
            return {"hang": True, "took": time.monotonic() - began}
        self.peak_mib = max(self.peak_mib, answer["peak_mib"])
        return {**answer, "took": time.monotonic() - began}

    def __enter__(self) -> Hearer:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--hear"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, self._answers), daemon=True).start()
        self._answers.get()  # it is up: importing is no hang

    def _listen(self, process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            answers.put(line)
        answers.put("")  # it died

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


def hear() -> int:
    """Hear the files named on standard input, and say what came of each."""
    print("up", flush=True)
    for line in sys.stdin:
        path, reference = json.loads(line)
        found: dict[str, Any] = {}
        try:
            found = _heard(Path(path), np.load(reference) if reference else None)
        except MediaError as error:
            found = {"refused": error.message}
        except Exception:  # noqa: BLE001 - what is looked for
            found = {"traceback": traceback.format_exc()[-600:]}
        print(json.dumps({**found, "peak_mib": _peak_mib()}), flush=True)
    return 0


def zoo_table() -> str:
    """Return the table of what was measured, for docs/reliability.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [
        "| kind | files | refused | tracebacks | hangs over 10 s | missing seconds told within 0.5 s |",
        "|---|---|---|---|---|---|",
    ]
    total: Counter[str] = Counter()
    for name, seen in found["kinds"].items():
        told = f"{seen['close']} of {seen['known']}, worst {seen['worst']:.2f} s" if seen["known"] else "-"
        row = (name, seen["files"], seen["refused"], seen["tracebacks"], seen["hangs"], told)
        lines.append(f"| {' | '.join(map(str, row))} |")
        total.update(
            {key: seen[key] for key in ("files", "refused", "tracebacks", "hangs", "known", "close")}
        )
    sums = (total["files"], total["refused"], total["tracebacks"], total["hangs"])
    lines.append(f"| all | {' | '.join(map(str, sums))} | {total['close']} of {total['known']} |")
    return "\n".join(lines) + f"\n\nPeak RAM {found['peak_mib']:.0f} MiB; {found['measured']}.\n"


def _note(seen: Seen, answer: dict[str, Any], what: str, *, known: bool) -> None:
    seen.files += 1
    seen.slowest = max(seen.slowest, round(answer["took"], 2))
    seen.refused += "refused" in answer
    for bad in ("traceback", "hang"):
        if bad in answer:
            setattr(seen, f"{bad}s", getattr(seen, f"{bad}s") + 1)
            seen.examples.append(f"{what}: {answer[bad]}")
    if not known or "missing" not in answer:
        return
    away = abs(answer["missing"] - answer["told"])
    seen.known += 1
    seen.close += away <= _CLOSE
    seen.worst = max(seen.worst, round(away, 3))
    if away > _CLOSE:
        seen.examples.append(f"{what}: {answer['missing']:.2f} s are missing, {answer['told']:.2f} s told")


def _heard(path: Path, reference: Samples | None) -> dict[str, Any]:
    kept: list[Samples] = []

    def sound(decoder: Decoder) -> Any:  # noqa: ANN401 - an iterator of blocks
        for block in decoder.blocks():
            kept.append(block.samples)
            yield block.samples

    with Decoder(path) as decoder:
        found = sum(1 for _ in chunks(judged(sound(decoder), SpeechDetector()), CutRules()))
        told = decoder.damage.seconds
    samples = np.concatenate([np.zeros(0, np.float32), *kept])
    missing = {} if reference is None else {"missing": _missing(samples, reference)}
    return {"chunks": found, "told": told, **missing}


def _missing(samples: Samples, reference: Samples) -> float:
    """Return the seconds in which the reference has sound and this has none."""
    count = len(reference) // _FRAME * _FRAME
    here = np.zeros(count, np.float32)
    here[: min(count, len(samples))] = samples[:count]
    level, left = (np.sqrt(np.square(one[:count].reshape(-1, _FRAME)).mean(1)) for one in (reference, here))
    return float((left < _QUIET * level).sum() * _FRAME / SAMPLE_RATE)


def _peak_mib() -> float:
    with suppress(OSError, StopIteration, ValueError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
