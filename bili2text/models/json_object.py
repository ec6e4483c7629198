"""The object in a model's JSON file: its configuration, its record, its vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError
from bili2text.files import clean_text

CONFIG_BYTES = 1 << 24  # a config is a few KiB; a tokenizer_config.json with 150,000 names has 10 MB


def read_json(path: Path, *, most: int = CONFIG_BYTES, hint: str = "") -> dict[str, Any]:
    """Return the object in a JSON file of at most so many bytes.

    Raises ModelError, with the hint, when it is not there, not readable, larger, or no object.
    """
    name, folder = clean_text(path.name), clean_text(str(path.parent))
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
        found = json.loads(raw.decode("utf-8")) if len(raw) <= most else None
    except OSError as error:
        why = error.strerror or error
        raise ModelError(f"cannot read {clean_text(str(path))}: {why}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"damaged model, {name} is not JSON: {folder}", hint=hint) from error
    if not isinstance(found, dict):
        raise ModelError(f"damaged model, {name} is no configuration: {folder}", hint=hint)
    return found
