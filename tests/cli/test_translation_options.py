"""Options of a translation that mean nothing, or contradict each other, are told, and not passed over."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from words_model import running

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ZH = ("今天天气很好。", "我们去公园散步。", "他说他不来了，因为太忙。")
SRT = "".join(
    f"{n + 1}\n00:00:{3 * n:02},000 --> 00:00:{3 * n + 2:02},000\n{text}\n\n" for n, text in enumerate(ZH)
)
COMPARED = ("talk.srt", "-t", "en", "--compare", "words", "other")


@pytest.fixture
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.mark.parametrize("command", ["gpu-transcribe", "audio"])
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--layout", "source-above"), "--layout says nothing"),
        (("--no-resident",), "--no-resident says nothing"),
        (("--reflect", "--api-base", "http://127.0.0.1:9/v1"), "--reflect, --api-base say nothing"),
        (("--translate-model-path", "gone"), "--translate-model-path says nothing"),
    ],
)
def test_what_is_said_of_a_translation_needs_one(
    program: Run, command: str, words: tuple[str, ...], named: str
) -> None:
    done = program(command, "a.wav", *words)
    assert done.returncode == 2, done.stderr
    assert f"{named} without --translate" in done.stderr.replace("\n", " ")


def test_a_setting_of_the_translation_is_no_word_of_this_run(program: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('layout = "source-above"\n', encoding="utf-8")
    for words in (
        (),
        ("--no-settings", "--stored=layout", "--layout=source-above"),
    ):  # as a stored command spells it out
        done = program("audio", "gone.wav", *words)
        assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("words", [("--settings",), ("--no-settings",)])
def test_a_word_of_settings_lets_no_option_pass(program: Run, words: tuple[str, ...]) -> None:
    done = program("audio", "gone.wav", *words, "--layout", "source-above")
    assert done.returncode == 2, done.stderr
    assert "--layout says nothing" in done.stderr


def test_with_a_server_settings_of_the_device_are_passed_over_and_words_refused(
    program: Run, server: str, tmp_path: Path
) -> None:
    (tmp_path / "talk.srt").write_text(SRT, encoding="utf-8")
    words = ("translate", "talk.srt", "--to", "en", "--api-base", f"{server}/v1", "--fresh", "--overwrite")
    set_so = {"BILI2TEXT_THREADS": "1", "BILI2TEXT_DEVICE": "cpu"}
    done = program(*words, env=set_so)
    assert done.returncode == 0, done.stderr
    # as it is resumed
    stored = ("--no-settings", "--stored=threads,device", "--threads=1", "--device=cpu")
    assert program("translate", *stored, *words[1:]).returncode == 0
    refused = program(*words, "--threads", "2", env=set_so)
    assert refused.returncode == 2
    assert "--threads means nothing to it" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--check", "-f", "srt", "--skip"), "--output-format, --skip say nothing with --check"),
        (("--check", "--retry-failed"), "--retry-failed says nothing with --check"),
        (("--check", "--config", "c.json"), "--check and --config exclude each other"),
        (("--config", "c.json", "--compare", "A", "B"), "--config and --compare exclude each other"),
        (("--check", "--compare", "A", "B"), "--check and --compare exclude each other"),
        (("talk.srt", "-t", "en", "--reference", "c.json"), "--reference says nothing without --compare"),
        (
            ("talk.srt", "-t", "en", "--votes", "c.json", "--voter", "Ann", "--page", "p.html"),
            "--votes, --voter, --page say nothing without --compare",
        ),
        ((*COMPARED, "-o", "out"), "--output-dir says nothing with --compare"),
        ((*COMPARED, "-f", "srt", "--skip"), "--output-format, --skip say nothing with --compare"),
        ((*COMPARED, "--layout", "source-only"), "--layout says nothing with --compare"),
        ((*COMPARED, "--max-line-width", "30"), "--max-line-width says nothing with --compare"),
        ((*COMPARED, "--model-path", "."), "--model-path says nothing with --compare"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    program: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "c.json").write_text("{}", encoding="utf-8")
    (tmp_path / "talk.srt").write_text(SRT, encoding="utf-8")
    done = program("translate", *words)
    assert done.returncode == 2, done.stderr
    assert f"error: {said}" in done.stderr


def test_a_page_and_a_voter_of_ones_own(program: Run, server: str, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(SRT, encoding="utf-8")
    words = ("translate", *COMPARED, "--api-base", f"{server}/v1", "--page", "blind.html", "--json")
    done = program(*words, "--voter", "Ann")
    assert done.returncode == 0, done.stderr
    assert "<html" in (tmp_path / "blind.html").read_text(encoding="utf-8")[:200].lower()
    again = program(*words)
    assert again.returncode == 5, again.stderr  # a page of the user's own is not replaced
    assert program(*words, "--overwrite").returncode == 0


@pytest.mark.parametrize("language", ["xx", "auto", "Klingon"])
def test_a_language_there_is_not_is_told_without_a_word_of_auto(
    program: Run, tmp_path: Path, language: str
) -> None:
    (tmp_path / "talk.srt").write_text(SRT, encoding="utf-8")
    done = program("translate", "talk.srt", "--to", language)
    assert done.returncode == 2, done.stderr
    assert (
        done.stderr
        == f"error: no language to translate into: {language!r}\n  name one: en, zh, zh-Hant, ja\n"
    )


@pytest.mark.parametrize("words", [(), ("--compare", "A", "B")])
def test_a_wrong_address_is_told_before_a_file_is_read(program: Run, words: tuple[str, ...]) -> None:
    done = program("translate", "gone.srt", "-t", "en", "--api-base", "ftp://127.0.0.1", *words)
    assert done.returncode == 2, done.stderr
    assert "--api-base" in done.stderr
    assert "gone.srt" not in done.stderr


def test_a_wrong_format_is_told_once_and_before_anything_is_begun(program: Run, tmp_path: Path) -> None:
    for name in ("a.srt", "b.srt"):
        (tmp_path / name).write_text(SRT, encoding="utf-8")
    # nobody answers at this address, and nobody is asked
    done = program(
        "translate", "a.srt", "b.srt", "-t", "en", "-f", "docx", "--api-base", "http://127.0.0.1:9/v1"
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("docx") == 1
    assert "127.0.0.1" not in done.stderr


@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_is_not_there_is_told_once_whatever_else_is_missing(
    program: Run, server: str, tmp_path: Path, there: bool
) -> None:
    (tmp_path / "models").mkdir()
    words = ("--api-base", f"{server}/v1") if there else ("--models-dir", "models")
    done = program("translate", "gone.srt", "-t", "en", *words)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("gone.srt") == 1


@pytest.mark.usefixtures("base_folder")
def test_speech_in_the_target_language_is_printed_as_it_is(program: Run, server: str, samples: Path) -> None:
    words = ("-o", "-", "-f", "srt", "--translate", "en", "--api-base", f"{server}/zh/v1")
    done = program("audio", str(samples / "en" / "quick_brown_fox.wav"), *words)
    assert done.returncode == 0, done.stderr
    assert "fox" in done.stdout
    assert done.stdout.count("-->") >= 1


@pytest.mark.usefixtures("base_folder")
def test_of_two_recordings_each_is_printed_once_in_its_order(
    program: Run, server: str, samples: Path
) -> None:
    """The English one as it is, the Chinese one translated."""
    chinese = next((samples / "zh").glob("*.wav"))
    english = samples / "en" / "quick_brown_fox.wav"
    words = ("-o", "-", "-f", "txt", "--translate", "en", "--api-base", f"{server}/v1")
    done = program("audio", str(chinese), str(english), *words)
    assert done.returncode in (0, 6), done.stderr
    assert done.stdout.lower().count("fox") == 1
    assert "fox" in done.stdout.lower().splitlines()[-1]
