"""The Whisper models that are known by name, and what a name given by the user means."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import PurePath

from bili2text.errors import UsageError

SYSTRAN = "Systran/faster-"
_REPO = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w./-]*", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Dims:
    """The shape of a Whisper network: enough to say how much memory it needs. A head is 64 wide in all."""

    encoder_layers: int
    decoder_layers: int
    width: int  # d_model
    heads: int
    mels: int  # bins of the spectrogram
    vocab: int  # tokens


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model known by name."""

    name: str
    repo: str  # id on the Hugging Face hub
    english_only: bool  # trained on English alone; the distilled ones are, whatever their vocabulary says
    translates: bool  # trained on the task `translate`
    dims: Dims
    rank: int  # quality; higher is better. Compare english_only models on English alone
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on a hub that we have no card for: "org/name", or "org/name@revision"."""

    repo: str
    revision: str = "main"

    @property
    def name(self) -> str:
        """What the user would type."""
        return self.repo if self.revision == "main" else f"{self.repo}@{self.revision}"


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder the user pointed at; nothing was looked up yet."""

    path: str


_TINY, _BASE = Dims(4, 4, 384, 6, 80, 51865), Dims(6, 6, 512, 8, 80, 51865)
_SMALL, _MEDIUM = Dims(12, 12, 768, 12, 80, 51865), Dims(24, 24, 1024, 16, 80, 51865)
_LARGE, _LARGE3 = Dims(32, 32, 1280, 20, 80, 51865), Dims(32, 32, 1280, 20, 128, 51866)
_TURBO, _DISTIL3 = Dims(32, 4, 1280, 20, 128, 51866), Dims(32, 2, 1280, 20, 128, 51866)


def _multilingual(name: str, dims: Dims, rank: int, *aliases: str) -> ModelCard:
    return ModelCard(name, f"{SYSTRAN}whisper-{name}", False, True, dims, rank, aliases)


def _english(name: str, dims: Dims, rank: int) -> ModelCard:
    english = Dims(dims.encoder_layers, dims.decoder_layers, dims.width, dims.heads, dims.mels, 51864)
    return ModelCard(name, f"{SYSTRAN}whisper-{name}", True, False, english, rank)


def _distilled(name: str, dims: Dims, rank: int, repo: str = "") -> ModelCard:
    repo = repo or f"{SYSTRAN}distil-whisper-{name.removeprefix('distil-')}"
    return ModelCard(name, repo, True, False, dims, rank)


# Repositories and aliases as in faster_whisper/utils.py 1.2.1. Ranks follow the word error rates that
# openai/whisper and huggingface/distil-whisper publish: on English a ".en" beats its sibling up to small,
# turbo lies between large-v2 and large-v3, and the distilled ones a little below what they were taught by.
CARDS: tuple[ModelCard, ...] = (
    _multilingual("tiny", _TINY, 10),
    _english("tiny.en", _TINY, 11),
    _multilingual("base", _BASE, 20),
    _english("base.en", _BASE, 21),
    _multilingual("small", _SMALL, 30),
    _english("small.en", _SMALL, 31),
    _distilled("distil-small.en", Dims(12, 4, 768, 12, 80, 51864), 29),
    _multilingual("medium", _MEDIUM, 40),
    _english("medium.en", _MEDIUM, 41),
    _distilled("distil-medium.en", Dims(24, 2, 1024, 16, 80, 51864), 39),
    _multilingual("large-v1", _LARGE, 50),
    _multilingual("large-v2", _LARGE, 60),
    _distilled("distil-large-v2", Dims(32, 2, 1280, 20, 80, 51865), 45),
    _multilingual("large-v3", _LARGE3, 70, "large"),
    ModelCard(
        "large-v3-turbo",
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        english_only=False,
        translates=False,
        dims=_TURBO,
        rank=65,
        aliases=("turbo",),
    ),
    _distilled("distil-large-v3", _DISTIL3, 55),
    _distilled("distil-large-v3.5", _DISTIL3, 56, "distil-whisper/distil-large-v3.5-ct2"),
)


def card_named(text: str) -> ModelCard | None:
    """Return the card with this name, alias or hub id, or None. Case and "_" for "-" do not matter."""
    wanted = text.strip().lower().replace("_", "-")
    for card in CARDS:
        if wanted in (card.name, *card.aliases, card.repo.lower()):
            return card
    return None


def resolve(text: str) -> ModelCard | LocalFolder | HubId:
    """Return what `text` names: a known model, a hub id, or a folder. Nothing is read from disk.

    A relative path "a/b" looks like a hub id; `store.find` takes it as a folder when there is one.
    Raises UsageError for a name that is none of these.
    """
    card = card_named(text)
    if card:
        return card
    repo, _, revision = text.partition("@")
    if _REPO.fullmatch(repo) and (not revision or _REVISION.fullmatch(revision)):
        return HubId(repo, revision or "main")
    if _looks_like_path(text):
        return LocalFolder(text)
    raise UsageError(f"no model is called {text!r}", hint=_suggest(text))


def folder_name(model: ModelCard | HubId) -> str:
    """Return the name of the folder that holds `model` in our cache: one safe path component."""
    if isinstance(model, ModelCard):
        return model.name
    flat = model.repo.replace("/", "--")
    return flat if model.revision == "main" else f"{flat}@{model.revision.replace('/', '-')}"


def model_in_folder(name: str) -> str:
    """Return the model name that `folder_name` made `name` of."""
    return name if card_named(name) else name.replace("--", "/", 1)


def _looks_like_path(text: str) -> bool:
    marked = text.startswith((".", "~")) or "/" in text or "\\" in text
    return marked or PurePath(text).is_absolute() or bool(_DRIVE.match(text))


def _suggest(text: str) -> str:
    names = [name for card in CARDS for name in (card.name, *card.aliases)]
    close = difflib.get_close_matches(text.strip().lower().replace("_", "-"), names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return "pass a name that `bili2text models list` shows, a hub id (org/name), or a folder (./name)"
