"""Programs made ready, and run one after the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy import units

from benchmarking import venvs
from benchmarking.measure import measure
from benchmarking.recordings import repeated
from benchmarking.values import CannotRunError, Program, Ready, Run, Sound, Taken
from benchmarking.weights import dims_of, openai_names, read, write_ggml

_ROOT = Path(__file__).resolve().parents[2]
_WARM = 10.0  # seconds of sound in the run that is not counted
_CHECKPOINT = Path(__file__).resolve().parent / "checkpoint_child.py"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are, and what every program is told."""

    home: Path  # venvs, converted weights, and our own cache
    model: Path  # the folder of the CTranslate2 model
    threads: int
    limit: float  # seconds a run may take
    detect: bool = False  # do not tell the language

    def environ(self, *, ours: bool) -> dict[str, str]:
        """Return the environment of a run: no card, no network for models, every line printed at once."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "BILI2TEXT_"))
        }
        shared = {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        own = {
            "PYTHONPATH": str(_ROOT),
            "BILI2TEXT_CACHE_DIR": str(self.home / "cache"),
            "BILI2TEXT_CONFIG": str(self.home / "no-settings.toml"),
        }
        return kept | shared | (own if ours else {})


def prepare(program: Program, bench: Bench, sound: Sound) -> Ready:
    """Return the program, installed, with its weights, after one short run that is not counted.

    Raises CannotRunError with the reason.
    """
    python = venvs.make(program.packages, bench.home)
    ready = Ready(program, python, _weights(program, python, bench), venvs.versions(python))
    with tempfile.TemporaryDirectory() as place:
        warm = repeated(sound, min(_WARM, sound.seconds), Path(place, "warm.wav"))
        try:
            run = tried(ready, warm, bench, 0)
        except OSError as error:
            raise CannotRunError(f"cannot start: {error}") from error
    if run.why:
        raise CannotRunError(run.why)
    return ready


def rounds(
    programs: Sequence[Ready], sounds: Sequence[Sound], bench: Bench, count: int, slow: int | None = None
) -> Iterator[Run]:
    """Yield every run: in each round every program hears every recording once, in turn; each round begins
    with another program. The slow ones take part in the first `slow` rounds; None: in all."""
    for number in range(1, count + 1):
        first = (number - 1) % max(1, len(programs))
        for sound in sounds:
            for ready in (*programs[first:], *programs[:first]):
                if slow is None or number <= slow or not ready.program.slow:
                    yield tried(ready, sound, bench, number)


def tried(ready: Ready, sound: Sound, bench: Bench, number: int) -> Run:
    """Return one run, a failed one with its reason."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        taken = measure(
            command(ready, sound, bench, Path(place)),
            bench.environ(ours=not ready.program.packages),
            Path(place),
            ready.program.prints,
            bench.limit,
        )
        text = _text(ready.program, taken, Path(place))
    errors, count = _errors(text or "", sound) if sound.text and text is not None else (None, None)
    why = _why(ready.program, taken, text, bench.limit)
    return Run(
        ready.program.name, sound.name, sound.seconds, number, taken.wall, taken.user, taken.system,
        taken.rss, taken.first, errors, count, taken.code, taken.others, taken.load, why,
    )  # fmt: skip


def command(ready: Ready, sound: Sound, bench: Bench, out: Path) -> list[str]:
    """Return what is run."""
    words = ready.program.command + (() if bench.detect else ready.program.language)
    filled = {
        "{python}": str(ready.python),
        "{bin}": str(ready.python.parent),
        "{audio}": str(sound.path),
        "{model}": str(ready.model),
        "{out}": str(out),
        "{threads}": str(bench.threads),
        "{language}": sound.language,
    }
    return [re.sub(r"\{\w+\}", lambda match: filled[match[0]], word) for word in words]


def _text(program: Program, taken: Taken, out: Path) -> str | None:
    """Return what the program heard, or None where it wrote nothing at all."""
    if program.text == "file":
        files = sorted(out.glob("*.txt"))
        return "\n".join(path.read_text(encoding="utf-8") for path in files) if files else None
    lines = [re.sub(program.prints, "", line) for line in taken.lines if re.search(program.prints, line)]
    return "\n".join(lines) if taken.code == 0 else None


def _errors(text: str, sound: Sound) -> tuple[int, int]:
    from rapidfuzz.distance import Levenshtein

    wanted = units(sound.text, sound.language)
    return Levenshtein.distance(wanted, units(text, sound.language)), len(wanted)


def _why(program: Program, taken: Taken, text: str | None, limit: float) -> str:
    if taken.code == -9 and taken.wall >= limit:
        return f"took longer than {limit:.0f} s"
    if taken.code in program.fine and text is not None:
        return ""
    return f"exit code {taken.code}: {venvs.last_word(chr(10).join(taken.lines))}"


def _weights(program: Program, python: Path, bench: Bench) -> Path:
    """Return the model in the program's format, made once from the CTranslate2 folder."""
    if program.weights == "ctranslate2":
        return bench.model
    changed = (bench.model / "model.bin").stat().st_mtime_ns
    suffix = "pt" if program.weights == "torch" else "bin"
    made = bench.home / "weights" / f"{bench.model.name}-{changed}.{suffix}"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        partial = made.with_name(f"partial-{made.name}")
        if program.weights == "ggml":
            write_ggml(bench.model, partial)
        else:
            _write_checkpoint(bench.model, python, partial)
        partial.replace(made)
    return made


def _write_checkpoint(folder: Path, python: Path, path: Path) -> None:
    """Write what openai-whisper loads, by the torch of its own venv."""
    import numpy as np

    variables = read(folder / "model.bin")
    dims: Mapping[str, int] = dims_of(folder / "model.bin", variables)
    arrays = path.with_suffix(".npz")
    np.savez(arrays, **dict[str, Any](openai_names(variables)))
    done = subprocess.run(
        [str(python), str(_CHECKPOINT), str(arrays), json.dumps(dims), str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    with suppress(OSError):
        arrays.unlink()
    if done.returncode:
        raise CannotRunError(f"cannot convert the weights: {venvs.last_word(done.stderr)}")
