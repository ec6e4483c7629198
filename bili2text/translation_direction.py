"""From which language into which: of Chinese into Chinese, from which script. Pure.

Where only the script changes, characters are changed, and no model is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from bili2text.captions.values import Captions
from bili2text.chinese.script import Script, written_in
from bili2text.errors import UsageError
from bili2text.seq2seq.values import Way
from bili2text.translate.guess import language_of
from bili2text.translate.values import Direction
from bili2text.translation_request import TranslationRequest

SCRIPTS: Mapping[str, Script] = MappingProxyType({"zh": "simplified", "zh-Hant": "traditional"})


class SameLanguage(UsageError):
    """A text is in the language it was to be translated into."""


def direction_of(request: TranslationRequest, captions: Captions, name: str) -> Direction:
    """Return from which language into which; `name` is for messages.

    Raises UsageError where that is not known, SameLanguage where it is the same.
    """
    source = _source_of(request, captions)
    if not source:
        raise UsageError(f"{name} does not say which language it is in", hint="say it: --from en")
    found: Direction | None = Direction(source, request.target)
    if are_chinese(source, request.target):
        found = _way((line.text for line in captions.lines), request.target)
    if found is None or found.source == found.target:
        raise SameLanguage(
            f"{name} is in {request.target} already", hint="another --to, or --from if that is wrong"
        )
    return found


def needs_model(request: TranslationRequest, captions: Captions) -> bool:
    """Return whether a text is translated by a model: not where only the script of Chinese is changed."""
    return not are_chinese(_source_of(request, captions), request.target)


def are_chinese(source: str | None, target: str) -> bool:
    """Return whether both are Chinese, in whatever scripts."""
    return source in SCRIPTS and target in SCRIPTS


def beyond(ways: Collection[Way], target: str, source: str | None, model: str) -> str:
    """Return why a model that was made for a few directions cannot take this one, or "".

    `ways` () is one made for all. Without `source`, not known yet, each that leads to `target` is fine.
    """
    leading = {way for way in ways if _side(target) == way.rpartition("-")[2]}
    if not ways or (leading and source is None) or f"{_side(source)}-{_side(target)}" in leading:
        return ""
    asked = f"not into {target}" if source is None else f"not {source} to {target}"
    return f"{model} translates {' and '.join(ways)} alone, {asked}"


def refuse_beyond(ways: Collection[Way], target: str, source: str | None, model: str) -> None:
    """Raise UsageError for a direction that is `beyond` a model."""
    if why := beyond(ways, target, source, model):
        raise UsageError(why, hint="leave out workshop:RUN, and a chat model is chosen")


def turned(texts: Iterable[str], target: str) -> tuple[str, ...]:
    """Return texts in the script of `target`, each as long as it was.

    They are looked at as one text: which script a line without a telling character is in, others say.
    """
    return tuple(written_in("\n".join(texts), SCRIPTS[target]).split("\n"))


def _side(language: str | None) -> str:
    """Return a language as ways name it, whatever script its Chinese is in."""
    return "zh" if language in SCRIPTS else language or ""


def _way(texts: Iterable[str], target: str) -> Direction | None:
    """Return from which script into that of `target`; None for Chinese that is in that script already."""
    texts = tuple(texts)
    if turned(texts, target) == texts:
        return None
    (source,) = SCRIPTS.keys() - {target}
    return Direction(source, target)


def _source_of(request: TranslationRequest, captions: Captions) -> str:
    return request.source or captions.language or language_of(line.text for line in captions.lines)
