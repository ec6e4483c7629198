"""The file that experience is kept in: it only ever helps, and nothing that is wrong with it stops a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from bili2text.paths import cache_dir
from bili2text.plan import kept
from bili2text.plan.experience import Experience, Peak, Refused, Site
from bili2text.plan.footprint import COMPUTE_TYPES, Setting
from bili2text.plan.kept import flag, line, whole
from bili2text.plan.stages import TOLD

_FORMAT = 1
_PEAKS, _REFUSED = 1800, 200  # the newest are kept: 2000 entries in all
_BYTES = 4 * 1024 * 1024  # more than that many entries ever are
_LIMITS = {"total_mib": 1 << 24, "mib": 1 << 24, "batch_size": 4096, "beam_size": 4096, "best_of": 4096}


def ledger_file(environ: Mapping[str, str]) -> Path:
    """Return where experience is kept; it need not exist."""
    return cache_dir(environ) / "experience.json"


def read(path: Path) -> Experience:
    """Return what the file says; nothing when there is none or it cannot be read.

    A file with anything in it that we would not have written is renamed to "<name>.broken", so that it can be
    looked at and a new one begins. Raises nothing.
    """
    return kept.read(path, _parsed, Experience(), _BYTES)


def record(path: Path, *, peak: Peak | None = None, refused: Refused | None = None) -> str:
    """Add a run or a refusal to the file; return "", or in one line why that could not be.

    Processes wait for each other, so none loses what another learned. A full or read-only disk raises
    nothing: what was learned is lost, the run is not.
    """

    def text() -> str:
        known = read(path)
        known = known.with_peak(peak) if peak else known
        known = known.with_refused(refused) if refused else known
        return _text(known)

    return kept.update(path, text)


def _text(known: Experience) -> str:
    content = {
        "format": _FORMAT,
        "peaks": [asdict(one) for one in known.peaks[-_PEAKS:]],
        "refused": [asdict(one) for one in known.refused[-_REFUSED:]],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _parsed(raw: bytes) -> Experience:
    """Return the experience in a file's bytes. Raises one of the errors that `read` knows."""
    content = json.loads(raw.decode("utf-8"))
    if content["format"] != _FORMAT:
        raise ValueError(content["format"])
    known = Experience(
        tuple(_peak(one) for one in content["peaks"]), tuple(_refused(one) for one in content["refused"])
    )
    if len(known.peaks) > _PEAKS or len(known.refused) > _REFUSED:
        raise ValueError(len(known.peaks))
    return known


def _peak(one: dict[str, Any]) -> Peak:
    _only(one, Peak)
    site, setting = site_of(one["site"]), one["setting"]
    _only(setting, Setting)
    at_once = setting["encoder_batch"]
    peak = Peak(
        site=site,
        model=line(one["model"]),
        setting=Setting(
            compute_type=_compute_type(setting["compute_type"]),
            batch_size=_count(setting, "batch_size"),
            beam_size=_count(setting, "beam_size"),
            best_of=_count(setting, "best_of"),
            encoder_batch=None if at_once is None else whole(at_once, _LIMITS["batch_size"]),
            word_timestamps=flag(setting["word_timestamps"]),
            told=whole(setting["told"], TOLD, least=0),
            marks=flag(setting["marks"]),
        ),
        mib=_count(one, "mib"),
        out_of_memory=flag(one["out_of_memory"]),
    )
    if (
        peak.mib > 2 * site.total_mib
    ):  # a card that spills into RAM can take more than it has, but not any amount
        raise ValueError(peak.mib)
    return peak


def _refused(one: dict[str, Any]) -> Refused:
    _only(one, Refused)
    return Refused(site_of(one["site"]), _compute_type(one["compute_type"]), line(one["why"]))


def _only(one: dict[str, Any], kind: type[Peak | Refused | Site | Setting]) -> None:
    if set(one) != {field.name for field in fields(kind)}:
        raise ValueError(kind.__name__)


def _compute_type(value: object) -> str:
    text = line(value)
    if text not in COMPUTE_TYPES:
        raise ValueError(text)
    return text


def site_of(one: dict[str, Any]) -> Site:
    """Return a site as it was written. Raises one of the errors that `read` knows."""
    _only(one, Site)
    return Site(line(one["card"]), _count(one, "total_mib"), line(one["driver"]), line(one["library"]))


def _count(one: dict[str, Any], name: str) -> int:
    return whole(one[name], _LIMITS[name])
