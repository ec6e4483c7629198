"""The options of the commands that transcribe.

Names and meanings are those users know: openai-whisper's for decoding and output, yt-dlp's for links.
"""

from __future__ import annotations

from pathlib import Path

import click

from cli.console import MODES
from cli.model_options import planning_options
from cli.parameters import FloatRange, Maybe, all_of, section
from cli.telling_options import telling_options

_count = click.IntRange(min=1)
_share = FloatRange(0.0, 1.0)
_seconds = FloatRange(min=0.0)

_source = section("Source")
_decode = section("Decoding")
_speech = section("Speech")
_output = section("Output")
_subtitles = section("Subtitles")
_talk = section("Talk")

source_options = all_of(
    click.argument("sources", nargs=-1, metavar="[SOURCE]..."),
    _source(
        "--url",
        "urls",
        multiple=True,
        metavar="LINK",
        help="A link, a Bilibili BV or av id (?p=N for a part), a file, or - for standard input. Repeatable.",
    ),
    _source(
        "--cookies",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A cookies.txt for sites that want a login. It is read, never written.",
    ),
    _source("--cookies-from-browser", metavar="BROWSER[:PROFILE]", help="Take the cookies of this browser."),
    _source("--proxy", metavar="URL", help='Use this proxy; "" connects directly.'),
    _source(
        "-a",
        "--batch-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A file of sources, one a line.",
    ),
    _source(
        "-r", "--limit-rate", metavar="RATE", help="Download at most this many bytes a second, e.g. 500K."
    ),
    _source(
        "--yes-playlist/--no-playlist",
        default=False,
        help="All items of a list, or only what the link itself names.",
    ),
    _source("-I", "--playlist-items", metavar="ITEMS", help="Which items of a list: 1:5, 3, -1, 1,4:6."),
    _source(
        "-R",
        "--retries",
        type=click.IntRange(min=0),
        default=10,
        show_default=True,
        help="Tries to mend a broken download.",
    ),
    _source("--refresh", is_flag=True, help="Download again what the cache holds."),
    _source("--fresh", is_flag=True, help="Begin anew, whatever an interrupted run of this has heard."),
    _source(
        "--audio-track",
        type=_count,
        metavar="N",
        help="Which sound track of a video. Default: the file's own choice.",
    ),
    _source("--denoise", is_flag=True, help="Reduce steady noise first (needs the ffmpeg program)."),
    _source("--loudnorm", is_flag=True, help="Level the loudness first (needs the ffmpeg program)."),
)

decode_options = all_of(
    planning_options,
    telling_options,
    _decode(
        "--multilingual/--no-multilingual",
        default=False,
        help="Detect the language again after every pause of a second.",
    ),
    _decode("--languages", metavar="LANGS", help="The languages there may be, with commas: zh,en."),
    _decode(
        "--language-detection-segments",
        type=_count,
        default=4,
        show_default=True,
        metavar="N",
        help="Windows of speech, from all over the recording, to hear at most before deciding the language.",
    ),
    _decode(
        "--language-detection-threshold",
        type=Maybe(_share),
        default=0.5,
        show_default=True,
        metavar="P",
        help="Decide as soon as the language is this likely.",
    ),
    _decode(
        "--patience",
        type=Maybe(FloatRange(min=0, min_open=True)),
        default=1.0,
        show_default=True,
        metavar="X",
        help="Beam search patience.",
    ),
    _decode(
        "--length-penalty",
        type=Maybe(click.FLOAT),
        default=1.0,
        show_default=True,
        metavar="X",
        help="Above 1 prefers long texts.",
    ),
    _decode(
        "--repetition-penalty",
        type=FloatRange(min=0, min_open=True),
        default=1.0,
        show_default=True,
        metavar="X",
        help="Above 1 punishes words said before.",
    ),
    _decode(
        "--no-repeat-ngram-size",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="Never say the same N tokens twice in a window.",
    ),
    _decode(
        "--temperature",
        type=Maybe(_share, none=0.0),
        default=0.0,
        show_default=True,
        metavar="T",
        help="Where to begin; 0 is a beam search.",
    ),
    _decode(
        "--temperature-increment-on-fallback",
        type=Maybe(FloatRange(min=0, min_open=True)),
        default=0.2,
        show_default=True,
        metavar="T",
        help="The step when a window fails the thresholds; None never tries again.",
    ),
    _decode(
        "--compression-ratio-threshold",
        type=Maybe(click.FLOAT),
        default=2.4,
        show_default=True,
        metavar="X",
        help="Above it a text repeats itself: try again.",
    ),
    _decode(
        "--logprob-threshold",
        "--log-prob-threshold",
        type=Maybe(click.FLOAT),
        default=-1.0,
        show_default=True,
        metavar="X",
        help="Below it a text is unlikely: try again.",
    ),
    _decode(
        "--no-speech-threshold",
        type=Maybe(_share),
        default=0.6,
        show_default=True,
        metavar="P",
        help="Above it, and with an unlikely text, a window is silence.",
    ),
    _decode(
        "--hallucination-silence-threshold",
        type=Maybe(_seconds),
        metavar="S",
        help="Drop text with nobody speaking for S seconds around it.",
    ),
    _decode(
        "--prompt-reset-on-temperature",
        type=_share,
        default=0.5,
        show_default=True,
        metavar="T",
        help="Forget the text before when a window needed more than this temperature.",
    ),
    _decode(
        "--second-look/--no-second-look",
        default=True,
        show_default=True,
        help="Decode again, in other ways, what is doubtful; keep the better text. Needs --vad-filter.",
    ),
    _decode(
        "--carry-initial-prompt/--no-carry-initial-prompt",
        default=True,
        show_default=True,
        help="Give the prompt to every window, not to the first alone.",
    ),
    _decode(
        "--numbers",
        type=click.Choice(("keep", "digits", "spoken")),
        default="keep",
        show_default=True,
        help="Numbers in Chinese: as Whisper wrote them, 25, or 二十五.",
    ),
    _decode(
        "--suppress-blank/--no-suppress-blank",
        default=True,
        show_default=True,
        help="No blank at the start of a window.",
    ),
    _decode(
        "--suppress-tokens",
        default="-1",
        show_default=True,
        metavar="IDS",
        help="Token ids never to write, with commas; -1 is Whisper's own list of symbols.",
    ),
    _decode("--max-new-tokens", type=Maybe(_count), metavar="N", help="Tokens in a window at most."),
    _decode(
        "--prepend-punctuations",
        default="\"'“¿([{-",
        metavar="CHARS",
        help="Marks that go with the next word.",
    ),
    _decode(
        "--append-punctuations",
        default="\"'.。,，!！?？:：”)]}、",
        metavar="CHARS",
        help="Marks that go with the word before.",
    ),
)

speech_options = all_of(
    _speech(
        "--clip-timestamps",
        default="0",
        show_default=True,
        metavar="TIMES",
        help="Only these parts: 10,20,35 (10 to 20, 35 to the end), or 1:30-2:45, 10:00-.",
    ),
    _speech(
        "--vad-filter/--no-vad-filter",
        default=True,
        show_default=True,
        help="Leave out what nobody speaks in; without it all sound is decoded.",
    ),
    _speech(
        "--vad-threshold",
        "--vad-onset",
        type=_share,
        default=0.5,
        show_default=True,
        metavar="P",
        help="Probability at which speech begins.",
    ),
    _speech(
        "--vad-offset",
        type=Maybe(_share),
        metavar="P",
        help="Probability under which it ends. Default: threshold - 0.15.",
    ),
    _speech(
        "--vad-min-speech-duration-ms",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="MS",
        help="Shorter bursts are no speech.",
    ),
    _speech(
        "--vad-max-speech-duration-s",
        type=FloatRange(5, 30),
        default=28.0,
        show_default=True,
        metavar="S",
        help="Length of a chunk at most.",
    ),
    _speech(
        "--vad-min-silence-duration-ms",
        type=click.IntRange(min=1),
        default=160,
        show_default=True,
        metavar="MS",
        help="A silence this long is a place to cut.",
    ),
    _speech(
        "--vad-speech-pad-ms",
        type=click.IntRange(0, 2000),
        default=400,
        show_default=True,
        metavar="MS",
        help="Sound kept before and after speech.",
    ),
)

explain_option = _talk(
    "--explain", is_flag=True, help="Show every candidate, what it needs, and why it is taken or not."
)

talk_options = all_of(
    _talk(
        "--progress",
        type=click.Choice(MODES),
        default="auto",
        show_default=True,
        help="auto is a bar on a terminal and remarks alone elsewhere; json is for programs.",
    ),
    _talk("-q", "--quiet", is_flag=True, help="Warnings and errors only."),
)

output_options = all_of(
    _output(
        "-o",
        "--output-dir",
        default=".",
        show_default=True,
        metavar="DIR",
        help="Where the files go; source: beside the input; -: one format, to standard output.",
    ),
    _output(
        "-f",
        "--output-format",
        default="txt,srt,json",
        show_default=True,
        metavar="FORMATS",
        help="txt, srt, vtt, json, tsv, lrc, ass, with commas, or all.",
    ),
    _output("--overwrite", is_flag=True, help="Replace files that are there."),
    _output("--skip", is_flag=True, help="Leave out what has all its files already."),
    _output(
        "--report/--no-report", default=True, show_default=True, help="Write NAME.report.json beside them."
    ),
    _output(
        "--min-coverage",
        type=_share,
        default=0.5,
        show_default=True,
        metavar="SHARE",
        help="Exit with 6 when less of the speech has text.",
    ),
    _output(
        "--json", "as_json", is_flag=True, help="Print one JSON object for each source instead of its files."
    ),
    _subtitles(
        "--max-line-width",
        type=Maybe(click.IntRange(8, 200)),
        metavar="N",
        help="Width of a line; a Chinese character counts two. Default: 42.",
    ),
    _subtitles(
        "--max-line-count", type=Maybe(click.IntRange(1, 10)), metavar="N", help="Lines at once. Default: 2."
    ),
    _subtitles(
        "--max-words-per-line",
        "max_words",
        type=Maybe(_count),
        metavar="N",
        help="Words at once. Default: no limit.",
    ),
    _subtitles("--sentence", is_flag=True, help="Begin every sentence in a new cue."),
    _subtitles("--standard", is_flag=True, help="--sentence, two lines of 42."),
    _subtitles("--standard-asia", is_flag=True, help="--sentence, two lines of 16 full-width characters."),
    explain_option,
    talk_options,
)
