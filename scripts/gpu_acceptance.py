"""Holds the program against a real CUDA card: no out of memory, peaks as computed, and how fast it is.

    python scripts/gpu_acceptance.py [--only whisper] [--json docs/measurements/gpu_acceptance.json]
        [--translators DIR] [--pairs FILE]

Fills the card with ballast until 1.2 to 10 GiB are free, plans for what is left, runs real speech through the
planned model in a process of its own, and compares. Models that are not on this disk are made with random
weights in their shape: memory does not depend on the values. Ten minutes at most for the part `whisper`
(scripts/shapes.py, up to 7 GB below --work), and as long for the part `translation`, which chooses, loads,
hands over to and squeezes translators (scripts/decoders.py, up to 25 GB, and the extra `qwen`; with --shapes
Qwen3-0.6B it is 3 GB). What takes real weights or --pairs is not measured without them. As long again for
the part `speed`: the program against faster-whisper's batched pipeline on the whole card, which nothing else
should use then. All its settings take an hour on a small card: --only speed --minutes 60.
Exit codes: 0 all assertions held, 1 some did not, 2 usage, 4 no card.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from acceptance.bench import Bench, bench
from acceptance.report import RESULTS, earlier, failures, plot, write
from acceptance.run import PARTS, SECTIONS, TRANSLATION, run
from acceptance.translators import SHAPES
from acceptance.values import Json, Section
from accuracy import samples

from bili2text.errors import Bili2TextError
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.probe import probe
from bili2text.models.store import Places
from bili2text.paths import cache_dir
from bili2text.plan.cards import named
from bili2text.plan.values import Wishes

_NO_CARD = 4
_FACTS = ("name", "total_mib", "driver", "sms", "display", "integrated", "driver_model", "mig")
_PACKAGES = (
    "ctranslate2", "faster-whisper", "nvidia-ml-py", "nvidia-cublas-cu12", "numpy", "torch", "transformers",
    "kernels",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure, write after each section, and say what did not hold."""
    options = _options(arguments)
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    cards = probe(os.environ)
    try:
        device = chosen(cards, options.gpu)
        if device is None:
            print(f"no card to measure: {cards.reason}", file=sys.stderr)
            return _NO_CARD
        with tempfile.TemporaryDirectory(prefix="gpu-acceptance-") as folder:
            return _measured(device, options, options.work or Path(folder))
    except Bili2TextError as error:
        print(f"{error.message}; {error.hint}", file=sys.stderr)
        return error.exit_code


def chosen(cards: Cards, uuid: str | None) -> Device | None:
    """Return the card asked for by the beginning of its UUID, or the one with the most free memory.

    None where there is no card. Raises UsageError where not just one begins so.
    """
    return max(named(Wishes(gpu=uuid), cards.devices), key=lambda card: card.free_mib, default=None)


def about(device: Device) -> Json:
    """Return on what is measured: nothing that names a person or a computer."""
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "card": {**{name: getattr(device, name) for name in _FACTS}, "capability": list(device.capability)},
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _measured(device: Device, options: argparse.Namespace, work: Path) -> int:
    places = Places(cache_dir(os.environ), options.model_dir, os.environ)
    sounds = options.sound or sorted((samples() / "en").glob("*.wav"))
    found: list[Section] = []
    facts = about(device)
    kept = earlier(options.json, facts)
    whole = bench(
        device, places, work, sounds, options.cublas, options.translators, options.shapes, options.pairs
    )
    _make(whole, options.only)
    for section in run(whole, options.only, 60 * options.minutes):
        found.append(section)
        write(options.json, facts, kept, found)
        held = f"{sum(check.held is True for check in section.checks)}/{len(section.checks)} held"
        print(f"{section.name:12} {section.state:12} {section.seconds:6.1f} s  {held}")
        if section.why:
            print(f"{'':12} {section.why}")
    if options.plot and not plot(options.json, options.plot):
        print("no picture: nothing was measured in the sweep, or matplotlib is missing", file=sys.stderr)
    wrong = failures(found)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def _make(whole: Bench, names: Sequence[str]) -> None:
    """Make the translators that are not there; it takes minutes, which no section is charged with."""
    if TRANSLATION.keys().isdisjoint(names):
        return
    try:
        for given in whole.translators.plain():
            print(f"{given.model.name}, {given.weights} weights: {given.model.weight_bytes / 1e9:.1f} GB")
    except (Bili2TextError, ValueError, OSError) as error:  # the other parts can do without
        print(f"no more translators: {error}", file=sys.stderr)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--only", type=_names, default=tuple(SECTIONS), help="sections or parts, with commas between"
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--plot", type=Path, help="a picture of the sweep, .svg or .png")
    parser.add_argument("--gpu", help="the card, by the beginning of its UUID")
    parser.add_argument(
        "--minutes", type=float, default=9.5, help="for each part; each section has its share"
    )
    parser.add_argument(
        "--work", type=Path, help="where models are made and kept; left out: a temporary folder"
    )
    parser.add_argument("--model-dir", type=Path, help="where real models are, besides the usual places")
    parser.add_argument(
        "--translators",
        type=Path,
        nargs="+",
        default=[],
        help="real ones: folders of models, or of such folders",
    )
    parser.add_argument(
        "--shapes", type=_shapes, default=SHAPES, help="translators to make, with commas between"
    )
    parser.add_argument(
        "--pairs", type=Path, help="for real translators: a source, a tab, its translation; or hsk"
    )
    parser.add_argument(
        "--sound", type=Path, nargs="+", help="English speech; left out: pytest-audioeval's clips"
    )
    parser.add_argument("--cublas", type=Path, help="a folder with libcublas and libcublasLt of any version")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    names: list[str] = []
    for name in text.split(","):
        if name not in SECTIONS and name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name!r} is no section: {', '.join((*PARTS, *SECTIONS))}")
        names += PARTS.get(name, (name,))
    return tuple(dict.fromkeys(names))


def _shapes(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in SHAPES:
            raise argparse.ArgumentTypeError(f"{name!r} is not made: {', '.join(SHAPES)}")
    return tuple(name for name in SHAPES if name in names)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
