"""The options that tell the decoder something before each window: what it is told takes memory."""

from __future__ import annotations

from pathlib import Path

import click

from cli.parameters import all_of, section

_decode = section("Decoding")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)

telling_options = all_of(
    _decode(
        "--condition-on-previous-text/--no-condition-on-previous-text",
        default=False,
        show_default=True,
        help="Tell each window the text before it; needs --no-batched, and may run into loops.",
    ),
    _decode("--initial-prompt", metavar="TEXT", help="Text as if said before: names, spelling, punctuation."),
    _decode("--prompt-file", type=_file, metavar="FILE", help="Read the initial prompt from a file."),
    _decode("--prefix", metavar="TEXT", help="How the first window begins."),
    _decode("--hotwords", metavar="TEXT", help="Words to expect, told to every window."),
    _decode(
        "--terms",
        type=_file,
        metavar="FILE",
        help="Names and terms to expect, one a line: term, or term = translation.",
    ),
    _decode(
        "--seed-terms/--no-seed-terms",
        default=False,
        show_default=True,
        help="More of them from the title, the uploader and the tags.",
    ),
    _decode(
        "--zh",
        "zh_script",
        type=click.Choice(("auto", "simplified", "traditional", "keep")),
        default="auto",
        show_default=True,
        help="How Chinese is written. auto: Mandarin simplified, Cantonese as Whisper wrote it.",
    ),
    _decode(
        "--zh-marks/--no-zh-marks",
        default=True,
        show_default=True,
        help="Set the marks that Whisper leaves out of Chinese, where it thinks them likely.",
    ),
)
