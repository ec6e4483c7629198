"""`gpu-transcribe`: the main job."""

from __future__ import annotations

from typing import Any

import click

from cli.model_options import (
    card_options,
    cpu_fallback_option,
    device_options,
    hub_option,
    model_options,
    running_options,
)
from cli.options import decode_options, output_options, source_options, speech_options
from cli.parameters import Command
from cli.settings import with_settings
from cli.transcribing import transcribe
from cli.translation_options import translate_option, translation_options


@click.command("gpu-transcribe", cls=Command)
@with_settings
@source_options
@model_options
@hub_option
@device_options
@cpu_fallback_option
@card_options
@running_options
@decode_options
@speech_options
@output_options
@translate_option
@translation_options(short=False)
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Write transcript and subtitles of SOURCE: a link, a Bilibili id, or a file.

    Chooses the best model that the free VRAM has room for, and says why (--explain: in full); without a
    card it runs on the CPU. The files written are printed, one a line.

    \b
    bili2text gpu-transcribe --url https://www.bilibili.com/video/BV1xx411c7mD
    bili2text gpu-transcribe --url BV1xx411c7mD?p=2 --model medium --compute-type float16
    bili2text gpu-transcribe talk.mp4 -f srt,vtt -o subtitles --language zh
    cat talk.mp3 | bili2text gpu-transcribe - -f txt -o -
    """
    transcribe(values)
