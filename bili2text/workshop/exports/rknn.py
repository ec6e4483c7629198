"""Rockchip's rknn-toolkit2 in a virtual environment of its own: found, installed, called as a process.

It cannot live beside the workshop: 2.5.0 declares numpy <= 1.26.4, onnx <= 1.18, protobuf <= 4.25.4 and
torch <= 2.4 (the metadata of its wheel). torch it only imports, so that the environment borrows ours.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import Bili2TextError, DependencyError, RuntimeFailure, StorageError, UsageError
from bili2text.files import clean_text, storage_error
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.workshop.held import held

VERSION = "2.5.0"
DEFAULT_TARGET = "rv1126b"
# what 2.5.0's config() accepts of those asked (October 2026)
TARGETS = (
    DEFAULT_TARGET, "rv1103", "rv1103b", "rv1106", "rv1106b",
    "rk2118", "rk3562", "rk3566", "rk3568", "rk3576", "rk3588",
)  # fmt: skip
_FIRST_GENERATION = ("rv1126", "rv1109", "rk1808", "rk3399pro")
_PYTHONS = ((3, 10), (3, 12))  # its wheels, of those this program runs on
_TOOLKIT = f"rknn-toolkit2=={VERSION}"
# Within what it declares, and of one another: newer scipy, OpenCV and onnxruntime want numpy 2.
# Its opencv-python is the one with windows, whose libraries a server lacks
_BESIDE = (
    "numpy==1.26.4", "onnx==1.18.0", "protobuf==4.25.4", "onnxruntime>=1.17,<1.24", "scipy>=1.9.3,<1.15",
    "opencv-python-headless>=4.5.5.64,<4.12", "psutil>=5.9", "ruamel.yaml>=0.17.21", "tqdm>=4.64.1",
    "fast-histogram>=0.11",
)  # fmt: skip
_ASK = "import importlib.metadata as m; print(m.version('rknn-toolkit2'))"
_READY = "ready"
_CHILD = Path(__file__).with_name("rknn_child.py")
_TAIL = 1 << 24  # bytes of its log
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_COMPLAINT = re.compile(r"^E RKNN: (?:\[[0-9:.]+\] )?(.+)$")
_ERROR = re.compile(r"^(?:E |\w*Error\b)")


@dataclass(frozen=True, slots=True)
class GraphOrder:
    """A graph to convert; every path is the name of a file in the working folder."""

    onnx: str
    out: str
    inputs: tuple[str, ...]  # in the graph's order
    rows: str  # .npz: each input [n, ...], what is simulated
    found: str  # .npz: `found` [n, ...]
    dataset: str | None  # rows for int8, or None: float16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the toolkit did."""

    build_s: tuple[float, ...]  # of each graph
    simulate_s: tuple[float, ...]  # of one row
    remarks: tuple[str, ...]  # errors it printed without failing


def refuse_target(target: str) -> None:
    """Raise UsageError for a device that the toolkit does not know."""
    if target in _FIRST_GENERATION:
        raise UsageError(
            f"{target} is of Rockchip's first NPU generation, which rknn-toolkit2 does not know",
            hint="the RV1126B is --target rv1126b; for the older one export --to onnx, for its own toolkit",
        )
    if target not in TARGETS:
        raise UsageError(f"unknown target {target}", hint=f"one of {', '.join(TARGETS)}")


def refuse_system(platform: str, python: tuple[int, int]) -> None:
    """Raise DependencyError where the toolkit has no wheel: `sys.platform`, and the Python that runs here."""
    low, high = _PYTHONS
    if not platform.startswith("linux") or not low <= python <= high:
        raise DependencyError(
            f"rknn-toolkit2 {VERSION} exists for Linux and Python 3.{low[1]} to 3.{high[1]} alone",
            hint="run this program with such a Python, or export --to onnx and convert where it runs",
        )


def environment_folder(environ: Mapping[str, str]) -> Path:
    """Return where `install` makes the environment."""
    return cache_dir(environ) / "toolkits" / f"rknn-{VERSION}"


def find(venv: Path | None, environ: Mapping[str, str]) -> tuple[Path, str]:
    """Return the Python that has rknn-toolkit2, of `venv` or of ours, and its version.

    Raises DependencyError.
    """
    folder = environment_folder(environ) if venv is None else venv
    python = folder / "bin" / "python"
    if venv is None and not (folder / _READY).is_file():
        raise DependencyError(
            "rknn-toolkit2 is not installed", hint="the same command with --install does it"
        )
    if not python.is_file():
        raise DependencyError(
            f"no virtual environment: {clean_text(str(folder))}",
            hint="leave out --venv and pass --install, or name one that has rknn-toolkit2",
        )
    found = _quick([str(python), "-I", "-c", _ASK])
    if found is None:
        raise DependencyError(
            f"rknn-toolkit2 is not installed in {clean_text(str(folder))}",
            hint="leave out --venv and pass --install, or install it there",
        )
    return python, found


def install(environ: Mapping[str, str], progress: Progress) -> None:
    """Make the environment, about 0.75 GB, with pip as the user has set it up; one that is there stays.

    Raises DependencyError with pip's last word, StorageError, UsageError while another process makes it.
    """
    folder = environment_folder(environ)
    if (folder / _READY).is_file():
        return
    refuse_system(sys.platform, sys.version_info[:2])
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        raise DependencyError("torch is missing", hint='pip install "bili2text[workshop]"')
    with held(folder):
        if not (folder / _READY).is_file():
            _install(folder, Path(torch.origin).parent.parent, progress)


def _install(folder: Path, packages: Path, progress: Progress) -> None:
    """Make the environment anew; it finds torch in `packages`."""
    python = str(folder / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
    steps = [
        [sys.executable, "-I", "-m", "venv", str(folder)],
        [*pip, "--no-deps", _TOOLKIT],  # its own pins would bring a second torch, of several GB
        [*pip, *_BESIDE],
    ]
    try:
        shutil.rmtree(folder, ignore_errors=True)  # what a killed install left
        with progress.stage("installing rknn-toolkit2", len(steps), "steps") as stage:
            for step in steps:
                _pip(step)
                stage.advance(1)
        _borrow(folder, packages)
        (folder / _READY).write_text(VERSION, encoding="utf-8")
    except OSError as error:
        raise storage_error(error, folder) from error


def convert(python: Path, target: str, graphs: Sequence[GraphOrder], work: Path) -> Outcome:
    """Convert and simulate graphs in a working folder. Raises RuntimeFailure with the toolkit's last word."""
    order = {
        "target": target,
        "graphs": [
            {name: getattr(one, name) for name in ("onnx", "out", "inputs", "rows", "found", "dataset")}
            for one in graphs
        ],
    }
    (work / "order.json").write_text(json.dumps(order), encoding="utf-8")
    with (work / "log").open("w+b") as log:
        code = subprocess.run(  # noqa: S603 - a list, no shell: the toolkit's Python and our own file
            [str(python), "-I", str(_CHILD), "order.json"],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        lines = _lines(log)
    if code != 0 or not (work / "done.json").is_file():
        raise _failed(code, lines)
    done: list[dict[str, Any]] = json.loads((work / "done.json").read_text(encoding="utf-8"))
    times = [tuple(float(one[name]) for one in done) for name in ("build_s", "simulate_s")]
    return Outcome(times[0], times[1], complaints(lines))


def complaints(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the different errors of a log that the toolkit went on after, with how often it printed each."""
    found: dict[str, int] = {}
    for line in lines:
        if match := _COMPLAINT.match(line):
            found[match[1].strip()] = found.get(match[1].strip(), 0) + 1
    return tuple(f"{text}, {count} times" for text, count in found.items())


def _borrow(folder: Path, packages: Path) -> None:
    """Let the environment find torch where it is here, after everything of its own."""
    site = sysconfig.get_path("purelib", "posix_prefix", {"base": str(folder)})
    (Path(site) / "bili2text-torch.pth").write_text(f"{packages}\n", encoding="utf-8")


def _quick(command: Sequence[str]) -> str | None:
    """Return what a short command prints, or None if it fails."""
    try:
        said = subprocess.run(  # noqa: S603 - a list, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return clean_text(said.stdout)


def _pip(command: Sequence[str]) -> None:
    said = subprocess.run(  # noqa: S603 - a list, no shell, and nothing in it comes from outside
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if said.returncode == 0:
        return
    text = (said.stderr or said.stdout).decode("utf-8", "replace")
    if "No space left" in text:
        raise StorageError("the disk is full", hint="rknn-toolkit2 and what it needs take 0.75 GB")
    lines = [clean_text(line) for line in text.splitlines() if line.strip()] or [
        f"exit code {said.returncode}"
    ]
    last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
    raise DependencyError(
        f"rknn-toolkit2 cannot be installed: {last[:200]}",
        hint="pass --venv DIR of an environment that has it",
    )


def _lines(log: Any) -> list[str]:  # noqa: ANN401 - a binary file
    end = log.seek(0, 2)
    log.seek(max(0, end - _TAIL))
    text = _ANSI.sub("", log.read().decode("utf-8", "replace").replace("\r", "\n"))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _failed(code: int, lines: Sequence[str]) -> Bili2TextError:
    last = next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1] if lines else "")
    said = clean_text(last)[:200] or f"exit code {code}"
    return RuntimeFailure(f"rknn-toolkit2 did not convert the graphs: {said}")
