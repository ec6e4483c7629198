"""A small recording, the command that transcribes it, and the folders of its own where that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sounds import clips, encode, with_pauses

from bili2text.audio.chunks import CutRules
from bili2text.jobs.journal import NAME
from bili2text.plan.values import Wishes
from bili2text.request import Output, Request

FORMATS = ("txt", "srt", "json")
_LONGEST = 5.0  # seconds of a chunk: many groups from little sound
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to be transcribed. Nothing of one job is in the folders of another."""

    sound: Path
    model: Path
    place: Path
    folder: Path = field(init=False)  # of the outputs
    cache: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.place / "out")
        object.__setattr__(self, "cache", self.place / "cache")
        self.place.mkdir(parents=True, exist_ok=True)

    @property
    def environ(self) -> dict[str, str]:
        """The environment it runs in: no settings, no threads to spare."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("BILI2TEXT_")}
        return {
            **mine,
            "BILI2TEXT_CACHE_DIR": str(self.cache),
            "BILI2TEXT_CONFIG": str(self.place / "settings.toml"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(_ROOT),
            "PYTHONIOENCODING": "utf-8",
        }

    @property
    def command(self) -> list[str]:
        """The command line a user would type."""
        options = ["--model", str(self.model), "--threads", "1", "--batch-size", "1", "--beam-size", "1"]
        cut = ["--vad-max-speech-duration-s", str(_LONGEST)]
        to = ["-o", str(self.folder), "-f", ",".join(FORMATS), "--progress", "plain"]
        return [sys.executable, "-m", "cli.main", "audio", str(self.sound), *options, *cut, *to]

    def request(self, *, device: str = "cpu", batch_size: int = 1) -> Request:
        """Return the same for a run inside this process."""
        wishes = Wishes(
            str(self.model), device=device, batch_size=batch_size, beam_size=1, best_of=1, threads=1
        )
        output = Output(str(self.folder), ",".join(FORMATS))
        return Request((str(self.sound),), wishes=wishes, rules=CutRules(max_chunk=_LONGEST), output=output)

    def start(self, log: str = "log.txt", options: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the command as the leader of a process group; what it says goes to a file of its place."""
        with (self.place / log).open("wb") as out:
            return subprocess.Popen(
                [*self.command, *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.place,
                env=self.environ,
                start_new_session=True,
            )

    def said(self, log: str = "log.txt") -> str:
        """Return what the last run said."""
        return (self.place / log).read_text(encoding="utf-8", errors="replace")

    def outputs(self) -> dict[str, bytes]:
        """Return the files that must not differ. The report tells of the run, and is not one of them."""
        found = (path for path in self.folder.glob("*.*") if path.suffix[1:] in FORMATS)
        return {path.name: path.read_bytes() for path in found if not path.name.endswith(".report.json")}

    def litter(self) -> list[str]:
        """Return the names of temporary files left among the outputs."""
        return [path.name for path in self.folder.glob(".*")] if self.folder.is_dir() else []

    def journal(self) -> Path | None:
        """Return the one journal, if it was begun."""
        found = list(self.cache.glob(f"jobs/*/{NAME}"))
        return found[0] if len(found) == 1 else None

    def forget(self) -> None:
        """Remove what runs left; what is known of the model stays."""
        for path in (self.folder, self.cache / "jobs"):
            shutil.rmtree(path, ignore_errors=True)


def small_sound(path: Path, times: int = 1) -> Path:
    """Write real clips: three in English, and one that an English model can only be in doubt about."""
    found = [*clips("en"), clips("fr")[-1]] * times
    return encode(path, "pcm_s16le", [with_pauses(found, 0.6)], bit_rate=None)
