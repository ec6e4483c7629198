"""`audio`: the main job on the CPU."""

from __future__ import annotations

from typing import Any

import click

from cli.model_options import hub_option, model_options
from cli.options import decode_options, output_options, source_options, speech_options
from cli.parameters import Command
from cli.settings import with_settings
from cli.transcribing import transcribe
from cli.translation_options import translate_option, translation_options


@click.command("audio", cls=Command)
@with_settings
@source_options
@model_options
@hub_option
@decode_options
@speech_options
@output_options
@translate_option
@translation_options(short=False)
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Write transcript and subtitles of SOURCE on the CPU: slower than a card, and stable.

    \b
    bili2text audio --url https://www.bilibili.com/video/BV1xx411c7mD --model large
    bili2text audio lecture.m4a --language zh --word-timestamps
    """
    transcribe({**values, "device": "cpu"})
