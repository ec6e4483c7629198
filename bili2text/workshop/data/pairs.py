"""Files of pairs: TSV, JSONL and Parquet. A line that is none is told, not lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from bili2text.errors import SourceError, UsageError
from bili2text.seq2seq.values import Language, Pair
from bili2text.workshop.data.filters import is_chinese, is_english
from bili2text.workshop.data.lines import BROKEN, numbered

_NAMES: dict[Language, frozenset[str]] = {
    "zh": frozenset(
        ("zh", "zho", "chi", "cmn", "zh_cn", "zh_hans", "zho_hans", "cmn_hans", "chinese", "中文")
    ),
    "en": frozenset(("en", "eng", "en_us", "en_gb", "eng_latn", "english", "英文")),
}
_SIDES = (("source", "target"), ("src", "tgt"))
_LOOK = 100  # lines that the columns are judged by
_ENDS = ".tsv, .txt, .jsonl, .ndjson, .parquet; all but the last also with .gz"


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no pair."""

    place: str  # file:line, or file:row
    reason: Literal["broken", "one-sided"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the sides are: the names of columns or keys, or the numbers of columns from 1 on."""

    zh: str
    en: str

    @classmethod
    def told(cls, text: str) -> Columns:
        """Return those of "ZH,EN". Raises UsageError."""
        names = [name.strip() for name in text.split(",")]
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            raise UsageError(
                f"--columns {text} does not name two columns", hint="Chinese first: --columns 2,1"
            )
        return cls(*names)


Found = Pair | Bad


def is_pairs_file(name: str) -> bool:
    """Return whether a name ends as files of pairs do."""
    return _reader(Path(name)) is not None


def read(path: Path, columns: Columns | None = None, encoding: str | None = None) -> Iterator[Found]:
    """Yield what each line or row of a file is, in order, blank lines left out.

    Raises SourceError for a file that cannot be read, is empty, or has no pair at all; UsageError for another
    kind of file.
    """
    reader = _reader(path)
    if reader is None:
        raise UsageError(f"{path} is no file of pairs by its name", hint=f"known are {_ENDS}")
    paired, first = 0, None
    for found in reader(path, columns, encoding):
        if isinstance(found, Bad):
            first = first or found
        else:
            paired += 1
        yield found
    if paired:
        return
    if first is None:
        raise SourceError(f"{path} is empty")
    why = "has only one side" if first.reason == "one-sided" else "cannot be read"
    raise SourceError(f"{path} has no pair: {first.place} {why}", hint="--columns names its sides")


def of_mapping(row: object, columns: Columns | None, place: str) -> Found:
    """Return the pair in a JSON object or a row.

    Known are {"zh", "en"}, the same within "translation", and "source" and "target", whose languages are
    told by "source_lang" and "target_lang" or else seen by their script.
    """
    if not isinstance(row, Mapping):
        return Bad(place, "broken")
    if columns is not None:
        return _made(row.get(columns.zh), row.get(columns.en), place)
    inner = row.get("translation")
    if isinstance(inner, Mapping):
        row = inner
    keys = {_language(key): key for key in reversed(list(row))}
    if "zh" in keys or "en" in keys:
        return _made(row.get(keys.get("zh")), row.get(keys.get("en")), place)
    for left, right in _SIDES:
        if left in row or right in row:
            return _of_sides(row, left, right, place)
    return Bad(place, "broken")


def _of_sides(row: Mapping[str, Any], left: str, right: str, place: str) -> Found:
    texts = (row.get(left), row.get(right))
    told = [
        next((_language(row[key]) for key in (f"{side}_lang", f"{side}_language") if key in row), None)
        for side in (left, right)
    ]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return _made(*texts, place)
    if told[0] is None and told[1] is None:
        told = ["zh" if is_chinese(str(text)) else "en" for text in texts]
    if told[0] == "en" or told[1] == "zh":
        texts = (texts[1], texts[0])
        told = [told[1], told[0]]
    return Bad(place, "broken") if told[0] == "en" or told[1] == "zh" else _made(*texts, place)


def _made(zh: object, en: object, place: str) -> Found:
    zh, en = ("" if side is None else side for side in (zh, en))
    if not isinstance(zh, str) or not isinstance(en, str) or BROKEN in zh or BROKEN in en:
        return Bad(place, "broken")
    return Pair(zh, en) if zh.strip() and en.strip() else Bad(place, "one-sided")


def _tsv(path: Path, columns: Columns | None, encoding: str | None) -> Iterator[Found]:
    lines = ((number, line) for number, line in numbered(path, encoding) if line.strip())
    head = list(islice(lines, _LOOK))
    if not head:
        return
    (zh, en), titled = _places([line.split("\t") for _, line in head], columns, path)
    for number, line in islice(chain(head, lines), int(titled), None):
        cells = line.split("\t")
        place = f"{path}:{number}"
        if BROKEN in line:
            yield Bad(place, "broken")
        else:
            left, right = (cells[side] if side < len(cells) else "" for side in (zh, en))
            yield _made(left, right, place)


def _places(rows: Sequence[list[str]], columns: Columns | None, path: Path) -> tuple[tuple[int, int], bool]:
    """Return the places of Chinese and English among the cells, and whether the first row names them."""
    titles = [cell.strip() for cell in rows[0]]
    if columns is not None:
        wanted = (columns.zh, columns.en)
        if all(name in titles for name in wanted):
            return (titles.index(columns.zh), titles.index(columns.en)), True
        if all(name.isdecimal() and int(name) > 0 for name in wanted):
            return (int(columns.zh) - 1, int(columns.en) - 1), False
        raise UsageError(
            f"{path} has no columns {columns.zh} and {columns.en}", hint="number them: --columns 2,1"
        )
    named = [_language(title) for title in titles]
    if "zh" in named and "en" in named:
        return (named.index("zh"), named.index("en")), True
    zh, en = _commonest(rows, is_chinese), _commonest(rows, is_english)
    if zh is None or en is None:
        missing = "Chinese" if zh is None else "English"
        raise SourceError(
            f"{path}: no column is {missing}",
            hint="sides stand apart by a tab; --columns 2,1 says which is which",
        )
    return (zh, en), False


def _commonest(rows: Iterable[list[str]], fits: Callable[[str], bool]) -> int | None:
    """Return the place where most cells fit, of those that are not empty in at least half of the rows."""
    rows = list(rows)
    counts = [0] * max(len(row) for row in rows)
    for row in rows:
        for place, cell in enumerate(row):
            counts[place] += fits(cell)
    best = max(range(len(counts)), key=counts.__getitem__)
    return best if 2 * counts[best] >= len(rows) else None


def _jsonl(path: Path, columns: Columns | None, encoding: str | None) -> Iterator[Found]:
    for number, line in numbered(path, encoding):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield Bad(place, "broken")
        else:
            yield of_mapping(row, columns, place)


def _parquet(path: Path, columns: Columns | None, encoding: str | None) -> Iterator[Found]:  # noqa: ARG001 - as the others
    from bili2text.workshop.data.corpus import parquet_rows

    for number, row in enumerate(parquet_rows(path), start=1):
        yield of_mapping(row, columns, f"{path}:{number}")


_READERS = {".tsv": _tsv, ".txt": _tsv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}


def _reader(path: Path) -> Callable[[Path, Columns | None, str | None], Iterator[Found]] | None:
    packed = path.suffix.lower() == ".gz" and path.with_suffix("").suffix.lower() != ".parquet"
    return _READERS.get((path.with_suffix("") if packed else path).suffix.lower())


def _language(name: object) -> Language | None:
    plain = str(name).strip().casefold().replace("-", "_")
    return next((language for language, names in _NAMES.items() if plain in names), None)
