"""What tells one model's folder from another: the hash of the files that decide its words."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bili2text.models.stamps import Stamps, hash_files
from bili2text.progress import Progress
from bili2text.seq2seq.folder import VOCABULARY
from bili2text.translators.folders import RECORD

_KINDS = ("*.safetensors", "model.bin", "*.json", "*.jinja", "*.txt", "*.model", "*.spm")


def fingerprint(folder: Path, stamps: Stamps, progress: Progress) -> str:
    """Return a sha256, in hex, over names and bytes of the model's files; a file that did not change since
    the last time is not read again. Raises ModelError for one that cannot be read.
    """
    found_in = (folder, folder / VOCABULARY)
    paths = {path for place in found_in for kind in _KINDS for path in place.glob(kind) if path.is_file()}
    # what we say of a folder decides no words
    names = sorted({path.relative_to(folder).as_posix() for path in paths} - {RECORD})
    found = hash_files(folder, names, stamps, progress) if names else {}
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name}\0{found[name].sha256}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()
