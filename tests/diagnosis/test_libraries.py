"""What is installed, and whether it is new enough."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from bili2text.diagnosis.libraries import installed, ytdlp
from bili2text.diagnosis.values import Part
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.plan.values import Machine

BARE = Machine(Cards((), "no NVIDIA driver is installed"), 8.0, 4, library="4.8.5")
TODAY = date(2026, 11, 21)


def parts(machine: Machine = BARE, problem: str = "", **environ: str) -> dict[str, Part]:
    return {part.name: part for part in installed(machine, problem, environ, TODAY)}


def test_this_machine_is_told_as_it_is() -> None:
    found = parts(PATH=os.environ["PATH"])
    assert found["CTranslate2"].found == "4.8.5"
    assert found["faster-whisper"].found == version("faster-whisper")
    assert found["yt-dlp"].found == version("yt-dlp")
    assert bool(found["ffmpeg"].found) == bool(shutil.which("ffmpeg"))
    assert found["NVIDIA driver"].remark == "no NVIDIA driver is installed"


def test_an_old_yt_dlp_says_how_to_get_a_new_one() -> None:
    assert ytdlp("2026.11.1", TODAY) == Part("yt-dlp", "2026.11.1", "20 days old")
    old = ytdlp("2026.8.19.232842.dev0", TODAY)
    assert "94 days" in old.remark
    assert "--upgrade" in old.remedy
    assert ytdlp("", TODAY).remark
    assert ytdlp("1.0", TODAY).remedy == ""


def test_what_is_missing_says_whether_it_matters() -> None:
    found = parts(problem="cuBLAS 12 was not found; pip install it", PATH="")
    assert (found["ffmpeg"].found, found["JavaScript"].found) == ("", "")
    assert "node 22" in found["JavaScript"].remedy
    assert (found["cuBLAS 12"].remark, found["cuBLAS 12"].remedy) == ("not needed without a card", "")
    card = Machine(Cards((simulated("RTX 4060"),)), 8.0, 4)
    assert parts(card, "cuBLAS 12 was not found; pip install it")["cuBLAS 12"].remedy == "pip install it"


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
@pytest.mark.parametrize(
    ("says", "found", "remark"),
    [
        ("echo v22.3.0", "node 22.3.0", ""),
        ("echo v18.19.1", "", "node 18.19.1 is too old"),
        ("exit 3", "", "too old"),
        ("echo v22.3.0; exec 1>&-; sleep 0", "node 22.3.0", ""),
    ],
)
def test_programs_are_asked_for_their_version(tmp_path: Path, says: str, found: str, remark: str) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    part = parts(PATH=f"{tmp_path}:/usr/bin:/bin" if shutil.which("deno") is None else str(tmp_path))[
        "JavaScript"
    ]
    assert part.found == found
    assert remark in part.remark
