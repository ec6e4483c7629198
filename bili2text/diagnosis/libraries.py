"""Which libraries and programs are installed, in which version, and what is wrong with them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bili2text.diagnosis.values import Part
from bili2text.plan.precision import version as numbers
from bili2text.plan.values import Machine

STALE_DAYS = 60  # sites change within weeks, and yt-dlp releases about as often
_PATIENCE = 10.0  # seconds for a program to tell its version
# What yt-dlp runs YouTube's scripts with, of those `source/parameters.py` allows it, and from which version
# (yt-dlp, yt_dlp/utils/_jsruntime.py)
_SCRIPTS = (("deno", (2, 3, 0)), ("node", (22, 0, 0)))


@dataclass(frozen=True, slots=True)
class Versions:
    """What is installed, by its version; "" for what is not."""

    whisper: str = ""
    torch: str = ""
    ffmpeg: str = ""
    ytdlp: str = ""
    scripts: tuple[tuple[str, str], ...] = ()  # (program, version) of what runs YouTube's scripts


def installed(machine: Machine, problem: str, environ: Mapping[str, str], today: date) -> tuple[Part, ...]:
    """Return the libraries and programs, found or not. `problem` is why cuBLAS cannot be loaded, or ""."""
    path = environ.get("PATH", "")
    told = Versions(
        _package("faster-whisper"),
        _package("torch"),
        _told("ffmpeg", "-version", r"version (\S+)", path),
        _package("yt-dlp"),
        tuple((name, _told(name, "--version", r"(\d+\.\d+\.\d+)", path)) for name, _ in _SCRIPTS),
    )
    return parts(machine, problem, told, today)


def parts(machine: Machine, problem: str, told: Versions, today: date) -> tuple[Part, ...]:
    """Return what is to be said of each library and program. Pure."""
    return (
        _driver(machine),
        cublas(machine, problem),
        Part("CTranslate2", machine.library),
        Part("faster-whisper", told.whisper),
        Part("torch", told.torch, "" if told.torch else "not needed for Whisper"),
        Part("ffmpeg", told.ffmpeg, "" if told.ffmpeg else "needed by --denoise and --loudnorm alone"),
        ytdlp(told.ytdlp, today),
        _scripts(dict(told.scripts)),
    )


def ytdlp(installed_version: str, today: date) -> Part:
    """Return what is to be said of a version of yt-dlp, which is the date of its release."""
    released = _released(installed_version)
    if released is None:
        return Part("yt-dlp", installed_version, "" if installed_version else "links cannot be downloaded")
    days = max(0, (today - released).days)
    if days <= STALE_DAYS:
        return Part("yt-dlp", installed_version, f"{days} days old")
    remark = f"{days} days old: sites have changed since"
    return Part("yt-dlp", installed_version, remark, "pip install --upgrade 'yt-dlp[default]'")


def cublas(machine: Machine, problem: str) -> Part:
    """Return what is to be said of cuBLAS; `problem` is why it cannot be loaded, or ""."""
    if not problem:
        return Part("cuBLAS 12", "found")
    if not machine.cards.devices:
        return Part("cuBLAS 12", "", "not needed without a card")
    what, _, to_do = problem.partition("; ")
    return Part("cuBLAS 12", "", what, to_do)


def _driver(machine: Machine) -> Part:
    drivers = dict.fromkeys(card.driver for card in machine.cards.devices if card.driver)
    return Part("NVIDIA driver", ", ".join(drivers), "" if drivers else machine.cards.reason)


def _scripts(told: Mapping[str, str]) -> Part:
    old = ""
    for name, least in _SCRIPTS:
        found = told.get(name, "")
        if found and numbers(found) >= least:
            return Part("JavaScript", f"{name} {found}")
        if found:
            old = old or f"{name} {found} is too old; "
    return Part("JavaScript", "", f"{old}YouTube needs it", "install deno 2.3, or node 22, or newer")


def _package(name: str) -> str:
    with suppress(PackageNotFoundError):
        return version(name)
    return ""


def _released(text: str) -> date | None:
    with suppress(ValueError):
        year, month, day = numbers(text)[:3]
        return date(year, month, day)
    return None


def _told(name: str, question: str, pattern: str, path: str) -> str:
    """Return the version a program tells; "" when it is not on the path, "there" when it is mute."""
    program = shutil.which(name, path=path)
    # Windows looks into the current folder first; what lies there is not what the user installed
    if program is None or not Path(program).is_absolute():
        return ""
    try:
        said = subprocess.run(  # noqa: S603 - a list, no shell, found on the user's own path
            [program, question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(pattern, said.stdout[:2000].decode("utf-8", "replace"))
    return match[1] if match else "there"
