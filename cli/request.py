"""From the values of the options to the one typed Request. The heavy value types are imported only here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bili2text import terms
from bili2text.audio import clips
from bili2text.audio.chunks import CutRules
from bili2text.chinese.example import EXAMPLES, example
from bili2text.chinese.normalise import ChineseRules
from bili2text.errors import UsageError
from bili2text.gpu.account import Watching
from bili2text.plan.values import Wishes
from bili2text.request import ModelPlace, Output, Request
from bili2text.source.media import LinkOptions
from bili2text.subtitles.shape import STANDARD, STANDARD_ASIA, Shape
from bili2text.terms import Term
from bili2text.transcribe.engine import DecodeOptions
from bili2text.transcribe.language import LanguageRules
from bili2text.transcribe.language_names import code
from bili2text.transcribe.run import Listening
from cli.wishes import wishes
from cli.words import spelled_out


def request(values: dict[str, Any], sources: tuple[str, ...]) -> Request:
    """Return the typed request for the sources.

    Raises UsageError when options contradict each other.
    """
    _refuse_one_batch(values)
    if values["overwrite"] and values["skip"]:
        raise UsageError("--overwrite and --skip contradict each other", hint="use one of them")
    return Request(
        sources=sources,
        link=_link(values),
        models=ModelPlace(values["model_dir"], values["hub"], values["offline"], values["proxy"]),
        wishes=wishes(values),
        listening=_listening(values),
        rules=_rules(values),
        shape=_shape(values),
        output=Output(
            values["output_dir"],
            values["output_format"],
            values["overwrite"],
            values["skip"],
            values["report"],
        ),
        filters=tuple(name for name in ("denoise", "loudnorm") if values[name]),
        track=values["audio_track"],
        watching=Watching(values.get("enable_monitoring", False), values.get("min_free_memory", 0)),
        explain=values["explain"],
        chinese=ChineseRules(values["zh_script"], values["numbers"]),
        fresh=values["fresh"],
        command=spelled_out(tuple(sys.argv[1:]), click.get_current_context(silent=True)),
        clips=clips.parse(values["clip_timestamps"]),
        terms=_terms(values["terms"]),
        seed_terms=values["seed_terms"],
    )


def _link(values: dict[str, Any]) -> LinkOptions:
    names = ("cookies", "cookies_from_browser", "proxy", "limit_rate", "playlist_items", "refresh", "retries")
    given = {name: values[name] for name in names}
    if values["yes_playlist"] and not given["playlist_items"]:
        given["playlist_items"] = "1:"
    return LinkOptions(**given)


def _refuse_one_batch(values: dict[str, Any]) -> None:
    if values["condition_on_previous_text"] and values["batched"]:
        raise UsageError(
            "windows of one batch cannot know each other's text",
            hint="add --no-batched, or leave out --condition-on-previous-text",
        )


def planned(values: dict[str, Any]) -> Wishes:
    """Return what a run with these values wishes of its plan: with what its decoder is told beforehand.

    Raises UsageError for a device or a model there is not, and for options that contradict each other.
    """
    _refuse_one_batch(values)
    same = ("condition_on_previous_text", "hotwords", "prefix")
    telling = DecodeOptions(**{name: values[name] for name in same}, initial_prompt=_initial_prompt(values))
    listening = Listening(telling, code(values["language"]), marks=_marks(values))
    run = Request((), listening=listening, terms=_terms(values["terms"]), seed_terms=values["seed_terms"])
    return replace(wishes(values), told=run.told, marks=listening.sets_marks)


def _terms(path: Path | None) -> tuple[Term, ...]:
    if path is None:
        return ()
    found = terms.read(path)
    if found.warning:
        click.echo(f"warning: {found.warning}", err=True)
    return found.terms


def _listening(values: dict[str, Any]) -> Listening:
    threshold = values["language_detection_threshold"]
    language, among = code(values["language"]), _languages(values)
    _refuse_two_languages(language, among, multilingual=values["multilingual"])
    return Listening(
        options=_decoding(values),
        language=language,
        multilingual=values["multilingual"],
        detection=LanguageRules(
            values["language_detection_segments"], 1.0 if threshold is None else threshold, among
        ),
        sequential=not values["batched"],
        # without the detector nobody knows where text is missing, or where there should be none
        second_look=values["second_look"] and values["vad_filter"],
        marks=_marks(values),
    )


def _refuse_two_languages(language: str | None, among: tuple[str, ...], *, multilingual: bool) -> None:
    if language is None:
        return
    if among and language not in among:
        raise UsageError(
            f"--language {language} is none of --languages {','.join(among)}",
            hint="leave one of them out; --language auto is as if left out",
        )
    if multilingual:
        raise UsageError(
            f"--language {language} says which one it is, --multilingual detects it for every chunk",
            hint="leave one of them out, or give --languages with --multilingual",
        )


def _languages(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the languages there may be. Raises UsageError for one there is not."""
    named = (code(name.strip()) for name in (values["languages"] or "").split(",") if name.strip())
    return tuple(dict.fromkeys(name for name in named if name))


def _marks(values: dict[str, Any]) -> dict[str, str]:
    """Return, for each language whose marks are to be set, a text that has some."""
    if not values["zh_marks"] or values["task"] == "translate":
        return {}
    return {name: example(name, values["zh_script"]) for name in EXAMPLES}


def _decoding(values: dict[str, Any]) -> DecodeOptions:
    same = (
        "task", "repetition_penalty", "no_repeat_ngram_size", "compression_ratio_threshold",
        "no_speech_threshold",
        "hallucination_silence_threshold", "condition_on_previous_text", "prompt_reset_on_temperature",
        "carry_initial_prompt", "prefix", "hotwords", "suppress_blank", "max_new_tokens", "word_timestamps",
        "prepend_punctuations", "append_punctuations",
    )  # fmt: skip
    return DecodeOptions(
        **{name: values[name] for name in same},
        patience=values["patience"] or 1.0,
        length_penalty=1.0 if values["length_penalty"] is None else values["length_penalty"],
        log_prob_threshold=values["logprob_threshold"],
        initial_prompt=_initial_prompt(values),
        temperatures=_temperatures(values["temperature"], values["temperature_increment_on_fallback"]),
        suppress_tokens=_token_ids(values["suppress_tokens"]),
    )


def _initial_prompt(values: dict[str, Any]) -> str | None:
    if values["prompt_file"] is None:
        prompt: str | None = values["initial_prompt"]
        return prompt
    return str(values["prompt_file"].read_text(encoding="utf-8", errors="replace"))


def _temperatures(first: float, step: float | None) -> tuple[float, ...]:
    """Return the temperatures to try, openai-whisper's way: from the first in steps up to 1."""
    if step is None:
        return (first,)
    count = int((1.0 - first) / step + 1e-6)
    return tuple(round(first + step * index, 6) for index in range(count + 1))


def _token_ids(text: str) -> tuple[int, ...]:

    if text.strip().lower() == "none":
        return ()
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"not token ids: {text!r}", hint="write numbers with commas, or -1") from error


def _rules(values: dict[str, Any]) -> CutRules:
    threshold = values["vad_threshold"]
    release = values["vad_offset"]
    return CutRules(
        threshold=threshold,
        release=max(0.01, threshold - 0.15) if release is None else release,
        min_speech=values["vad_min_speech_duration_ms"] / 1000,
        min_silence=values["vad_min_silence_duration_ms"] / 1000,
        padding=values["vad_speech_pad_ms"] / 1000,
        max_chunk=values["vad_max_speech_duration_s"],
        everything=not values["vad_filter"],
    )


def _shape(values: dict[str, Any]) -> Shape:

    shape = STANDARD_ASIA if values["standard_asia"] else STANDARD if values["standard"] else Shape()
    given = {
        "max_width": values["max_line_width"],
        "max_lines": values["max_line_count"],
        "max_words": values["max_words"],
        "sentence": values["sentence"] or None,
    }
    return replace(shape, **{name: value for name, value in given.items() if value is not None})
