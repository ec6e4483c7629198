"""A vocabulary's folder -> its codec, whichever kind it is."""

from __future__ import annotations

import json
from pathlib import Path

from bili2text.errors import ModelError
from bili2text.seq2seq.codec import Codec


def open_codec(folder: Path) -> Codec:
    """Return the vocabulary that `Codec.save` wrote into a folder.

    Raises ModelError where there is none, it is not whole, or it is of no kind known here.
    """
    try:
        told = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"no vocabulary in {folder}", hint="name the folder of a run") from error
    kind = told.get("kind") if isinstance(told, dict) else None
    if kind == "text":
        from bili2text.seq2seq.text_codec import TextCodec

        return TextCodec.open(folder)
    if kind == "marian":
        from bili2text.seq2seq.marian import MarianCodec

        return MarianCodec.open(folder)
    raise ModelError(f"the vocabulary in {folder} is of an unknown kind", hint="a newer bili2text wrote it")
