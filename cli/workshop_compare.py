"""`workshop compare`: two translators on one text, blind: `translate --compare`, the language guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.parameters import Command
from cli.settings import written
from cli.translate import command as translate
from cli.words import run_as

# of `translate`'s options, those that mean something to two models on one text
_SHOWN = (
    "translate", "source_language", "reference", "votes", "voter", "page", "translate_models_dir",
    "translate_precision", "translate_batch_size", "translate_beam_size", "threads", "device", "gpu",
    "api_base", "fresh", "overwrite", "as_json", "progress", "quiet",
)  # fmt: skip


def _compare(text: Path, first: str, second: str, **_: Any) -> None:  # noqa: ANN401 - one value for each option
    """Translate TEXT by A and by B, and ask which is better without saying whose is whose.

    A and B are folders of runs or of other translation models, workshop:RUN, or names of models found. Votes
    are kept as they are cast, and counted with those of earlier sessions.

    \b
    bili2text workshop compare talk.srt run-a run-b
    bili2text workshop compare talk.srt workshop:run Qwen3-4B --to zh --reference right.srt
    """
    ctx = click.get_current_context()
    words = [str(text), "--compare", first, second, *_spelled(ctx)]
    if not ctx.params["translate"]:
        words += ["--to", _other_language(text)]
    run_as(ctx, ("translate", *words))
    with translate.make_context("translate", words, parent=ctx) as inner:
        translate.invoke(inner)


command = Command(
    "compare",
    callback=_compare,
    help=_compare.__doc__,
    params=[
        click.Argument(["text"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.Argument(["first"], metavar="A"),
        click.Argument(["second"], metavar="B"),
        *(option for option in translate.params if option.name in _SHOWN),
    ],
)


def _spelled(ctx: click.Context) -> list[str]:
    """Return the options that were written, as words for `translate`."""
    found = []
    for option in written(ctx):
        name = next(one for one in option.opts if one.startswith("--"))
        value = ctx.params[str(option.name)]
        found += [name] if option.is_flag else [name, str(value)]
    return found


def _other_language(text: Path) -> str:
    """Return English for Chinese, and Chinese for everything else."""
    from bili2text.captions.read import read
    from bili2text.translate.guess import language_of
    from bili2text.translate.languages import is_chinese

    captions = read(text)
    return "en" if is_chinese(captions.language or language_of(one.text for one in captions.lines)) else "zh"
