"""`translate`: subtitles and transcripts into another language, by a local model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import Incomplete, UsageError
from bili2text.files import clean_text
from cli.console import console
from cli.model_options import card_options, cpu_fallback_option, device_options
from cli.options import talk_options
from cli.parameters import Command, Maybe, section
from cli.settings import with_settings
from cli.translation_compare import check_options
from cli.translation_options import translation_options

if TYPE_CHECKING:
    from bili2text.translation_request import Translated, TranslationRequest

_what = section("What")
_output = section("Output")
_model = section("Model")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("translate", cls=Command)
@with_settings
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@_what(
    "-t",
    "--to",
    "--translate",
    "translate",
    metavar="LANG",
    help="Into this language: en, zh, zh-Hant, ja, ...",
)
@_what(
    "--from", "source_language", metavar="LANG", help="Out of this one. Default: as the file says, or looks."
)
@_what("--check", is_flag=True, help="Show the card, the models found, what fits and what would be taken.")
@_what(
    "--config",
    type=_file,
    metavar="FILE",
    help='Translate what a JSON file lists: {"tasks": [...], "model_path": "...", "num_processes": 1}.',
)
@_what(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Two models, blind and side by side, on one FILE: folders, names found, workshop:RUN, --api-base's.",
)
@_what("--reference", type=_file, metavar="FILE", help="For --compare: a right translation, line by line.")
@_what("--votes", type=_file, metavar="FILE", help="For --compare: votes that its page has saved.")
@_what("--voter", metavar="NAME", help="For --compare: whose votes these are, where several people vote.")
@_what(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="For --compare: where its page goes. Default: beside the votes, in the cache.",
)
@translation_options(short=True)
@_model("--threads", type=Maybe(click.IntRange(min=0)), metavar="N", help="CPU threads. Default: every core.")
@device_options
@cpu_fallback_option
@card_options
@_output(
    "-o",
    "--output-dir",
    default="source",
    show_default=True,
    metavar="DIR",
    help="Where the files go; source: beside the input; -: one format, to standard output.",
)
@_output(
    "-f",
    "--output-format",
    default="same",
    show_default=True,
    metavar="FORMATS",
    help="txt, srt, vtt, json, tsv, lrc, ass, with commas, or all; same: as the input; of JSON txt,srt,json.",
)
@_output(
    "--max-line-width",
    "translate_line_width",
    type=Maybe(click.IntRange(8, 200)),
    metavar="N",
    help="Width of a line; a Chinese character counts two. Default: 42, of Chinese 32.",
)
@_output(
    "--max-line-count",
    "translate_line_count",
    type=Maybe(click.IntRange(1, 10)),
    metavar="N",
    help="Lines at once. Default: 2.",
)
@_output("--overwrite", is_flag=True, help="Replace files that are there.")
@_output("--skip", is_flag=True, help="Leave out what has all its files already.")
@_output("--fresh", is_flag=True, help="Begin anew, whatever an interrupted run of this has translated.")
@_output("--json", "as_json", is_flag=True, help="Print one JSON object for each file instead of its files.")
@talk_options
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Translate FILE by a local model: our JSON, SRT, VTT, ASS, LRC, TSV or TXT; timing and order stay.

    The model is the best of those on this disk that fits the free memory of the card. Files are called
    NAME.LANG.srt. A run that is interrupted goes on where it was.

    \b
    bili2text translate talk.srt --to zh
    bili2text translate talk.json --to en --layout source-above -f srt,ass
    bili2text translate *.srt --to zh --api-base http://127.0.0.1:11434/v1 --api-model qwen3:4b
    bili2text translate --check
    """
    _refuse_contradictions(values)
    if values["check"]:
        from cli.translation_check import check

        check(values)
    elif values["config"]:
        from cli.translation_batch import batch

        batch(values)
    elif values["compare"]:
        from cli.translation_compare import compare

        compare(values)
    else:
        _translate(values)


def _refuse_contradictions(values: dict[str, Any]) -> None:
    asked = [f"--{name}" for name in ("check", "config", "compare") if values[name]]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other", hint="use one of them")
    check_options(values)


def _translate(values: dict[str, Any]) -> None:
    from bili2text.settings import environment
    from bili2text.translating import Translating
    from bili2text.translation_tasks import check_input

    if not values["files"]:
        raise UsageError("no file was given", hint="name a subtitle file, as in: translate talk.srt --to zh")
    request = wanted(values)
    if len(values["files"]) == 1:  # of several, one that is not there stops no other
        check_input(values["files"][0])
    progress = console(values["progress"], quiet=values["quiet"])
    translating = Translating(request, progress, environment())
    if translating.takes_a_model([(path, request) for path in values["files"]]):
        translating.check()
    outcomes = []
    try:
        for path in values["files"]:
            outcome = translating.file(path)
            report(outcome, as_json=values["as_json"], alone=len(values["files"]) == 1)
            outcomes.append(outcome)
    finally:
        translating.close()
    end(outcomes)


def wanted(values: dict[str, Any]) -> TranslationRequest:
    """Return the request of these values. Raises UsageError for what contradicts itself or is not there."""
    from bili2text.captions.save import kinds_of
    from bili2text.translation_request import SAME, TranslationOutput
    from cli.translation_request import translation_request

    if not values["translate"]:
        raise UsageError("no language was given to translate into", hint="add --to en, or another")
    if values["overwrite"] and values["skip"]:
        raise UsageError("--overwrite and --skip contradict each other", hint="use one of them")
    if values["output_dir"] == "-" and (values["as_json"] or len(values["files"]) > 1):
        raise UsageError("standard output takes one translation", hint="name one file, or a folder with -o")
    if values["output_format"].strip().lower() != SAME:
        kinds_of(values["output_format"])
    output = TranslationOutput(
        values["output_dir"], values["output_format"], values["overwrite"], values["skip"]
    )
    return translation_request(values, output)


def report(outcome: Translated, *, as_json: bool, alone: bool = False) -> None:
    """Print what came of one translation: its files, a line each, or one JSON object.

    The error of one that is `alone` is left to `end`.
    """
    from bili2text.translation_request import Translation
    from cli.transcribing import write

    if as_json:
        write(json.dumps(_summary(outcome), ensure_ascii=False) + "\n")
    elif isinstance(outcome, Translation) and not outcome.paths:
        write(outcome.text)
    else:
        write("".join(f"{path}\n" for path in outcome.paths))
    if not alone:
        complain(outcome)


def complain(outcome: Translated) -> None:
    """Print the error of a translation, where it has one."""
    from bili2text.translation_request import Untranslated

    if isinstance(outcome, Untranslated) and outcome.why is not None:
        hint = f" ({outcome.why.hint})" if outcome.why.hint else ""
        click.echo(clean_text(f"error: {outcome.name}: {outcome.why.message}{hint}"), err=True)


def end(outcomes: list[Translated]) -> None:
    """Raise what the exit code has to say: the only error, or Incomplete where something is missing."""
    from bili2text.translation_request import Translation, Untranslated

    failed = [one.why for one in outcomes if isinstance(one, Untranslated) and one.why is not None]
    if len(failed) == len(outcomes) == 1:
        raise failed[0]
    if failed:
        said = f"{len(failed)} of {len(outcomes)} could not be translated"
        kind = type(failed[0]) if len(failed) == len(outcomes) else Incomplete
        raise kind(said, hint="the lines above say why")
    missing = sum(one.missing for one in outcomes if isinstance(one, Translation))
    if missing:
        raise Incomplete(
            f"{missing} sentences have no translation",
            hint="the result marks them; --retry-failed asks once more, a larger model may do better",
        )


def _summary(outcome: Translated) -> dict[str, Any]:
    from bili2text.translation_request import Translation

    found: dict[str, Any] = {"name": outcome.name, "files": [str(path) for path in outcome.paths]}
    if isinstance(outcome, Translation):
        names = ("source", "target", "lines", "sentences", "review", "missing", "resumed")
        told = {name: getattr(outcome, name) for name in names}
        return {
            **found,
            **told,
            "repaired": dict(outcome.repaired),
            "seconds": round(outcome.seconds, 2),
            **outcome.details,
        }
    if outcome.why is None:
        return {**found, "skipped": True}
    return {**found, "error": outcome.why.message, "exit_code": outcome.why.exit_code}
