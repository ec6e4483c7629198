"""What came of a comparison, as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bili2text.cells import width
from bili2text.compare.measure import Measured, Score
from bili2text.compare.tally import Tally, told
from bili2text.compare.values import Contest, Side
from bili2text.files import clean_text

_UNKNOWN = "not measured"
_MARGIN = "  "


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of a contest."""

    contest: Contest
    measured: tuple[Measured, Measured]
    tally: Tally
    scores: tuple[Score, ...] = ()
    unscored: str = ""  # why there are no scores, where there is a reference


def text(findings: Findings) -> str:
    """Return the findings as a table with a column for each side; lines end with a newline."""
    contest, tally = findings.contest, findings.tally
    names = contest.names
    heading = clean_text(f"{contest.title}: {contest.direction.source} to {contest.direction.target}")
    rows = [("", *names), *_facts(contest.sides), *_counted(findings.measured), *_scored(findings.scores)]
    rows.append(("preferred in", *(f"{wins} sentences" for wins in tally.wins)))
    lines = [heading, "", *_table(rows), ""]
    lines += [f"{one.metric}: {one.signature}, {one.units} references" for one in findings.scores]
    lines += [findings.unscored] if findings.unscored else []
    lines += [_around(tally), told(tally, names)]
    return "".join(f"{line}\n" for line in lines)


def values(findings: Findings) -> dict[str, Any]:
    """Return the findings as one JSON object; what was said is not in it."""
    contest = findings.contest
    names = contest.names
    sides = [
        {
            "name": name,
            "engine": side.engine,
            "precision": side.precision,
            "device": side.device,
            "seconds": side.seconds,
            "tokens": side.tokens,
            **asdict(measured),
        }
        for name, side, measured in zip(names, contest.sides, findings.measured, strict=True)
    ]
    return {
        "key": contest.key,
        "title": contest.title,
        "source": contest.direction.source,
        "target": contest.direction.target,
        "sides": sides,
        "scores": [asdict(one) for one in findings.scores],
        "unscored": findings.unscored,
        "votes": {**asdict(findings.tally), "told": told(findings.tally, names)},
    }


def _facts(sides: tuple[Side, Side]) -> list[tuple[str, ...]]:
    return [
        (label, *(clean_text(str(getattr(side, label))) for side in sides))
        for label in ("engine", "precision", "device")
    ]


def _counted(measured: tuple[Measured, Measured]) -> list[tuple[str, ...]]:
    return [
        ("sentences", *(str(one.sentences) for one in measured)),
        ("need review", *(_percent(one.review) for one in measured)),
        ("  of which", *(_kinds(one) for one in measured)),
        ("good after a repair", *(_percent(one.repaired) for one in measured)),
        ("empty", *(_percent(one.empty) for one in measured)),
        ("characters to the source's", *(_number(one.length_ratio, ".2f") for one in measured)),
        ("sentences a second", *(_number(one.sentences_per_second, ".2f") for one in measured)),
        ("tokens a second", *(_number(one.tokens_per_second, ".1f") for one in measured)),
        ("memory at the peak", *(_number(one.peak_mib, "d", " MiB") for one in measured)),
    ]


def _kinds(measured: Measured) -> str:
    return ", ".join(f"{clean_text(name)} {count}" for name, count in measured.faults.items()) or "-"


def _scored(scores: Sequence[Score]) -> list[tuple[str, ...]]:
    rows = []
    for one in scores:
        p = "too few for a p value" if one.p is None else f"p = {one.p:.2g}"
        shown = (f"{score:.1f} ± {half:.1f}" for score, half in zip(one.scores, one.halves, strict=True))
        rows.append((one.metric, *shown, p))
    return rows


def _around(tally: Tally) -> str:
    return (
        f"votes: {tally.votes} of {tally.voters} {'person' if tally.voters == 1 else 'people'}; "
        f"ties {tally.ties}, skipped {tally.skipped}, not voted on {tally.unseen}, "
        f"said alike by both {tally.equal}"
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    columns = max(len(row) for row in rows)
    wide = [max(width(row[at]) for row in rows if at < len(row)) for at in range(columns)]
    return [
        _MARGIN.join(cell + " " * (wide[at] - width(cell)) for at, cell in enumerate(row)).rstrip()
        for row in rows
    ]


def _percent(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, form: str, unit: str = "") -> str:
    return _UNKNOWN if value is None else f"{value:{form}}{unit}"
