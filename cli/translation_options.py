"""The options of a translation: `translate` and the commands that transcribe spell them nearly alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from bili2text.errors import UsageError
from cli.parameters import Maybe, all_of, section
from cli.settings import written

F = TypeVar("F", bound=Callable[..., Any])
LAYOUTS = ("target-only", "source-only", "target-above", "source-above")
ENGINES = ("auto", "transformers", "ctranslate2")
WORKSHOP = "workshop:"  # before the folder of a run, in the place of an engine or a model
PRECISIONS = (
    "auto", "float32", "float16", "bfloat16", "mixed", "float8", "int8", "int4",
    "int8_float32", "int8_float16", "int8_bfloat16",
)  # fmt: skip

_SECTION = "Translation"
_translation = section(_SECTION)
_folder = click.Path(file_okay=False, path_type=Path)
_count = click.IntRange(min=1)


class EngineType(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.5
    """One of ENGINES, or "workshop:RUN"; gives the text."""

    name = "engine"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Return what stands in --help for the value."""
        return f"[{'|'.join(ENGINES)}|{WORKSHOP}RUN]"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the text; whether there is such a run is seen when it is looked for."""
        text = str(value).strip()
        if text.startswith(WORKSHOP) and text != WORKSHOP:
            return text
        if text.lower() not in ENGINES:
            self.fail(f"{value!r} is not one of {', '.join(ENGINES)}, {WORKSHOP}RUN.", param, ctx)
        return text.lower()


translate_option = _translation(
    "--translate",
    metavar="LANG",
    help="Translate into this language, too: en, zh, zh-Hant, ja, ... Files are called NAME.LANG.srt.",
)


def _named(name: str, *, short: bool) -> tuple[str, ...]:
    long = f"--translate-{name}"
    return (f"--{name}", long) if short else (long,)


def model_options(*, short: bool) -> Callable[[F], F]:
    """Return the options that choose a model; `short` gives each its short name, too."""
    return all_of(
        _translation(
            *_named("models-dir", short=short),
            "translate_models_dir",
            type=_folder,
            metavar="DIR",
            help="A folder that holds a folder for each translation model. Default: in our cache.",
        ),
        _translation(
            *_named("model-path", short=short),
            "translate_model_path",
            type=_folder,
            metavar="DIR",
            help="Translate with the model in this folder and no other.",
        ),
        _translation(
            *_named("engine", short=short),
            "translate_engine",
            type=EngineType(),
            default="auto",
            show_default=True,
            help="Which models to choose among: transformers' folders, or converted ones (models convert); "
            "workshop:RUN is the model of that training (workshop finetune), and no other.",
        ),
        _translation(
            *_named("precision", short=short),
            "translate_precision",
            type=click.Choice(PRECISIONS),
            default="auto",
            show_default=True,
            metavar="TYPE",
            help="What the model computes in. auto: what this card runs fast and right.",
        ),
        _translation(
            *_named("batch-size", short=short),
            "translate_batch_size",
            type=Maybe(_count),
            metavar="N",
            help="Sentences at once. Default: what there is room for.",
        ),
        _translation(
            *_named("beam-size", short=short),
            "translate_beam_size",
            type=Maybe(_count, none=1),
            metavar="N",
            help="Width of the beam search. Default: 1, greedy; 4 is better and slower.",
        ),
    )


def translation_options(*, short: bool) -> Callable[[F], F]:
    """Return the options of a translation; `short` as in `model_options`."""
    return all_of(
        model_options(short=short),
        _translation(
            "--glossary",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="How names and terms are translated, one a line: source = target.",
        ),
        _translation(
            "--context",
            type=click.IntRange(0, 10),
            default=2,
            show_default=True,
            metavar="N",
            help="Sentences before each that the model is told with it.",
        ),
        _translation(
            "--reflect",
            is_flag=True,
            help="Have the model look at each translation once more: twice the time, for models from 4B up.",
        ),
        _translation(
            "--layout",
            type=click.Choice(LAYOUTS),
            default="target-only",
            show_default=True,
            help="What each cue shows: the translation, or both languages.",
        ),
        _translation(
            "--api-base",
            metavar="URL",
            help="Translate on this server instead (Ollama, vLLM, llama.cpp): http://127.0.0.1:11434/v1. Its "
            "key, if any, is read from BILI2TEXT_API_KEY.",
        ),
        _translation("--api-model", metavar="NAME", help="The model's name on that server."),
        _translation(
            "--resident/--no-resident",
            default=True,
            show_default=True,
            help="Use the model that serve-translation keeps loaded, where it runs.",
        ),
        _translation(
            "--retry-failed", is_flag=True, help="Ask once more for the lines marked for review before."
        ),
    )


def refuse_alone(values: dict[str, Any]) -> None:
    """Raise UsageError for an option of the translation where none is asked for."""
    if values["translate"]:
        return
    options = click.get_current_context().command.params
    own = [str(one.name) for one in options if getattr(one, "section", "") == _SECTION]
    refuse(own, "without --translate", hint="add --translate LANG, or leave it out")


def refuse(names: Iterable[str], where: str, *, hint: str) -> None:
    """Raise UsageError for what the user gave of these parameters, which say nothing `where`.

    What a setting says of them is not meant for this run alone, and passes.
    """
    ctx, wanted = click.get_current_context(), set(names)
    given = [
        _spelled(option, ctx.params[str(option.name)]) for option in written(ctx) if option.name in wanted
    ]
    if given:
        raise UsageError(f"{', '.join(given)} {'say' if given[1:] else 'says'} nothing {where}", hint=hint)


def _spelled(option: click.Option, value: object) -> str:
    spellings = option.secondary_opts if value is False and option.secondary_opts else option.opts
    return next(one for one in spellings if one.startswith("--"))
