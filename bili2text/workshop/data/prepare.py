"""Sources of pairs -> train, dev and test on disk, each pair once, none of train in the others."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from bili2text.errors import SourceError, StorageError, UsageError
from bili2text.files import prove_writable, storage_error, write_whole
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data import filters
from bili2text.workshop.data.corpus import SPLITS, Split, SplitName, split_path, write_split
from bili2text.workshop.data.pairs import Bad, Columns
from bili2text.workshop.data.prepared import RECORD, Prepared
from bili2text.workshop.data.sources import Source, stream

_NAMED = 10  # lines that could not be read, that are named
_POOL = ".pool"  # what is read and not yet ordered; of a run that was killed, the next one removes it
_EVERY = 1000  # pairs between two steps of a progress bar


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What is asked of `prepare`."""

    sources: tuple[Source, ...]
    out: Path
    rules: filters.Rules = field(default_factory=filters.Rules)
    dev: int = 0  # pairs drawn; not where dev_sources are given
    test: int = 0
    dev_sources: tuple[Source, ...] = ()  # kept as they are, unless a side is empty
    test_sources: tuple[Source, ...] = ()
    max_pairs: int = 0  # of train; 0: all
    seed: int = 42
    columns: Columns | None = None
    encoding: str | None = None
    overwrite: bool = False


@dataclass(slots=True)
class _Tally:
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    kept_of: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)


def prepare(request: PrepareRequest, progress: Progress) -> Prepared:
    """Read, filter, shuffle and write pairs; return what data.json says.

    The same sources and seed give the same files. A pair is left out of dev where a side of it is in test,
    and out of train where a side is in either; case, blanks, width and punctuation make no difference.
    In memory are 8 bytes for each pair, as Python keeps them in a set, and the order; texts stay on the disk.
    Raises SourceError, StorageError, UsageError; what was prepared in the folder before is replaced only by
    what is whole.
    """
    _refuse(request)
    tally = _Tally()
    held = {
        "test": _given(request, request.test_sources, tally),
        "dev": _given(request, request.dev_sources, tally),
    }
    folder = request.out / _POOL
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with progress.stage("reading pairs", None, "pairs") as stage:
            write_split(folder / "pool.arrow", _pool(request, tally, stage))
        pool = Split(folder / "pool.arrow")
        with progress.stage("writing pairs", len(pool), "pairs") as stage:
            prepared = _written(request, held, pool, folder, tally, stage)
        del pool  # a file that is mapped cannot be removed on Windows
    except OSError as error:
        raise storage_error(error, request.out) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _tell(prepared, tally, progress)
    return prepared


def _refuse(request: PrepareRequest) -> None:
    rules = request.rules
    if rules.min_chars > rules.max_chars or rules.min_ratio > rules.max_ratio:
        raise UsageError(
            "nothing can be both: the least is above the most", hint="see --min-chars, --min-ratio"
        )
    if (request.out / RECORD).exists() and not request.overwrite:
        raise StorageError(
            f"already there: {request.out / RECORD}", hint="pass --overwrite to replace it, or another --out"
        )
    prove_writable(request.out)


def _given(request: PrepareRequest, sources: Iterable[Source], tally: _Tally) -> list[Pair]:
    """Return held-out pairs as they are: a test set that loses its hard sentences is another one."""
    found = []
    for one in sources:
        for pair in stream(one, request.columns, request.encoding, request.seed):
            if isinstance(pair, Bad):
                _bad(pair, tally)
            else:
                found.append(filters.cleaned(pair))
    return found


def _pool(request: PrepareRequest, tally: _Tally, stage: Stage) -> Iterator[Pair]:
    """Yield the pairs of all sources that pass the rules, each once."""
    known: set[bytes] = set()
    for one in request.sources:
        for raw in stream(one, request.columns, request.encoding, request.seed):
            tally.read += 1
            if tally.read % _EVERY == 0:
                stage.advance(_EVERY)
            if isinstance(raw, Bad):
                _bad(raw, tally)
                continue
            pair = filters.cleaned(raw)
            reason = filters.reason(raw, pair, request.rules)
            digest = filters.pair_digest(pair)
            if reason is not None or digest in known:
                tally.dropped[reason or "duplicate"] += 1
                continue
            known.add(digest)
            tally.kept_of[one.name] += 1
            yield pair
            if tally.kept_of[one.name] == one.count:
                break


def _written(
    request: PrepareRequest,
    held: dict[str, list[Pair]],
    pool: Split,
    folder: Path,
    tally: _Tally,
    stage: Stage,
) -> Prepared:
    """Draw what is held out, then train, write all three and, when all are there, give them their names."""
    shuffled = _shuffled(pool, request.seed, stage)
    apart = _Apart(tally)
    found: dict[SplitName, Iterable[Pair]] = {}
    asked: tuple[tuple[SplitName, int], ...] = (("test", request.test), ("dev", request.dev))
    for name, wanted in asked:  # test first: it is the last to lose a pair
        chosen = list(apart.outside(held[name]) if held[name] else islice(apart.outside(shuffled), wanted))
        if len(chosen) < wanted and not held[name]:
            raise SourceError(f"only {len(pool)} pairs are left: too few for a {name} of {wanted}")
        apart.hold(chosen)
        found[name] = chosen
    found["train"] = islice(apart.outside(shuffled), request.max_pairs or None)
    written = {name: write_split(split_path(folder, name), found[name]) for name in SPLITS}
    if not written["train"][0]:
        raise SourceError("no pair is left to train on", hint=_reasons(tally.dropped))
    (request.out / RECORD).unlink(missing_ok=True)
    for name in SPLITS:
        split_path(folder, name).replace(split_path(request.out, name))
    prepared = Prepared(
        pairs={name: count for name, (count, _) in written.items()},
        sha256={name: digest for name, (_, digest) in written.items()},
        read=tally.read,
        dropped=dict(tally.dropped.most_common()),
        kept_of=dict(tally.kept_of),
        unreadable=tuple(tally.unreadable),
        seed=request.seed,
        rules=request.rules,
    )
    told = json.dumps(asdict(prepared), ensure_ascii=False, indent=2)
    write_whole(request.out / RECORD, told + "\n", overwrite=True)
    return prepared


class _Apart:
    """Keeps pairs apart from those that are held out."""

    def __init__(self, tally: _Tally) -> None:
        self._sides: set[bytes] = set()
        self._tally = tally

    def hold(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            self._sides.update(filters.side_digests(pair))

    def outside(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs that share no side with what is held; the others are counted."""
        for pair in pairs:
            if not self._sides or self._sides.isdisjoint(filters.side_digests(pair)):
                yield pair
            else:
                self._tally.dropped["overlap"] += 1


def _shuffled(pool: Split, seed: int, stage: Stage) -> Iterator[Pair]:
    for done, place in enumerate(np.random.default_rng(seed).permutation(len(pool)), start=1):
        if done % _EVERY == 0:
            stage.advance(_EVERY)
        yield pool[int(place)]


def _bad(found: Bad, tally: _Tally) -> None:
    tally.dropped[found.reason] += 1
    if len(tally.unreadable) < _NAMED:
        tally.unreadable.append(f"{found.place} ({found.reason})")


def _reasons(dropped: Counter[str]) -> str:
    return "left out: " + (", ".join(f"{count:,} {why}" for why, count in dropped.most_common()) or "none")


def _tell(found: Prepared, tally: _Tally, progress: Progress) -> None:
    for place in found.unreadable:
        progress.warn(f"no pair: {place}")
    progress.note(f"read {found.read:,}; {_reasons(tally.dropped)}")
    progress.note("; ".join(f"{name} {found.pairs[name]:,} pairs" for name in SPLITS))
