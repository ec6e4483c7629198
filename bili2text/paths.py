"""Where caches and settings live. `BILI2TEXT_CACHE_DIR` moves every cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the root of every cache: media, staging and models lie below it."""
    moved = environ.get("BILI2TEXT_CACHE_DIR")
    return Path(moved).expanduser() if moved else platformdirs.user_cache_path("bili2text", appauthor=False)


def settings_file(environ: Mapping[str, str]) -> Path:
    """Return the TOML file the user's settings are in; it need not exist."""
    named = environ.get("BILI2TEXT_CONFIG")
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("bili2text", appauthor=False) / "settings.toml"
