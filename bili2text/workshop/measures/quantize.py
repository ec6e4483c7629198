"""A run's model for CTranslate2, and how near it is to what was trained.

The converted model in float32 must say what transformers says, token by token: a vocabulary or a position
that is off by one gives fluent nonsense (OpenNMT/CTranslate2#1039, #2017), which no loss would show. What
fewer bits change is told beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import DependencyError, ModelError, StorageError, UsageError
from bili2text.files import clean_text
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.ct2 import Seq2Seq
from bili2text.seq2seq.folder import VOCABULARY, write_product
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.values import Way
from bili2text.workshop.begin import refuse_untrained
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.held import held
from bili2text.workshop.measures.scores import likeness
from bili2text.workshop.run import Run

WHOLE = "float32"
PRECISIONS = ("int8", "int8_float16", "int8_bfloat16", "float16", "bfloat16", WHOLE)
ENOUGH = 0.99  # share of equal sentences under which a converted model is no copy of the trained one

Sentences = Mapping[Way, Sequence[str]]


@dataclass(frozen=True, slots=True)
class QuantizeRequest:
    """What to convert, and what to compare it on."""

    run: Run
    sentences: Sentences
    precisions: tuple[str, ...] = ("int8",)  # beside float32
    max_tokens: int = 256  # of a translation
    force: bool = False  # keep what does not say the same
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Parity:
    """How many sentences two models translate alike, token by token."""

    way: Way
    n: int
    equal: int
    chrf: float  # of the second's translations with the first's as references

    @property
    def share(self) -> float:
        """The share of equal ones, 0..1."""
        return self.equal / self.n


@dataclass(frozen=True, slots=True)
class Converted:
    """One converted model."""

    precision: str
    folder: Path
    weight_bytes: int  # of model.bin
    ratio: float  # how many times smaller than in float32
    against: str  # what it was compared with: transformers, or float32
    parity: tuple[Parity, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a model makes of the sentences of one direction."""

    ids: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]


def quantize(request: QuantizeRequest, progress: Progress) -> tuple[Converted, ...]:
    """Convert a run's model to float32 and the precisions asked for, and compare; float32 comes first.

    Every folder, RUN/ct2-PRECISION, appears whole or not at all, and none does before the comparison is done.
    Raises ModelError where float32 differs from transformers in more than 1 % of the sentences and `force`
    is not set, UsageError, StorageError, DependencyError.
    """
    wanted = (WHOLE, *(one for one in dict.fromkeys(request.precisions) if one != WHOLE))
    _refuse(request, wanted)
    with held(request.run.converted(WHOLE)), ExitStack() as stack:
        staged = {one: stack.enter_context(whole_folder(request.run.converted(one))) for one in wanted}
        with progress.stage("quantize", len(wanted) + 1, "models") as stage:
            found = _compared(request, staged, stage)
        _judge(found[0].parity, progress, force=request.force)
    return found


def _refuse(request: QuantizeRequest, wanted: Sequence[str]) -> None:
    for one in wanted:
        if one not in PRECISIONS:
            raise UsageError(f"unknown precision {one}", hint=f"one of {', '.join(PRECISIONS)}")
        target = request.run.converted(one)
        if target.exists() and not request.overwrite:
            raise StorageError(
                f"already there: {clean_text(str(target))}", hint="pass --overwrite to replace it"
            )
    refuse_untrained(request.run)


def _compared(request: QuantizeRequest, staged: Mapping[str, Path], stage: Stage) -> tuple[Converted, ...]:
    """Convert into the staged folders and compare, float32 with transformers and others with float32."""
    try:
        from bili2text.workshop.train.convert import Trained
    except ImportError as error:
        raise DependencyError(
            f"a model cannot be converted: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    codec = open_codec(request.run.vocabulary)
    trained = Trained(request.run.model, codec)
    shape = (trained.positions, trained.parameters)
    sentences = _fitting(request.sentences, codec, trained.positions)
    before = {}
    for way, texts in sentences.items():
        limit = min(trained.positions, request.max_tokens + (codec.first(way) is not None))
        ids = tuple(trained.greedy(texts, way, limit))
        before[way] = _Said(ids, tuple(codec.text(one) for one in ids))
    del trained  # there may be no room for it beside the next
    stage.advance(1)
    found: list[Converted] = []
    for precision, folder in staged.items():
        _write(request.run, codec, folder, precision, shape)
        after = _said(folder, sentences, request.max_tokens)
        size = (folder / "model.bin").stat().st_size
        ratio = found[0].weight_bytes / size if found else 1.0
        parity = tuple(_parity(way, before[way], after[way]) for way in sentences)
        against = WHOLE if found else "transformers"
        found.append(Converted(precision, request.run.converted(precision), size, ratio, against, parity))
        if precision == WHOLE:
            before = after
        stage.advance(1)
    return tuple(found)


def _fitting(sentences: Sentences, codec: Codec, positions: int) -> dict[Way, list[str]]:
    """Return the sentences of the model's directions that it reads in one piece."""
    found = {
        way: [
            one for one in sentences.get(way, ()) if one.strip() and len(codec.source(one, way)) <= positions
        ]
        for way in codec.ways
    }
    if not all(found.values()):
        raise UsageError(
            "there is no sentence to compare the converted model on",
            hint=f"every direction needs some of at most {positions} tokens",
        )
    return found


def _write(run: Run, codec: Codec, folder: Path, precision: str, shape: tuple[int, int]) -> None:
    from bili2text.workshop.train.convert import convert

    convert(run.model, codec, folder, precision)
    codec.save(folder / VOCABULARY)
    positions, parameters = shape
    name = clean_text(run.folder.resolve().name)
    write_product(folder, name=name, ways=codec.ways, positions=positions, parameters=parameters)


def _said(folder: Path, sentences: Mapping[Way, Sequence[str]], max_tokens: int) -> dict[Way, _Said]:
    found = {}
    with closing(Seq2Seq(folder)) as model:
        for way, texts in sentences.items():
            told = model.translate(texts, way, beams=1, max_tokens=max_tokens)
            found[way] = _Said(tuple(one.ids for one in told), tuple(one.text for one in told))
    return found


def _parity(way: Way, first: _Said, second: _Said) -> Parity:
    equal = sum(one == other for one, other in zip(first.ids, second.ids, strict=True))
    return Parity(way, len(first.ids), equal, likeness(first.texts, second.texts))


def _judge(parity: Sequence[Parity], progress: Progress, *, force: bool) -> None:
    """Warn of sentences that the converted model translates otherwise; raise ModelError for many."""
    for one in parity:
        if one.equal == one.n:
            continue
        said = (
            f"{one.way}: {one.n - one.equal} of {one.n} sentences differ between transformers and CTranslate2"
        )
        if one.share < ENOUGH and not force:
            raise ModelError(
                said, hint="the model does not convert faithfully; pass --force to keep it all the same"
            )
        progress.warn(said)
