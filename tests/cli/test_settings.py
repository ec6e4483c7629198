"""Settings: the file, then the environment, then the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest


@pytest.fixture
def file(environ: Mapping[str, str]) -> Path:
    return Path(environ["BILI2TEXT_CONFIG"])


def shown(program: Callable, **env: str) -> dict[str, dict[str, object]]:
    done = program("config", "show", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_later_wins_and_it_says_where_from(program: Callable, file: Path) -> None:
    assert shown(program)["model"] == {"value": "auto", "from": "default"}
    assert program("config", "set", "model", "tiny").returncode == 0
    assert shown(program)["model"] == {"value": "tiny", "from": str(file)}
    assert shown(program, BILI2TEXT_MODEL="small")["model"] == {"value": "small", "from": "BILI2TEXT_MODEL"}
    done = program("audio", "x.wav", "--model", "nonsense", env={"BILI2TEXT_MODEL": "small"})
    assert "nonsense" in done.stderr


def test_a_setting_is_what_the_command_line_would_be(
    program: Callable, samples: Path, file: Path, tmp_path: Path
) -> None:
    file.write_text('output_format = ["txt", "vtt"]\nbatched = false\nbeam-size = 1\n', encoding="utf-8")
    done = program("audio", str(samples / "en" / "hello_world.wav"), env={"BILI2TEXT_VAD_FILTER": "false"})
    assert done.returncode == 0, done.stderr
    assert "beam 1" in done.stderr
    written = {path.name for path in tmp_path.glob("hello*")}
    assert written == {"hello_world.txt", "hello_world.vtt", "hello_world.report.json"}


def test_set_keeps_every_line_and_remark(program: Callable, file: Path) -> None:
    file.write_text('# mine\n"model" = "tiny"  # small disk\nlanguage = "zh"\n', encoding="utf-8")
    assert program("config", "set", "model", "base").returncode == 0
    assert file.read_text(encoding="utf-8") == '# mine\n"model" = "base"  # small disk\nlanguage = "zh"\n'
    assert program("config", "set", "initial-prompt", 'a\rb\x01"\\').returncode == 0
    assert shown(program)["initial-prompt"]["value"] == 'a\rb\x01"\\'


def test_an_amount_of_memory_is_kept_as_it_was_written(program: Callable, file: Path) -> None:
    card = ("plan", "--json", "--quiet", "--simulate", "RTX 4060, 8 GB, 7.1 free")
    said = json.loads(program(*card, "--reserve", "1").stdout)["room"]
    for amount in ("1", "1GB", "1024 MB"):
        assert program("config", "set", "reserve", amount).returncode == 0
        assert f'reserve = "{amount}"' in file.read_text(encoding="utf-8")
        assert json.loads(program(*card).stdout)["room"] == said


def test_what_was_set_can_be_unset(program: Callable, file: Path) -> None:
    file.write_text('# mine\nmodel = "tiny"\nbeam_size = 1\nfrom-tomorrow = 2\n', encoding="utf-8")
    assert program("config", "unset", "model", "beam-size", "from_tomorrow").returncode == 0
    assert file.read_text(encoding="utf-8") == "# mine\n"
    assert shown(program)["model"] == {"value": "auto", "from": "default"}
    done = program("config", "unset", "model")
    assert done.returncode == 2
    assert "model is not set" in done.stderr


def test_a_setting_of_the_gpu_command_is_no_mistake_for_audio(program: Callable, file: Path) -> None:
    file.write_text('device = "cuda"\n', encoding="utf-8")
    done = program("audio", "missing.wav")
    assert done.returncode == 3
    assert "missing.wav" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "beam-size = 'abc'", "beam-size = 2.7", "beam_size = true", "threads = 1979-05-27", "nonsense = 1",
        "temperature = nan", "[model]\nname = 'x'", "model = ", "task = 'sing'",
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_line_that_names_it(program: Callable, file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    done = program("audio", "x.wav")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert str(file) in done.stderr
    assert text.split()[0].strip("[]").replace("_", "-") in done.stderr or "TOML" in done.stderr


def test_what_cannot_be_a_setting_is_refused(program: Callable, file: Path) -> None:
    for of_one_run in ("url", "retry-failed", "skip", "check", "config", "compare", "voter"):
        assert program("config", "set", of_one_run, "true").returncode == 2
    assert program("config", "set", "beam-size", "many").returncode == 2
    file.write_bytes(b"\xff\xfe")
    assert program("config", "set", "model", "tiny").returncode == 2
    assert file.read_bytes() == b"\xff\xfe"
