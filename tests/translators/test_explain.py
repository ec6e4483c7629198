"""What `translate --check` shows, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from shelves import NO_KERNEL, READY, card, converted, machine, model

from bili2text.errors import ModelError
from bili2text.translators.choose import choose, overview
from bili2text.translators.explain import Checked, Server, check_json, check_lines
from bili2text.translators.gpu_memory import memory_of
from bili2text.translators.values import TranslatorWishes

TIGHT = machine(card("RTX 3070"))
FOUND = (model("Qwen3-4B"), converted("Qwen3-4B"), model("Qwen3-1.7B"))
PLAN = choose(TranslatorWishes(), TIGHT, FOUND, NO_KERNEL)
MEMORY = memory_of(TIGHT.cards)


def test_it_tells_card_models_needs_choice_and_reason() -> None:
    lines = check_lines(Checked(MEMORY, PLAN.walk, ("incomplete model, config.json is missing: /x",), PLAN))
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
    told = json.loads(json.dumps(check_json(Checked(MEMORY, PLAN.walk, plan=PLAN))))
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
    plan = choose(TranslatorWishes(), nowhere, FOUND, READY)
    lines = check_lines(Checked(memory_of(nowhere.cards), plan.walk, plan=plan))
    assert lines[0] == "GPU: no graphics card: 0 GB"
    assert any("using the CPU: no NVIDIA driver is installed" in line for line in lines)


def test_names_of_folders_do_nothing_to_a_terminal() -> None:
    evil = replace(model("Qwen3-1.7B"), name="Qwen\x1b[31m\n3", path=Path("/models/\x1b]0;x\x07"))
    plan = choose(TranslatorWishes(), TIGHT, (evil,), READY)
    lines = check_lines(Checked(MEMORY, plan.walk, ("a\nb\x1b[0m",), plan))
    assert all(line.isprintable() for line in lines)
    assert all(reason.isprintable() for reason in plan.reasons)


def test_where_no_model_is_there_it_tells_card_needs_and_how_to_get_one() -> None:
    walk = overview(TranslatorWishes(), TIGHT, (), NO_KERNEL)
    found = Checked(MEMORY, walk, ("damaged model: /x",), error=ModelError("no model", hint="fetch one"))
    lines = check_lines(found)
    assert lines[0].startswith("GPU: RTX 3070: 8.00 GB total")
    rows = [line.split() for line in lines if line.startswith("no ")]
    assert [row[1] for row in rows] == ["Qwen3-4B-FP8", "Qwen3-4B", "Qwen3-1.7B", "Qwen3-0.6B"]
    assert [row[6] for row in rows] == ["no", "no", "yes", "yes"]
    assert lines[-5:] == ("", "choice: none", "reason:", "  no model", "  what to do: fetch one")
    assert "not usable: damaged model: /x" in lines
    told = json.loads(json.dumps(check_json(found)))
    assert told["choice"] is None
    assert told["reasons"] == ["no model", "what to do: fetch one"]
    assert {one["verdict"] for one in told["models"]} == {"missing"}


def test_models_that_have_no_room_are_shown_with_their_need() -> None:
    full = machine(card("RTX 3070, 0.3 free"), ram=0.5)
    (*_, first, second) = overview(TranslatorWishes(), full, FOUND[::2], NO_KERNEL)
    found = {one.name: one for one in overview(TranslatorWishes(), full, FOUND[::2], NO_KERNEL)}
    assert found["Qwen3-4B"].verdict == found["Qwen3-1.7B"].verdict == "too large"
    assert found["Qwen3-4B"].need_mib > found["Qwen3-1.7B"].need_mib > full.cards.devices[0].free_mib
    assert {first.verdict, second.verdict} == {"missing"}


def test_a_server_is_what_would_translate() -> None:
    server = Server("m", "http://127.0.0.1:1/v1", "api", "unknown", 8, "http://127.0.0.1:1/v1", "--api-base")
    lines = check_lines(Checked(MEMORY, server=server))
    assert lines[2] == "choice: m, at http://127.0.0.1:1/v1"
    known = replace(server, engine="ctranslate2", precision="int8_float32", device_name="CPU, 8 cores")
    assert "choice: m, int8_float32, on CPU, 8 cores, at" in check_lines(Checked(MEMORY, server=known))[2]
    assert check_json(Checked(MEMORY, server=known))["choice"]["url"] == server.url
