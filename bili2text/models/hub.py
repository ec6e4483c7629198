"""Downloads a model into our cache: resumable, hashed, and there only when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from bili2text import files
from bili2text.errors import ModelError, StorageError
from bili2text.models import store
from bili2text.models.catalog import HubId, ModelCard, folder_name
from bili2text.models.hubs import Hub, Source, choose, file_url, host_of, list_url, parse_listing, sources
from bili2text.models.manifest import Expected
from bili2text.models.record import Record, lock_of, partial_of, stamps_of, take_place, write_record
from bili2text.models.stamps import Digest, fault, hash_file
from bili2text.models.transfer import fetch_file, fetch_json
from bili2text.models.weights import check_shape, missing_file
from bili2text.models.wire import ELSEWHERE, Client, NotHereError, Patience
from bili2text.progress import Progress, Silent, Stage

_SPARE = 64 << 20  # bytes to leave free
_ON = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Options:
    """How to download."""

    hub: str = "hf"  # "hf", "hf-mirror" or "modelscope"
    endpoint: str | None = None  # address to use instead of that hub's own
    proxy: str | None = None  # http proxy; None takes it from the environment
    offline: bool = False
    force: bool = False  # repair what is there: every file is checked, the wrong ones are fetched
    environ: Mapping[str, str] = field(default_factory=dict)  # HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, ...
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class _Job:
    client: Client
    hub: Hub
    source: Source  # with its files
    final: Path
    partial: Path


def is_offline(options: Options) -> bool:
    """Return whether the network must not be used."""
    said = (options.environ.get(name, "").strip().lower() for name in ("BILI2TEXT_OFFLINE", "HF_HUB_OFFLINE"))
    return options.offline or any(value in _ON for value in said)


def download(
    model: ModelCard | HubId, options: Options, cache: Path, progress: Progress
) -> store.ModelFolder:
    """Return `model` in our cache below `cache`, fetching what is not there. Every file is hashed.

    What a killed run left is continued. Of two processes one fetches and the other waits for it.
    Raises ModelError when the hub does not give the right bytes or may not be used, StorageError when the
    disk does not take them, UsageError for a hub that does not exist.
    """
    models = cache / "models"
    final = models / folder_name(model)
    here = store.ModelFolder(model.name, final, "cache")
    places = store.Places(cache, None, options.environ)
    if final.is_dir() and not options.force:
        return store.check(here, places, progress)
    _refuse_offline(model, options)
    hub = choose(options.hub, options.endpoint, options.environ)
    token = options.environ.get("HF_TOKEN") or options.environ.get("HUGGING_FACE_HUB_TOKEN")
    client = Client(options.proxy, token, options.patience)
    with _alone(models, model, progress):
        if final.is_dir() and not options.force:
            return store.check(here, places, progress)  # another process was faster
        source = _fetch_first(client, hub, model, final, progress)
    return replace(here, verified=_level(model, source))


def _fetch_first(
    client: Client, hub: Hub, model: ModelCard | HubId, final: Path, progress: Progress
) -> Source:
    """Put the model in place from the first source that has it, and return that. Raises ModelError."""
    partial = partial_of(final.parent, final.name)
    *spare, last = sources(hub, model)
    for source in (*spare, last):
        try:
            listed = source if source.files else _ask(client, hub, source)
            job = _Job(client, hub, listed, final, partial)
            digests = _fetch_all(job, progress)
        except NotHereError as error:
            if source is last:
                raise
            progress.note(f"{error.message}; trying {last.repo}")
        else:
            _finish(job, model, digests)
            return listed
    raise AssertionError("the last source was neither taken nor refused")


def _ask(client: Client, hub: Hub, source: Source) -> Source:
    url = list_url(hub, source)
    try:
        listed = parse_listing(hub, fetch_json(client, url))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{host_of(url)} did not answer like a hub", hint=ELSEWHERE) from error
    names = {file.name for file in listed}
    if not {"model.bin", "config.json", "tokenizer.json"} <= names:
        hint = "choose a repository made for faster-whisper: model.bin, config.json, tokenizer.json"
        raise ModelError(f"{source.repo} holds no Whisper model for CTranslate2", hint=hint)
    return replace(source, files=listed)


def _fetch_all(job: _Job, progress: Progress) -> dict[str, Digest]:
    try:
        job.partial.mkdir(parents=True, exist_ok=True)
        _adopt(job, progress)
        _need_room(job)
        sizes = [file.size for file in job.source.files]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        digests = {}
        with progress.stage("download", total, "B") as stage:
            for file in job.source.files:
                digests[file.name] = _fetch_one(job, file, stage)
    except OSError as error:
        raise files.storage_error(error, job.partial) from error
    return digests


def _fetch_one(job: _Job, file: Expected, stage: Stage) -> Digest:
    target, part = job.partial / file.name, job.partial / f"{file.name}.part"
    if target.is_file():
        found = hash_file(target, stage)
        if fault(file, found) is None:
            return found
        stage.advance(-found.size)
        target.unlink()
    url = file_url(job.hub, job.source, file.name)
    for resumed in (part.exists(), False):
        fetch_file(job.client, url, part, file, stage)
        found = hash_file(part, Silent().stage("verify", None, "B"))
        wrong = fault(file, found)
        if wrong is None:
            files.sync(part)
            part.replace(target)
            return found
        stage.advance(-found.size)
        part.unlink()
        if not resumed:  # else the bytes an earlier run left may be to blame: once more from the start
            break
    hint = "nothing was kept; try another hub: --hub hf, hf-mirror or modelscope"
    raise NotHereError(f"{host_of(url)} sent wrong bytes for {file.name}: {wrong}", hint=hint)


def _adopt(job: _Job, progress: Progress) -> None:
    """Take over those files of a damaged folder that are right, so that a repair fetches only the others."""
    for file in job.source.files:
        old, target = job.final / file.name, job.partial / file.name
        if not file.hashed or target.exists() or not old.is_file():
            continue
        with progress.stage("verify", file.size, "B") as stage:
            right = fault(file, hash_file(old, stage)) is None
        if right:
            try:
                os.link(old, target)
            except OSError:  # a file system without hard links
                shutil.copyfile(old, target)


def _need_room(job: _Job) -> None:
    missing = 0
    for file in job.source.files:
        have = max(_size(job.partial / file.name), _size(job.partial / f"{file.name}.part"))
        missing += max(0, (file.size or 0) - have)
    free = shutil.disk_usage(job.partial).free
    if missing and free < missing + _SPARE:
        need, left = (missing + _SPARE) >> 20, free >> 20
        hint = "free some space, or move the cache: BILI2TEXT_CACHE_DIR=/elsewhere"
        raise StorageError(f"the disk is too full: the model needs {need} MiB, {left} are free", hint=hint)


def _finish(job: _Job, model: ModelCard | HubId, digests: dict[str, Digest]) -> None:
    if not isinstance(model, ModelCard):
        missing = missing_file(job.partial)
        if missing:
            raise ModelError(f"{model.name} is no whole model: {missing} is missing")
        check_shape(job.partial)
    try:
        source = job.source
        write_record(
            job.partial, Record(model.name, job.hub.endpoint, source.repo, source.revision, source.files)
        )
        take_place(job.partial, job.final)
        stamps_of(job.final.parent).remember(job.final, digests)
    except OSError as error:
        raise files.storage_error(error, job.final) from error


def _level(model: ModelCard | HubId, source: Source) -> store.Verified:
    if isinstance(model, ModelCard) and all(file.sha256 for file in source.files):
        return "pinned"
    return "hub" if all(file.hashed for file in source.files) else "unverified"


@contextmanager
def _alone(models: Path, model: ModelCard | HubId, progress: Progress) -> Iterator[None]:
    try:
        models.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_of(models, folder_name(model)))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.note(f"another bili2text is fetching {model.name}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise files.storage_error(error, models) from error
    try:
        yield
    finally:
        lock.release()


def _refuse_offline(model: ModelCard | HubId, options: Options) -> None:
    if is_offline(options):
        hint = f"unset BILI2TEXT_OFFLINE and HF_HUB_OFFLINE, then: bili2text models download {model.name}"
        raise ModelError(f"model {model.name} is not on this disk, and offline nothing is fetched", hint=hint)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
