"""The Hugging Face cache, read and never written: models--org--name/{blobs,refs,snapshots/<commit>}.

The layout is the one huggingface_hub documents in "Understand caching"; it is not imported, that takes 0.3 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bili2text.models.manifest import FILES, Expected

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Return the folder that huggingface_hub would use (its constants.py), whether or not it is there."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(name):
            return Path(environ[name]).expanduser()
    home = environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    cache = environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "huggingface" / "hub"


def snapshots(cache: Path, repo: str, revisions: tuple[str, ...]) -> Iterator[Path]:
    """Yield the snapshot folders of `repo` that exist, in order; a revision is a commit or a ref ("main")."""
    root = cache / f"models--{repo.replace('/', '--')}"
    for revision in revisions:
        commit = revision if _COMMIT.fullmatch(revision) else _commit_of(root / "refs" / revision)
        folder = root / "snapshots" / commit
        if commit and folder.is_dir():
            yield folder


def blob_hashes(snapshot: Path) -> tuple[Expected, ...]:
    """Return what the cache says each file of `snapshot` is: a blob is named by the hash the hub declared.

    Files that are no links (Windows without the right to make them) have nothing said about them.
    """
    found = []
    for name in FILES:
        path = snapshot / name
        if path.is_symlink():
            blob = path.readlink().name
            if _SHA256.fullmatch(blob):
                found.append(Expected(name, sha256=blob))
            elif _COMMIT.fullmatch(blob):
                found.append(Expected(name, git_sha1=blob))
    return tuple(found)


def _commit_of(ref: Path) -> str:
    try:
        commit = ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""
