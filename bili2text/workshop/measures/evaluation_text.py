"""An evaluation as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bili2text.cells import width
from bili2text.workshop.measures.evaluate import Change, Evaluation, Row
from bili2text.workshop.measures.scores import Score
from bili2text.workshop.measures.targets import Targets, Verdict, verdicts

_UNKNOWN = "not measured"
_SURE = 0.05  # p under which a difference is not called chance
_UNITS = {"BLEU": "", "mean latency": " ms", "peak memory": " MB", "int8 file": " MB"}
_HEADS = (
    "test set", "n", "way", "model", "device", "BLEU", "chrF", "p50 ms", "p95 ms", "p99 ms", "tokens in",
    "out", "RSS MB", "card MB", "file MB",
)  # fmt: skip


def values(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation as one JSON object, each row with its verdicts."""
    told = asdict(found)
    for row, one in zip(told["rows"], found.rows, strict=True):
        row["verdicts"] = [asdict(verdict) for verdict in verdicts(one.figures(), found.targets)]
    return told


def text(found: Evaluation) -> str:
    """Return an evaluation as tables; lines end with a newline. No score stands without its set's name."""
    lines = [
        _heading(found),
        "",
        *table([_HEADS, *(_row(one) for one in found.rows)]),
        "",
        *_signatures(one.score for one in found.rows),
        *(_change(one) for one in found.changes),
        "",
        *(_judged(one, found.targets) for one in found.rows),
    ]
    return "".join(f"{line}\n" for line in lines)


def scored(name: str, found: Score) -> str:
    """Return the score of what another system wrote, as lines."""
    rows = [
        ("test set", "n", "BLEU", "chrF"),
        (name, str(found.n), _bleu(found), f"{found.chrf:.1f}"),
    ]
    return "".join(f"{line}\n" for line in (*table(rows), *_signatures([found])))


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines of columns that line up, Chinese included."""
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (text + " " * (wide - width(text)) for text, wide in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _heading(found: Evaluation) -> str:
    return (
        f"{found.name}: {found.parameters / 1e6:.1f} M parameters, beams {found.search.beams}, "
        f"{found.threads or 'all'} CPU threads, one sentence at a time"
    )


def _row(row: Row) -> tuple[str, ...]:
    timed = row.latency
    times = (timed.p50_ms, timed.p95_ms, timed.p99_ms, timed.source_tokens, timed.tokens) if timed else ()
    return (
        row.test,
        str(row.score.n),
        row.way,
        row.precision,
        row.device,
        _bleu(row.score),
        f"{row.score.chrf:.1f}",
        *([f"{one:.1f}" for one in times] or ["-"] * 5),
        *("-" if one is None else f"{one:.0f}" for one in (row.peak_mb, row.card_mb)),
        f"{row.weight_mb:.1f}",
    )


def _bleu(found: Score) -> str:
    return f"{found.bleu:.1f} ±{found.half:.1f}"


def _signatures(scores: Iterable[Score]) -> list[str]:
    """Return each signature once."""
    found = dict.fromkeys(
        line for one in scores for line in (f"BLEU {one.signature}", f"chrF {one.chrf_signature}")
    )
    return list(found)


def _change(one: Change) -> str:
    found = one.difference
    if found.p is None:
        sure = "too few sentences to tell"
    else:
        sure = f"p {found.p:.3f}, " + ("more than chance" if found.p < _SURE else "may be chance")
    return (
        f"int8 against float32, {one.test} (n {found.n}), {one.way}, {one.device}: "
        f"{found.bleu:+.2f} BLEU, {sure} (paired bootstrap)"
    )


def _judged(row: Row, targets: Targets) -> str:
    said = "; ".join(_verdict(one) for one in verdicts(row.figures(), targets))
    return f"{row.test} (n {row.score.n}), {row.way}, {row.precision}, {row.device}: {said}"


def _verdict(one: Verdict) -> str:
    sign, unit = ("over" if one.quantity == "BLEU" else "under"), _UNITS[one.quantity]
    wanted = f"{sign} {one.target:g}{unit}"
    if one.measured is None:
        return f"{one.quantity} {wanted}: {_UNKNOWN}"
    return f"{one.quantity} {wanted}: {'met' if one.met else 'not met'} ({one.measured:.1f}{unit})"
