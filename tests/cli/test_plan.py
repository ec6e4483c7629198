"""`bili2text plan`, as a user runs it: on this computer, and for cards that are not here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

CARD = "RTX 4060, 8 GB, 7.1 free"


@pytest.fixture
def plan(program: Callable) -> Callable[..., dict[str, Any]]:
    """Return a function that gives the plan as the program writes it for other programs."""

    def ask(*words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        done = program("plan", "--json", "--quiet", *words, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return ask


def test_it_says_what_would_run_here_without_a_download(
    program: Callable, plan: Callable, environ: Mapping[str, str]
) -> None:
    done = program("plan", "--device", "cpu", "--offline")
    assert done.returncode == 0, done.stderr
    assert "on CPU, " in done.stdout.splitlines()[0]
    assert "not on this disk" in done.stdout
    found = plan("--device", "cpu", "--offline")
    assert (found["device"], found["on_disk"], found["gpu"]) == ("cpu", True, "")
    assert not list(Path(environ["BILI2TEXT_CACHE_DIR"]).rglob("*large*"))


def test_a_card_that_is_not_here_is_planned_for(program: Callable, plan: Callable) -> None:
    found = plan("--simulate", CARD)
    assert (found["model"], found["compute_type"], found["device"]) == ("large-v3", "float16", "cuda")
    assert found["need_mib"] <= found["room"]["mib"] < 7270 == found["room"]["free_mib"]
    shown = program("plan", "--simulate", CARD).stdout
    assert shown.startswith("large-v3, float16, batch ")
    assert "7270 free - 436 margin = 6834 MiB" in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--policy", "guide"), ("medium", "float16")),
        (("--policy", "guide", "--prefer", "speed"), ("small", "float16")),
        (("--prefer", "speed"), ("large-v3-turbo", "float16")),
        (("--max-model", "medium", "--use-int8"), ("medium", "int8_float16")),
        (("--compute-type", "int8", "--model", "large"), ("large", "int8_float16")),
        (("--no-fp16", "--model", "small"), ("small", "float32")),
        (("--task", "translate", "--max-model", "turbo"), ("large-v2", "float16")),
        (("--precision-policy", "chosen", "--fp16-models", "small", "--model", "base"), ("base", "float32")),
    ],
)
def test_every_wish_acts_on_the_plan(
    plan: Callable, words: tuple[str, ...], expected: tuple[str, str]
) -> None:
    found = plan("--simulate", CARD, *words)
    assert (found["model"], found["compute_type"]) == expected


def test_a_budget_a_reserve_and_the_sizes_act_on_the_plan(plan: Callable) -> None:
    assert plan("--simulate", CARD, "--vram-budget", "2.5")["need_mib"] <= 2560
    assert plan("--simulate", CARD, "--reserve", "4GB")["room"]["mib"] == 7270 - 436 - 4096
    found = plan(
        "--simulate", CARD, "--batch-size", "2", "--beam-size", "3", "--best-of", "None", "--word-timestamps"
    )
    assert (found["batch_size"], found["beam_size"], found["best_of"]) == (2, 3, 1)
    assert found["word_timestamps"] is True


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--simulate", "RTX 9999"), 2, "no card is known by this name"),
        (("--simulate", "RTX 4060, 8 GB, 9 free"), 2, "cannot have"),
        (("--simulate", "cc 7.5"), 2, "no card is known"),
        (("--simulate", CARD, "--model", "huge"), 2, "no model is called 'huge'"),
        (("--simulate", CARD, "--model", "./nothing-here"), 4, "no such model folder"),
        (
            ("--simulate", CARD, "--min-model", "large", "--max-model", "tiny"),
            2,
            "leave no model between them",
        ),
        (("--simulate", CARD, "--min-model", "huge"), 2, "--min-model: no model is called 'huge'"),
        (("--simulate", CARD, "--model", "turbo", "--task", "translate"), 2, "not trained to translate"),
        (("--simulate", CARD, "--model", "small.en", "--language", "zh"), 2, "knows English alone"),
        (("--simulate", CARD, "--gpu", "GPU-nowhere"), 2, "no cards begin with"),
        (("--simulate", CARD, "--device", "cuda:7"), 2, "there is no card cuda:7"),
        (("--simulate", CARD, "--gpu", "GPU-s", "--device", "cpu"), 2, "the CPU"),
        (("--device", "cuda:0", "--device-index", "1"), 2, "contradict each other"),
        (("--device", "cpu", "--device-index", "1"), 2, "contradict each other"),
        (("--condition-on-previous-text",), 2, "windows of one batch"),
        (("--simulate", "RTX 4060, 0.3 free", "--no-cpu-fallback"), 5, "nothing fits on the card"),
        (("--simulate", "GTX 980", "--no-cpu-fallback"), 4, "too old"),
        (("--simulate", CARD, "--vram-budget", "much"), 2, "no amount of memory"),
        (("--simulate", CARD, "--vram-budget", "-1"), 2, "no amount of memory"),
        (("--simulate", CARD, "--batch-size", "0"), 2, "batch-size"),
        (("--simulate", CARD, "--batch-size", "8", "--no-batched"), 2, "one window after the other"),
        (("--simulate", CARD, "--gpu-wait", "1"), 2, "No such option"),
        (("--device", "cpu", "--offline", "--model", "large-v3"), 4, "offline nothing is downloaded"),
        (("--device", "cpu", "--offline", "--min-model", "large-v1"), 4, "offline nothing is downloaded"),
        (("--device", "tpu"), 2, "no such device"),
    ],
)
def test_what_cannot_be_is_one_line_and_a_hint(
    program: Callable, words: tuple[str, ...], code: int, message: str
) -> None:
    done = program("plan", *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_simulated_card_that_is_full_or_too_old_leaves_the_cpu_and_says_why(program: Callable) -> None:
    for card, why in (("RTX 4060, 0.3 free", "nothing fits on the card"), ("GTX 980", "too old")):
        shown = program("plan", "--simulate", card).stdout
        assert "on CPU, " in shown.splitlines()[0]
        assert why in shown


def test_help_shows_what_acts_there_alone(program: Callable) -> None:
    for command in ("plan", "gpu-optimize"):
        shown = program(command, "--help").stdout
        assert not [name for name in ("--hub", "--gpu-wait", "--enable-monitoring") if name in shown]
        assert "--vram-budget" in shown
        assert ("--min-free-memory" in shown) == (command == "gpu-optimize")
        assert ("--cpu-fallback" in shown) == (command == "plan")


def test_settings_act_on_the_plan_and_the_command_line_wins(program: Callable, plan: Callable) -> None:
    assert program("config", "set", "prefer", "speed").returncode == 0
    assert plan("--simulate", CARD)["model"] == "large-v3-turbo"
    assert plan("--simulate", CARD, "--prefer", "quality")["model"] == "large-v3"
    assert plan("--simulate", CARD, env={"BILI2TEXT_PREFER": "quality"})["model"] == "large-v3"
    assert program("config", "set", "use-fp16", "false").returncode == 0
    assert plan("--simulate", CARD)["compute_type"] in ("float32", "int8_float32")


def test_what_the_decoder_is_told_takes_memory_in_the_plan_as_in_a_run(
    program: Callable, plan: Callable, tmp_path: Path
) -> None:
    words = ("--simulate", CARD, "--language", "en", "--model", "large-v3", "--batch-size", "4")
    (tmp_path / "terms.txt").write_text("Kubernetes\n", encoding="utf-8")
    plain = plan(*words)
    assert plain["told"] == 0
    assert plan(*words, "--terms", "terms.txt")["told"] >= len("Kubernetes")
    assert plan(*words, "--no-batched", "--condition-on-previous-text", "--batch-size", "auto")["told"] == 223
    assert program("config", "set", "hotwords", "Kubernetes " * 40).returncode == 0
    told = plan(*words)
    assert told["told"] == 223
    assert told["need_mib"] > plain["need_mib"]


def test_a_setting_for_a_card_gives_way_to_an_empty_one(program: Callable, plan: Callable) -> None:
    assert program("config", "set", "gpu", "GPU-nowhere").returncode == 0
    assert "no cards begin with" in program("plan", "--simulate", CARD).stderr
    assert plan("--simulate", CARD, "--gpu", "")["device"] == "cuda"


def test_its_json_is_ascii_whatever_the_model_is_called(
    program: Callable, tmp_path: Path, base_folder: Path
) -> None:
    (tmp_path / "模型").symlink_to(base_folder)
    done = program("plan", "--json", "--quiet", "--device", "cpu", "--model", "./模型")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["model"] == "./模型"
