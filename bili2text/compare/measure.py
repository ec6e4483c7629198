"""What can be counted of two translators, and how near they come to a reference.

sacrebleu is imported only where there is a reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bili2text.compare.references import DENSE, Unit
from bili2text.compare.values import Contest, Side
from bili2text.errors import DependencyError, UsageError
from bili2text.translate.languages import is_chinese

if TYPE_CHECKING:
    from sacrebleu.significance import Result

RESAMPLES = 1000
_FEWEST = 30  # units; of fewer, resamples are too alike for a p value. A rule of thumb, ours.


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a side without a reference. Shares are of all sentences; None: not measured."""

    sentences: int
    review: float | None  # share that needs a person's review
    repaired: float | None  # share that is good, but only after a repair
    empty: float | None  # share that no translation could be had of
    faults: Mapping[str, int]  # of those for review, by kind
    length_ratio: float | None  # characters of translation for each of the source: the mean over sentences
    sentences_per_second: float | None
    tokens_per_second: float | None
    peak_mib: int | None


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of both sides."""

    metric: str  # "chrF2", "BLEU"
    signature: str  # sacrebleu's: with it, and with the same references, the score can be computed again
    scores: tuple[float, float]
    halves: tuple[float, float]  # half the width of each one's 95 % interval, by bootstrap
    p: float | None  # that chance makes the difference, by paired bootstrap; None: too few units to tell
    units: int  # of reference


def measured(contest: Contest) -> tuple[Measured, Measured]:
    """Return what can be counted of both sides."""
    sources = [one.text for one in contest.sentences]
    first, second = (_measured(side, sources) for side in contest.sides)
    return first, second


def _measured(side: Side, sources: Sequence[str]) -> Measured:
    said = side.said
    ratios = [
        len(one.text) / len(source) for one, source in zip(said, sources, strict=True) if one.text and source
    ]
    asked = len(said) if side.asked is None else side.asked
    return Measured(
        sentences=len(said),
        review=_share(sum(one.needs_review for one in said), len(said)),
        repaired=_share(sum(bool(one.repair) and not one.needs_review for one in said), len(said)),
        empty=_share(sum(not one.text for one in said), len(said)),
        faults=dict(sorted(Counter(fault for one in said for fault in one.faults).items())),
        length_ratio=sum(ratios) / len(ratios) if ratios else None,
        sentences_per_second=_share(asked, side.seconds),
        tokens_per_second=_share(side.tokens, side.seconds),
        peak_mib=side.peak_mib,
    )


def scores(units: Sequence[Unit], target: str) -> tuple[Score, ...]:
    """Return chrF and BLEU of both sides against the references, at least one of them.

    chrF as in Popović 2015 (beta 2, no words), BLEU as in Papineni 2002, both sacrebleu's (Post 2018). The p
    value is its paired bootstrap's (Koehn 2004): 1000 resamples, its own seed, 12345 unless its environment
    variable SACREBLEU_SEED says another; the signature tells. Nothing is downloaded: its tokenizers "zh",
    "char" and "13a" are code. `target` is Whisper's code of the translations' language.
    Raises DependencyError without sacrebleu, UsageError for a seed that is no number.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.significance import PairedTest
    except ImportError as error:
        raise DependencyError(
            f"chrF and BLEU need sacrebleu: {error}", hint='pip install "bili2text[qwen]"'
        ) from error
    systems: list[tuple[str, Sequence[str]]] = [
        (name, [unit.said[side] for unit in units]) for side, name in enumerate(("first", "second"))
    ]
    # force: it does not remark on texts that end in a blank and a full stop
    metrics = {"chrF": CHRF(), "BLEU": BLEU(tokenize=_tokenizer(target), force=True)}
    try:
        test = PairedTest(systems, metrics, [[unit.reference for unit in units]], "bs", RESAMPLES)
    except ValueError as error:
        raise UsageError(
            f"SACREBLEU_SEED must be a number: {error}", hint="set it to one, or unset it"
        ) from error
    signatures, results = test()
    return tuple(
        _score(name, str(signature), results[name], systems) for name, signature in signatures.items()
    )


def _score(
    name: str, signature: str, found: Sequence[str | Result], systems: Sequence[tuple[str, Sequence[str]]]
) -> Score:
    first, second = (one for one in found if not isinstance(one, str))
    units = len(systems[0][1])
    p = None if second.p_value is None else float(second.p_value)
    if systems[0][1] == systems[1][1]:
        p = 1.0  # sacrebleu calls even no difference at all significant: none of its samples exceeds it
    elif units < _FEWEST:
        p = None
    return Score(
        metric=name,
        signature=signature,
        scores=(float(first.score), float(second.score)),
        halves=(float(first.ci or 0.0), float(second.ci or 0.0)),  # numpy's, which JSON does not hold
        p=p,
        units=units,
    )


def _tokenizer(target: str) -> str:
    """Return the tokenizer BLEU needs: words without blanks between them are counted by characters."""
    if is_chinese(target):
        return "zh"
    return "char" if target in DENSE else "13a"


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
