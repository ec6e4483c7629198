"""From the values of the options to the one typed TranslationRequest."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import click

from bili2text import terms
from bili2text.errors import UsageError
from bili2text.subtitles.shape import Shape
from bili2text.terms import Term
from bili2text.transcribe.language_names import code
from bili2text.translation_request import Endpoint, TranslationOutput, TranslationRequest
from bili2text.translators.api_address import address_of
from bili2text.translators.values import EngineWish, TranslatorWishes
from cli.settings import written
from cli.translation_options import WORKSHOP
from cli.wishes import device, precision_wish
from cli.words import spelled_out

_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "traditional chinese")
_ONE = "use one of them"
_SIMPLIFIED = ("zh-hans", "zh-cn", "simplified chinese")


def translation_request(values: dict[str, Any], output: TranslationOutput) -> TranslationRequest:
    """Return the typed request. Raises UsageError when options contradict each other."""
    return TranslationRequest(
        target=_target(values["translate"]),
        source=code(values.get("source_language")),
        wishes=translator_wishes(values),
        models_dir=values["translate_models_dir"],
        endpoint=_endpoint(values),
        resident=values["resident"],
        shared="compute_type" in values,  # a command that transcribes
        given=_given(click.get_current_context(silent=True)),
        terms=_terms(values),
        context=values["context"],
        reflect=values["reflect"],
        retry_failed=values["retry_failed"],
        fresh=values["fresh"],
        layout=values["layout"],
        shape=_shape(values),
        output=output,
        command=spelled_out(tuple(sys.argv[1:]), click.get_current_context(silent=True)),
    )


def translator_wishes(values: dict[str, Any]) -> TranslatorWishes:
    """Return what is wished of the translator's plan. Raises UsageError for a device there is not."""
    path, engine = _model(values)
    return TranslatorWishes(
        model_path=path,
        device=device(values),
        gpu=values.get("gpu") or None,
        engine=engine,
        precision=values["translate_precision"],
        wish=precision_wish(values),
        batch_size=values["translate_batch_size"],
        beam_size=values["translate_beam_size"] or 1,
        threads=values["threads"] or 0,
        cpu_fallback=values.get("cpu_fallback", True),
        policy=values.get("policy", "measured"),
        auto_optimize=values.get("auto_optimize", True),
        vram_budget_mib=values.get("vram_budget"),
        reserve_mib=values.get("reserve") or 0,
    )


def workshop_folder(name: str) -> Path:
    """Return the folder of the model that is named as "workshop:RUN". Raises ModelError where it has none."""
    from bili2text.seq2seq.folder import read_product

    return read_product(Path(name.removeprefix(WORKSHOP)).expanduser()).folder


def model_folder(path: Path) -> Path:
    """Return the folder of the model that a path names: itself, or of a run the converted one.

    Raises ModelError for a run that has none.
    """
    from bili2text.seq2seq.folder import is_run, read_product

    path = path.expanduser()
    return read_product(path).folder if is_run(path) else path


def _model(values: dict[str, Any]) -> tuple[Path | None, EngineWish]:
    """Return the model's folder where one is forced, and the engine to choose among. Raises UsageError."""
    path, engine = values["translate_model_path"], values["translate_engine"]
    if not engine.startswith(WORKSHOP):
        return (model_folder(path) if path else None), engine
    if path:
        raise UsageError(f"--engine {WORKSHOP}RUN and --model-path contradict each other", hint=_ONE)
    return workshop_folder(engine), "auto"


def _given(ctx: click.Context | None) -> frozenset[str] | None:
    """Return every spelling of the options that were written for this run."""
    if ctx is None:
        return None
    found = {name for option in written(ctx) for name in (*option.opts, *option.secondary_opts)}
    return frozenset(found | {"--device"} if "--device-index" in found else found)


def _target(text: str) -> str:
    """Return the code of the language to translate into. Raises UsageError for what is none."""
    low = text.strip().lower().replace("_", "-")
    if low in _TRADITIONAL:
        return "zh-Hant"
    try:
        found = code("zh" if low in _SIMPLIFIED else text)
    except UsageError:  # its hint is of a language that is spoken, which may be "auto"
        found = None
    if found is None:
        raise UsageError(f"no language to translate into: {text!r}", hint="name one: en, zh, zh-Hant, ja")
    return found


def _endpoint(values: dict[str, Any]) -> Endpoint | None:
    if not values["api_base"]:
        if values["api_model"]:
            raise UsageError("--api-model names a model of a server", hint="say where it is: --api-base")
        return None
    if values["translate_model_path"]:
        raise UsageError("--api-base and --model-path contradict each other", hint=_ONE)
    if values["translate_engine"].startswith(WORKSHOP):
        raise UsageError(f"--api-base and --engine {WORKSHOP}RUN contradict each other", hint=_ONE)
    address_of(values["api_base"])  # a wrong one is told before any file is read
    return Endpoint(values["api_base"], values["api_model"] or "", values["translate_batch_size"] or 8)


def _terms(values: dict[str, Any]) -> tuple[Term, ...]:
    """Return the glossary: its own file, or the terms that Whisper is told."""
    if values["glossary"]:
        return _glossary(values["glossary"])
    path = values.get("terms")
    return () if path is None else terms.read(path).terms  # Whisper's request warns of it


@cache
def _glossary(path: Path) -> tuple[Term, ...]:
    """Return what a file says, and warn of it, once: the tasks of a batch may share it."""
    found = terms.read(path)
    if found.warning:
        click.echo(f"warning: {found.warning}", err=True)
    return found.terms


def _shape(values: dict[str, Any]) -> Shape | None:
    """Return how the cues should look, where it is said; None for what the language wants."""
    width, lines = values.get("translate_line_width"), values.get("translate_line_count")
    if width is None and lines is None:
        return None
    usual = Shape()
    return Shape(max_width=width or usual.max_width, max_lines=lines or usual.max_lines)
