"""BLEU and chrF of translations beside their references. The only importer of sacrebleu in the workshop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bili2text.errors import DependencyError, UsageError
from bili2text.seq2seq.values import Language

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import Result

RESAMPLES = 1000
_FEWEST = 30  # sentences; of fewer, resamples are too alike for a p value. A rule of thumb, ours.
_SEEN = 0.005  # BLEU; less is none in the two decimals it is told in
# Words of Chinese are not divided by blanks: sacrebleu's "zh" counts its characters (docs: Tokenization)
_TOKENIZERS: dict[Language, str] = {"en": "13a", "zh": "zh"}


@dataclass(frozen=True, slots=True)
class Score:
    """What a system's translations of one test set are worth."""

    bleu: float  # 0..100
    half: float  # half the width of BLEU's 95 % interval, by bootstrap
    chrf: float  # 0..100
    signature: str  # sacrebleu's, of BLEU: with it and the references the score can be computed again
    chrf_signature: str
    n: int  # sentences


@dataclass(frozen=True, slots=True)
class Difference:
    """What a second system's BLEU is more than the first's on the same sentences, and whether by chance."""

    bleu: float
    p: float | None  # by paired bootstrap; None: too few sentences to tell
    signature: str
    n: int


def score(said: Sequence[str], references: Sequence[str], language: Language) -> Score:
    """Return BLEU and chrF of translations into `language`.

    BLEU as in Papineni 2002, chrF as in Popović 2015 (beta 2, no words), by sacrebleu (Post 2018); tokenizer
    "13a" for English, "zh" for Chinese. Raises UsageError where there is nothing to score, or not a reference
    for each; DependencyError without sacrebleu.
    """
    _refuse_uneven(said, references)
    bleu, chrf = _metrics(language)
    found = bleu.corpus_score(list(said), [list(references)])
    characters = chrf.corpus_score(list(said), [list(references)])
    resampled = _resampled([("it", list(said))], references, bleu)[0][0]
    return Score(
        bleu=float(found.score),
        half=float(resampled.ci or 0.0),
        chrf=float(characters.score),
        signature=str(bleu.get_signature()),
        chrf_signature=str(chrf.get_signature()),
        n=len(said),
    )


def difference(
    first: Sequence[str], second: Sequence[str], references: Sequence[str], language: Language
) -> Difference:
    """Return how the second system's BLEU differs from the first's, by paired bootstrap (Koehn 2004).

    Raises what `score` does.
    """
    _refuse_uneven(first, references)
    _refuse_uneven(second, references)
    bleu, _ = _metrics(language)
    systems: list[tuple[str, Sequence[str]]] = [("first", list(first)), ("second", list(second))]
    (one, other), signature = _resampled(systems, references, bleu)
    p = None if other.p_value is None else float(other.p_value)
    if abs(float(other.score) - float(one.score)) < _SEEN:
        p = 1.0  # sacrebleu calls even no difference at all significant: none of its samples exceeds it
    elif len(references) < _FEWEST:
        p = None
    return Difference(float(other.score) - float(one.score), p, signature, len(references))


def likeness(first: Sequence[str], second: Sequence[str]) -> float:
    """Return chrF of the second texts with the first as references: 100 where all are the same."""
    _refuse_uneven(first, second)
    if list(first) == list(second):
        return 100.0  # sacrebleu has 0 for texts that are all blank
    _, chrf = _metrics("en")
    return float(chrf.corpus_score(list(second), [list(first)]).score)


def _metrics(language: Language) -> tuple[BLEU, CHRF]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise DependencyError(
            f"BLEU and chrF need sacrebleu: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    # force: it does not remark on texts that end in a blank and a full stop
    return BLEU(tokenize=_TOKENIZERS[language], force=True), CHRF()


def _resampled(
    systems: list[tuple[str, Sequence[str]]], references: Sequence[str], bleu: BLEU
) -> tuple[list[Result], str]:
    """Return sacrebleu's bootstrap of each system, paired with the first, and its signature."""
    from sacrebleu.significance import PairedTest

    try:
        test = PairedTest(systems, {"BLEU": bleu}, [list(references)], "bs", RESAMPLES)
    except ValueError as error:
        raise UsageError(f"SACREBLEU_SEED must be a number: {error}", hint="unset it") from error
    signatures, results = test()
    return [one for one in results["BLEU"] if not isinstance(one, str)], str(signatures["BLEU"])


def _refuse_uneven(said: Sequence[str], references: Sequence[str]) -> None:
    if not references:
        raise UsageError("there is no sentence to score")
    if len(said) != len(references):
        raise UsageError(
            f"{len(said)} translations and {len(references)} references", hint="one line for each sentence"
        )
