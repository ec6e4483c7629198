"""Sources of pairs -> train, dev and test on disk, each pair once, none of train in the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np

from bili2text.errors import SourceError, StorageError, UsageError
from bili2text.files import clean_text, storage_error, write_whole
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data import filters
from bili2text.workshop.data.corpus import SPLITS, Split, SplitName, split_path, write_split
from bili2text.workshop.data.held_out import EVERY, Apart, given
from bili2text.workshop.data.pairs import Bad, Columns, Found
from bili2text.workshop.data.prepared import RECORD, Prepared
from bili2text.workshop.data.sources import Source, refuse_missing, stream
from bili2text.workshop.data.tally import Tally
from bili2text.workshop.folders import sync_folder
from bili2text.workshop.held import alone

_POOL = ".pool"  # what is not whole yet; of a run that was killed, the next one removes it
_Held = dict[SplitName, list[Pair]]


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What is asked of `prepare`."""

    sources: tuple[Source, ...]
    out: Path
    rules: filters.Rules = field(default_factory=filters.Rules)
    dev: int = 0  # pairs drawn; not where dev_sources are given
    test: int = 0
    dev_sources: tuple[Source, ...] = ()  # kept as they are, unless a side is empty or in test
    test_sources: tuple[Source, ...] = ()  # kept as they are, unless a side is empty
    max_pairs: int = 0  # of train; 0: all
    seed: int = 42
    columns: Columns | None = None
    encoding: str | None = None
    overwrite: bool = False


def prepare(request: PrepareRequest, progress: Progress) -> Prepared:
    """Read, filter, shuffle and write pairs; return what data.json says.

    The same sources and seed give the same files. A pair is left out of dev where a side of it is in test,
    and out of train where a side is in either; case, blanks, width and punctuation make no difference.
    In memory are the held-out pairs and 8 bytes for each other one, as Python keeps them in a set, and the
    order; texts stay on the disk. What was prepared in the folder before is replaced when all of the new is
    on the disk: four files get their names one after the other, data.json last.
    Raises SourceError, StorageError, UsageError, also where another process prepares the same folder.
    """
    _refuse(request)
    with alone(request.out, "preparing"):
        if (request.out / RECORD).exists() and not request.overwrite:
            raise StorageError(
                f"already there: {request.out / RECORD}",
                hint="pass --overwrite to replace it, or another --out",
            )
        tally = Tally()
        folder = request.out / _POOL
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            prepared = _made(request, folder, tally, progress)
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
    # a name that is wrong is told before millions of pairs are read
    for one in chain(request.sources, request.dev_sources, request.test_sources):
        refuse_missing(one)


def _made(request: PrepareRequest, folder: Path, tally: Tally, progress: Progress) -> Prepared:
    with progress.stage("reading pairs", None, "pairs") as stage:
        held: _Held = {
            "test": given([(one.count, _stream(request, one)) for one in request.test_sources], tally, stage),
            "dev": given([(one.count, _stream(request, one)) for one in request.dev_sources], tally, stage),
        }
        write_split(folder / "pool.arrow", _pool(request, tally, stage))
    # not kept by a name here: a file that is mapped cannot be removed on Windows
    return _written(request, held, Split(folder / "pool.arrow"), folder, tally, progress)


def _stream(request: PrepareRequest, asked: Source) -> Iterator[Found]:
    return stream(asked, request.columns, request.encoding, request.seed)


def _pool(request: PrepareRequest, tally: Tally, stage: Stage) -> Iterator[Pair]:
    """Yield the pairs of all sources that pass the rules, each once."""
    known: set[bytes] = set()
    for one in request.sources:
        name, kept = clean_text(one.name), 0
        for raw in _stream(request, one):
            tally.read += 1
            if tally.read % EVERY == 0:
                stage.advance(EVERY)
            if isinstance(raw, Bad):
                tally.bad(raw)
                continue
            pair = filters.cleaned(raw)
            reason = filters.reason(raw, pair, request.rules)
            digest = filters.pair_digest(pair)
            if reason is not None or digest in known:
                tally.dropped[reason or "duplicate"] += 1
                continue
            known.add(digest)
            tally.kept_of[name] += 1
            kept += 1
            yield pair
            if kept == one.count:
                break


def _written(
    request: PrepareRequest, held: _Held, pool: Split, folder: Path, tally: Tally, progress: Progress
) -> Prepared:
    """Draw what is held out, then train, write all three and, when all are there, give them their names."""
    with progress.stage("writing pairs", len(pool), "pairs") as stage:
        shuffled = _shuffled(pool, request.seed, stage)
        apart = Apart(tally)
        splits: dict[SplitName, Iterable[Pair]] = {}
        asked: tuple[tuple[SplitName, int], ...] = (("test", request.test), ("dev", request.dev))
        for name, wanted in asked:  # test first: it is the last to lose a pair
            drawn = apart.outside(held[name]) if held[name] else islice(apart.outside(shuffled), wanted)
            chosen = list(drawn)
            if len(chosen) < wanted and not held[name]:
                raise SourceError(
                    f"{len(chosen):,} of {len(pool):,} pairs are left: too few for a {name} of {wanted}",
                    hint=tally.reasons(),
                )
            apart.hold(chosen)
            splits[name] = chosen
        splits["train"] = islice(apart.outside(shuffled), request.max_pairs or None)
        written = {name: write_split(split_path(folder, name), splits[name]) for name in SPLITS}
    if not written["train"][0]:
        raise SourceError("no pair is left to train on", hint=tally.reasons())
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
    write_whole(folder / RECORD, told + "\n", overwrite=True)
    _take_names(folder, request.out)
    return prepared


def _take_names(folder: Path, out: Path) -> None:
    """Let what is whole in `folder` replace what is in `out`: the record goes first and comes last."""
    (out / RECORD).unlink(missing_ok=True)
    for name in (*(split_path(out, split).name for split in SPLITS), RECORD):
        (folder / name).replace(out / name)
    sync_folder(out)


def _shuffled(pool: Split, seed: int, stage: Stage) -> Iterator[Pair]:
    for done, place in enumerate(np.random.default_rng(seed).permutation(len(pool)), start=1):
        if done % EVERY == 0:
            stage.advance(EVERY)
        yield pool[int(place)]


def _tell(found: Prepared, tally: Tally, progress: Progress) -> None:
    for place in found.unreadable:
        progress.warn(f"no pair: {place}")
    progress.note(f"read {found.read:,}; {tally.reasons()}")
    progress.note("; ".join(f"{name} {found.pairs[name]:,} pairs" for name in SPLITS))
