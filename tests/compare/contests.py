"""Contests, and votes on them."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.compare.ballot import Ballot, Choice, Vote
from bili2text.compare.values import Contest, Side, key_of
from bili2text.translate.values import Direction, Piece, Said, Sentence

NAMES = ("Aurora-4B", "Borealis-1.7B")
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script> --> ]]> <img src=x onerror=alert(1)>",
    "\" ' ` ${alert(1)} \\u003c {title} {0} %s",
    "\u2028line\u2029line\u202egnp.exe\u0000\x1b[31m",
    "&lt;b&gt; &amp; javascript:alert(1) https://example.org/x.js",
    "\ud800 lone",
)


def contest(
    first: Sequence[str | Said],
    second: Sequence[str | Said],
    sources: Sequence[str] = (),
    *,
    title: str = "Talk",
    target: str = "en",
    lines: Sequence[Sequence[int]] = (),
    **facts: object,
) -> Contest:
    sources = sources or [f"第{at}句话" for at in range(len(first))]
    places = lines or [[at] for at in range(len(first))]
    sentences = tuple(
        Sentence(at, text, tuple(Piece(line, text, 1 / len(shown)) for line in shown))
        for at, (text, shown) in enumerate(zip(sources, places, strict=True))
    )
    known = {"seconds": 10.0, "tokens": 500, "peak_mib": 900, **facts}
    sides = tuple(
        Side(name, "ctranslate2", "int8", "cpu", tuple(map(_said, range(len(said)), said)), **known)  # type: ignore[arg-type]
        for name, said in zip(NAMES, (first, second), strict=True)
    )
    direction = Direction("zh", target)
    return Contest(key_of(direction, sentences, sides), title, direction, sentences, sides)  # type: ignore[arg-type]


def _said(number: int, one: str | Said) -> Said:
    return one if isinstance(one, Said) else Said(number, one)


def different(count: int, **more: object) -> Contest:
    return contest(
        [f"one {at}" for at in range(count)], [f"two {at}" for at in range(count)], **more  # type: ignore[arg-type]
    )  # fmt: skip


def votes_for(ballot: Ballot, sides: Sequence[int | None], voter: str = "") -> list[Vote]:
    """Votes for these sides, by the number of the sentence; None is a tie."""
    return [
        Vote(pair.number, _choice(sides[pair.number], swapped=pair.swapped), at(0), voter)
        for pair in ballot.pairs
    ]


def _choice(side: int | None, *, swapped: bool) -> Choice:
    if side is None:
        return "tie"
    return "right" if bool(side) != swapped else "left"


def at(second: int) -> str:
    return f"2026-01-31T12:00:{second:02}.000Z"
