"""What `translate --check` shows, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from shelves import NO_KERNEL, READY, card, converted, machine, model

from bili2text.translators.choose import choose
from bili2text.translators.explain import check_json, check_lines
from bili2text.translators.gpu_memory import memory_of
from bili2text.translators.values import TranslatorWishes

TIGHT = machine(card("RTX 3070"))
FOUND = (model("Qwen3-4B"), converted("Qwen3-4B"), model("Qwen3-1.7B"))
PLAN = choose(TranslatorWishes(), TIGHT, FOUND, NO_KERNEL)


def test_it_tells_card_models_needs_choice_and_reason() -> None:
    lines = check_lines(memory_of(TIGHT.cards), PLAN, ["incomplete model, config.json is missing: /x"])
    assert lines[0] == "GPU: RTX 3070: 8.00 GB total, 0.24 GB allocated, 0.00 GB reserved, 7.76 GB free"
    rows = {line.split()[1]: line.split() for line in lines if line.startswith(("yes ", "no "))}
    assert rows["Qwen3-4B-FP8"][0] == "no"
    assert rows["Qwen3-0.6B"][0] == "no"
    assert rows["Qwen3-4B"][:4] == ["yes", "Qwen3-4B", "cuda:0", "bfloat16"]
    assert rows["Qwen3-4B"][6] == "no"
    text = "\n".join(lines)
    assert "<- taken" in text
    assert "not usable: incomplete model" in text
    assert f"choice: Qwen3-4B-ct2, int8_bfloat16, batch {PLAN.batch_size}, on RTX 3070" in lines
    assert "reason:" in lines
    assert any(line.strip().startswith("selected Qwen3-4B-ct2 (needs ") for line in lines)
    assert any(f"= {PLAN.need_mib} MiB" in line for line in lines)


def test_the_same_for_a_program() -> None:
    told = json.loads(json.dumps(check_json(memory_of(TIGHT.cards), PLAN)))
    assert told["gpu"]["free"] == TIGHT.cards.devices[0].free_mib / 1024
    assert told["choice"]["model"] == "Qwen3-4B-ct2"
    assert told["choice"]["engine"] == "ctranslate2"
    verdicts = {(one["name"], one["engine"]): one["verdict"] for one in told["models"]}
    assert verdicts["Qwen3-4B-ct2", "ctranslate2"] == "taken"
    assert verdicts["Qwen3-4B", "transformers"] == "too large"
    assert verdicts["Qwen3-1.7B", "transformers"] == "fits"
    assert verdicts["Qwen3-4B-FP8", "transformers"] == "missing"


def test_without_a_card_it_says_so() -> None:
    nowhere = machine()
    lines = check_lines(memory_of(nowhere.cards), choose(TranslatorWishes(), nowhere, FOUND, READY))
    assert lines[0] == "GPU: no graphics card: 0 GB"
    assert any("using the CPU: no NVIDIA driver is installed" in line for line in lines)


def test_names_of_folders_do_nothing_to_a_terminal() -> None:
    evil = replace(model("Qwen3-1.7B"), name="Qwen\x1b[31m\n3", path=Path("/models/\x1b]0;x\x07"))
    plan = choose(TranslatorWishes(), TIGHT, (evil,), READY)
    lines = check_lines(memory_of(TIGHT.cards), plan, ["a\nb\x1b[0m"])
    assert all(line.isprintable() for line in lines)
    assert all(reason.isprintable() for reason in plan.reasons)
