"""The command group. Commands are imported when they are called, so that --help answers at once."""

from __future__ import annotations

import os
import signal
import sys
import traceback

import click

from bili2text import __version__
from bili2text.errors import Bili2TextError
from bili2text.files import clean_text
from cli.lazy import LazyGroup

# name -> (module, one line for the list of commands); each module has a click command called `command`
COMMANDS = {
    "gpu-transcribe": (
        "cli.gpu_transcribe",
        "Transcript and subtitles of a link or file, on the GPU you have.",
    ),
    "audio": ("cli.audio", "The same on the CPU: slower, and never short of VRAM."),
    "batch": ("cli.batch", "Lists of links, files and folders, in a run that goes on where it ended."),
    "translate": ("cli.translate", "Subtitles and transcripts into another language, by a local model."),
    "serve-translation": ("cli.serve_translation", "Keeps the translation model loaded for those who ask."),
    "plan": ("cli.plan", "What would run here now, or on a card you do not have, and why."),
    "gpu-optimize": ("cli.gpu_optimize", "What is here, does it work, what fits, and what would give more."),
    "jobs": ("cli.jobs", "What was begun and not finished: list, resume, clean."),
    "models": ("cli.models", "The Whisper models: list, download, path, verify."),
    "workshop": ("cli.workshop", "Train, distil, measure and export small zh<->en translators."),
    "config": ("cli.config", "The settings: show, set, unset, path."),
}
_DEBUG = "BILI2TEXT_DEBUG"


@click.group(
    cls=LazyGroup, commands_by_name=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, "-V", "--version", prog_name="bili2text")
def cli() -> None:
    """From a link or a file to a transcript, subtitles and a translation, on the GPU you have, or none.

    \b
    bili2text gpu-transcribe --url BV1xx411c7mD
    bili2text gpu-transcribe talk.mp4 -o subtitles -f srt,txt
    bili2text audio --url https://example.org/talk --model small
    """


def main() -> None:
    """Run the command line; the process ends with the exit code of what happened."""
    run(cli)


class _Terminated(KeyboardInterrupt):
    """Somebody asked the process to end; it cleans up as for Ctrl-C."""


def _terminate(*_: object) -> None:
    raise _Terminated


def run(command: click.Command) -> None:
    """Run a command and end the process: 0, or the error's exit code with one line on what and what to do."""
    for stream in (sys.stdout, sys.stderr):
        # a Chinese Windows terminal, or LANG=C, cannot show every title: a "?" is better than a crash
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = command.main(standalone_mode=False)
    except Bili2TextError as error:
        _say(f"error: {error.message}", error.hint)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        _say("stopped", _goes_on(tuple(sys.argv[1:])))
        code = 143 if isinstance(stop.__cause__ or stop, _Terminated) else 130
    except BrokenPipeError:
        # `| head` closed our output: nothing is wrong; the null device keeps the last flush quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user gets a sentence, not a stack
        if os.environ.get(_DEBUG):
            traceback.print_exc()
        _say(
            f"error: {type(error).__name__}: {error}",
            f"this is our mistake; {_DEBUG}=1 shows where, please report it",
        )
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _goes_on(words: tuple[str, ...]) -> str:
    from cli.rerun import going_on

    if words[:1] == ("workshop",):
        from cli.workshop import GO_ON

        return GO_ON.get("".join(words[1:2]), "")
    anew = ", without --fresh" if going_on(words) != words else ""
    return f"run the same command again{anew}: it goes on where it was"


def _say(what: str, to_do: str) -> None:
    click.echo(clean_text(what), err=True)
    if to_do:
        click.echo(f"  {clean_text(to_do)}", err=True)


if __name__ == "__main__":
    main()
