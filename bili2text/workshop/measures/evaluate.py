"""What a trained translator is worth: its scores, how long a sentence takes, and its memory, by test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text
from bili2text.progress import Progress
from bili2text.seq2seq.folder import RECORD, Product, read_product
from bili2text.seq2seq.values import Pair, Way, target_of
from bili2text.workshop.measures.measure import Measured, Place, Subject, measure
from bili2text.workshop.measures.scores import Difference, Score, difference, score
from bili2text.workshop.measures.targets import MB, SPECIFIED, Figures, Targets
from bili2text.workshop.measures.timing import Latency, Search, latency
from bili2text.workshop.run import Run

TIMED = 200  # sentences of a direction that are translated one at a time, when no other number is given
_MIB = 1024 * 1024
_WHOLE, _SMALL = "float32", "int8"


@dataclass(frozen=True, slots=True)
class TestSet:
    """Sentences with their translations, and the name under which every score of them is told."""

    __test__ = False  # pytest: it is none of its own

    name: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What is measured, on what, and how."""

    folder: Path  # of a run, or of one converted model
    sets: tuple[TestSet, ...]
    search: Search
    int8: bool = True  # the int8 model beside that in float32
    devices: tuple[Place, ...] = ("cpu",)
    threads: int = 1
    timed: int = TIMED
    gpu: str = ""  # UUID of the card that "cuda" means


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one test set, one direction, on one device."""

    test: str  # the set's name
    way: Way
    precision: str
    device: Place
    score: Score
    latency: Latency | None
    peak_mb: float | None  # of RAM, by a process that holds this model alone
    card_mb: float | None  # of the card's memory
    weight_mb: float

    def figures(self) -> Figures:
        """Return what targets are held against."""
        mean = None if self.latency is None else self.latency.mean_ms
        return Figures(self.score.bleu, mean, self.peak_mb, self.weight_mb, self.precision)


@dataclass(frozen=True, slots=True)
class Change:
    """What int8 changes on one test set, one direction."""

    test: str
    way: Way
    device: Place
    difference: Difference  # of int8 from float32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured of a run."""

    name: str
    parameters: int
    threads: int
    search: Search
    targets: Targets
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]


def evaluate(
    request: EvaluateRequest, environ: Mapping[str, str], progress: Progress, targets: Targets = SPECIFIED
) -> Evaluation:
    """Measure every model of a folder on every test set, in every direction it knows.

    Each model, set and device has a process of its own. Raises UsageError for a test set that is empty or
    named twice, ModelError where no converted model is there, RuntimeFailure, OutOfMemory, DeviceFailure.
    """
    _refuse(request.sets)
    models = _models(request)
    rows: list[Row] = []
    said: dict[tuple[str, Way, Place, str], list[str]] = {}
    total = sum(len(one.pairs) * len(model.ways) for one in request.sets for model in models)
    with progress.stage("evaluate", total * len(request.devices), "sentences") as stage:
        for test, device, model in product(request.sets, request.devices, models):
            sources = {way: [pair.source(way) for pair in test.pairs] for way in model.ways}
            gpu = request.gpu if device == "cuda" else ""
            subject = Subject(model.folder, device, request.threads, gpu)
            found = measure(subject, sources, request.search, request.timed, environ, stage)
            rows += _rows(test, device, model, found)
            for way, spoken in found.spoken.items():
                said[test.name, way, device, model.precision] = [one.text for one in spoken]
    first = models[0]
    changes = tuple(
        Change(test.name, way, device, _change(test, way, device, said))
        for test, device, way in product(request.sets, request.devices, first.ways)
        if {_WHOLE, _SMALL} <= {model.precision for model in models}
    )
    return Evaluation(
        name=clean_text(request.folder.resolve().name),
        parameters=first.parameters,
        threads=request.threads,
        search=request.search,
        targets=targets,
        rows=tuple(rows),
        changes=changes,
    )


def _refuse(sets: Sequence[TestSet]) -> None:
    if not sets:
        raise UsageError("there is no test set", hint="pass --data DATA or --test NAME=FILE")
    for one in sets:
        if not one.pairs:
            raise UsageError(f"the test set {one.name} is empty")
    names = [one.name for one in sets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two test sets are called {twice}", hint="--test NAME=FILE names them")


def _models(request: EvaluateRequest) -> list[Product]:
    """Return the models to measure, float32 first. Raises ModelError."""
    folder = request.folder
    if (folder / RECORD).is_file():
        return [read_product(folder)]
    wanted = (_WHOLE, _SMALL) if request.int8 else (_WHOLE,)
    there = [Run(folder).converted(one) for one in wanted if Run(folder).converted(one).is_dir()]
    if not there:
        read_product(folder)  # which says what kind of folder it is, and what can be done
    missing = [one for one in wanted if not Run(folder).converted(one).is_dir()]
    if missing:
        shown = clean_text(str(folder))
        raise ModelError(
            f"no {' and no '.join(f'ct2-{one}' for one in missing)} in {shown}",
            hint=f"bili2text workshop quantize {shown} --overwrite",
        )
    return [read_product(one) for one in there]


def _rows(test: TestSet, device: Place, model: Product, found: Measured) -> list[Row]:
    return [
        Row(
            test=test.name,
            way=way,
            precision=model.precision,
            device=device,
            score=score([one.text for one in spoken], _references(test, way), target_of(way)),
            latency=latency(spoken),
            peak_mb=_mb(found.peak_rss_mib),
            card_mb=_mb(found.peak_card_mib),
            weight_mb=model.weight_bytes / MB,
        )
        for way, spoken in found.spoken.items()
    ]


def _change(
    test: TestSet, way: Way, device: Place, said: Mapping[tuple[str, Way, Place, str], list[str]]
) -> Difference:
    whole, small = (said[test.name, way, device, precision] for precision in (_WHOLE, _SMALL))
    return difference(whole, small, _references(test, way), target_of(way))


def _mb(mib: int | None) -> float | None:
    return None if mib is None else mib * _MIB / MB


def _references(test: TestSet, way: Way) -> list[str]:
    return [pair.target(way) for pair in test.pairs]
