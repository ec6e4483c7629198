"""The translators on this disk: one folder, all in a folder, or the Hugging Face cache. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import ModelError
from bili2text.models.hfcache import hub_cache, snapshots
from bili2text.models.json_object import read_json
from bili2text.models.weights import missing_file
from bili2text.paths import cache_dir
from bili2text.seq2seq.folder import Product, holds_product, read_product
from bili2text.translators.catalog import card_of, profile_of
from bili2text.translators.decoder_file import read_decoder, read_network
from bili2text.translators.shapes import config_of
from bili2text.translators.values import FoundModel
from bili2text.translators.weight_files import bytes_of, refuse_pointer

RECORD = "bili2text.json"  # what `models convert` leaves in the folder it makes
_HUB = "models--"
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("tokenizer.model",))
_TEMPLATES = ("chat_template.jinja", "chat_template.json")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is in the folders that were looked into."""

    models: tuple[FoundModel, ...]
    faults: tuple[str, ...] = ()  # a line for each folder that should be a model and cannot be used


def models_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of translators of our own cache; it need not exist."""
    return cache_dir(environ) / "translators"


def shelf(folder: Path | None, environ: Mapping[str, str]) -> Shelf:
    """Return the models in `folder`, or, with None, those of our cache and of the Hugging Face cache.

    One model may be there in several forms. Raises ModelError when `folder` is not there or not readable.
    """
    if folder is not None:
        return _shelf(folder, every=True)
    own = models_dir(environ)
    ours = _shelf(own, every=True) if own.is_dir() else Shelf(())
    hub = hub_cache(environ)
    theirs = _shelf(hub, every=False) if hub.is_dir() else Shelf(())
    return Shelf((*ours.models, *theirs.models), (*ours.faults, *theirs.faults))


def scan(folder: Path) -> tuple[FoundModel, ...]:
    """Return every model in a folder that can be used: its subfolders, a hub's cache, or the folder itself.

    Raises ModelError when the folder is not there or not readable.
    """
    return _shelf(folder, every=True).models


def look(path: Path, name: str = "") -> FoundModel:
    """Return the model in one folder; `name` is what it is called where that is not the folder's name.

    Raises ModelError, in one line, when there is none, when it is not whole, or of a kind we do not run.
    """
    if not path.is_dir():
        raise ModelError(f"no folder of a model: {path}", hint="--model-path takes the folder, not a file")
    named = name or path.resolve().name
    if holds_product(path):
        return _small(read_product(path))
    try:
        if (path / "model.bin").exists() and not _of_transformers(path):
            return _converted(path, named)
        return _plain(path, named)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def _of_transformers(path: Path) -> bool:
    return (path / "config.json").is_file() and "model_type" in read_json(path / "config.json")


def _plain(path: Path, name: str) -> FoundModel:
    if not (path / "config.json").is_file():
        bytes_of(path)  # says better what is wrong where there is no model at all
        raise ModelError(f"no config.json in {path}", hint="is it the folder of a model?")
    refuse_pointer(path / "config.json")
    if (path / "adapter_config.json").exists():
        raise ModelError(f"an adapter, not a model: {path}", hint="merge it into its model first")
    told = config_of(path)
    size = bytes_of(path)
    _refuse_speechless(path)
    return FoundModel(
        name=name,
        path=path,
        engine="transformers",
        shape=told.shape,
        weight_bytes=size,
        family=told.family,
        quantization=told.quantization,
        card=card_of(name),
        profile=profile_of(name, told.family),
        dtype=told.dtype,
    )


def _converted(path: Path, name: str) -> FoundModel:
    refuse_pointer(path / "model.bin")
    if missing := missing_file(path):
        raise ModelError(f"incomplete model, {missing} is missing: {path}")
    decoder = read_decoder(path / "model.bin")
    _refuse_speechless(path)
    source, family = _record(path)
    called = name if card_of(name) else source or name
    return FoundModel(
        name=name,
        path=path,
        engine="ctranslate2",
        shape=decoder.shape,
        weight_bytes=(path / "model.bin").stat().st_size,
        family=family,
        quantization=decoder.precision,
        card=card_of(called),
        profile=profile_of(called, family),
        dtype=decoder.precision,
    )


def _small(product: Product) -> FoundModel:
    """Return a model of the workshop; it is called what it was trained as, wherever it lies."""
    network = read_network(product.folder / "model.bin")
    return FoundModel(
        name=product.name,
        path=product.folder,
        engine="ctranslate2",
        shape=network.shape,
        weight_bytes=product.weight_bytes,
        family="workshop",
        quantization=network.precision,
        profile="workshop",
        dtype=network.precision,
        ways=product.ways,
        positions=product.positions,
    )


def _refuse_speechless(path: Path) -> None:
    """Raise ModelError for a model that cannot be talked to: without a tokenizer or a chat template."""
    if not any(all((path / file).is_file() for file in files) for files in _TOKENIZERS):
        raise ModelError(f"incomplete model, there is no tokenizer: {path}")
    if any((path / file).is_file() for file in _TEMPLATES):
        return
    told = path / "tokenizer_config.json"
    if not (told.is_file() and read_json(told).get("chat_template")):
        raise ModelError(f"no chat template, so no chat model: {path}", hint="take an instruct model")


def _record(path: Path) -> tuple[str, str]:
    """Return the name of the model a folder was converted from, and its family; "" where it is not said."""
    if not (path / RECORD).is_file():
        return "", ""
    told = read_json(path / RECORD)
    source, config = told.get("source"), told.get("config")
    family = config.get("model_type") if isinstance(config, dict) else ""
    return (
        Path(source).name if isinstance(source, str) else "",
        family if isinstance(family, str) else "",
    )


def _shelf(folder: Path, *, every: bool) -> Shelf:
    """Return what is in a folder; without `every`, only the models known by name may be at fault."""
    found: dict[Path, FoundModel] = {}
    faults = []
    for path, name in _folders(folder):
        try:
            model = look(path, name)
        except ModelError as error:
            if every or card_of(name):
                faults.append(error.message)
            continue
        found.setdefault(path.resolve(), model)
    return Shelf(tuple(found.values()), tuple(faults))


def _folders(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each folder that may be a model, and what it is called, in order of their names.

    Not those of the workshop: they translate one pair of languages, and are taken where they are named.
    """
    try:
        children = sorted(path for path in folder.iterdir() if path.is_dir())
        itself = any(path.suffix in (".safetensors", ".gguf", ".bin") for path in folder.iterdir())
    except OSError as error:
        said = error.strerror or str(error)
        raise ModelError(f"cannot look for models in {folder}: {said}") from error
    if itself and not holds_product(folder):
        yield folder, folder.resolve().name
    for child in children:
        if child.name.startswith(_HUB):
            yield from _snapshot(child)
        elif not child.name.startswith(".") and _holds(child) and not holds_product(child):
            yield child, child.name


def _holds(folder: Path) -> bool:
    """Return whether there is anything in a folder; one that we may not read is left out."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _snapshot(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the snapshot of a model in a hub's cache: the one "main" is at, else the newest."""
    _, _, repo = folder.name.partition("--")
    main = tuple(snapshots(folder.parent, repo.replace("--", "/", 1), ("main",)))
    others = (path for path in folder.glob("snapshots/*") if path.is_dir())
    newest = sorted(others, key=lambda path: (path.stat().st_mtime, path.name))[-1:]
    for path in main or newest:
        yield path, repo.rpartition("--")[2]
