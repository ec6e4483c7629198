"""Conversion: in a process of its own, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bili2text.errors import DependencyError, ModelError, OutOfMemory, StorageError, UsageError
from bili2text.progress import Silent
from bili2text.translators.chat import Chat
from bili2text.translators.convert import RECORD, convert
from bili2text.translators.ct2 import Ct2Translator
from bili2text.translators.engine import Load, Message, Prompt


class Notes(Silent):
    """Progress whose notes are kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_the_record_says_what_the_folder_is_and_every_file_is_there(
    tiny_qwen: Path, tiny_qwen_ct2: Path
) -> None:
    record = json.loads((tiny_qwen_ct2 / RECORD).read_text(encoding="utf-8"))
    assert record["kind"] == "translator"
    assert record["engine"] == "ctranslate2"
    assert record["quantization"] == "float32"
    assert record["source"] == tiny_qwen.name
    assert record["config"]["model_type"] == "qwen3"
    assert record["config"]["head_dim"] == 64
    assert set(record["versions"]) == {"ctranslate2", "torch", "transformers"}
    there = {path.name: path.stat().st_size for path in tiny_qwen_ct2.iterdir() if path.name != RECORD}
    assert record["files"] == there
    assert {"model.bin", "tokenizer.json", "chat_template.jinja", "generation_config.json"} <= set(there)
    assert not [path for path in tiny_qwen_ct2.parent.iterdir() if path.name.startswith(".")]
    assert Chat.read(tiny_qwen_ct2).ends == Chat.read(tiny_qwen).ends


def test_an_fp8_folder_becomes_int8_with_no_card_and_answers(tiny_qwen_fp8: Path, tmp_path: Path) -> None:
    notes = Notes()
    environ = {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    folder = convert(tiny_qwen_fp8, tmp_path / "new" / "int8", "int8", environ, notes)
    assert notes.said == ["reading Qwen3-tiny-FP8", "converting to int8"]
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    assert record["source_quantization"] == "fp8"
    assert "quantization_config" not in record["config"]
    translator = Ct2Translator(Load(folder, "ctranslate2", "cpu", threads=1))
    try:
        assert translator.precision.startswith("int8")
        (reply,) = translator.generate((Prompt((Message("user", "天"),), 8),))
        assert reply.tokens
    finally:
        translator.close()


def test_a_killed_conversion_leaves_no_target_and_the_next_one_clears_up(
    tiny_qwen: Path, tmp_path: Path
) -> None:
    target = tmp_path / "killed"
    program = (
        "import sys; from pathlib import Path; from bili2text.translators.convert import convert;"
        "convert(Path(sys.argv[1]), Path(sys.argv[2]), 'int8')"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tiny_qwen), str(target)], env=environ, start_new_session=True
    ) as parent:
        deadline = time.monotonic() + 60
        while not (children := _children(parent.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    while any(_lives(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_lives(child) for child in children)  # nobody writes into what the next one makes
    assert not target.exists()
    partial = tmp_path / ".killed.part"
    partial.mkdir(exist_ok=True)
    (partial / "model.bin").write_bytes(b"half")
    with pytest.raises(DependencyError):  # the quickest end there is, after the place was cleared
        convert(tiny_qwen, target, "int8", _without_torch(tmp_path))
    assert not target.exists()
    assert not partial.exists()


def _without_torch(folder: Path) -> dict[str, str]:
    """Return an environment in which torch is not found: as where it was not installed."""
    hooks = folder / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'torch' else found(name, package)\n",
        encoding="utf-8",
    )
    return {**os.environ, "PYTHONPATH": str(hooks)}


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children()]


def _lives(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_without_torch_it_says_what_to_install(tiny_qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(DependencyError, match="torch is not installed") as caught:
        convert(tiny_qwen, tmp_path / "x", "int8", _without_torch(tmp_path))
    assert caught.value.hint == "pip install 'bili2text[qwen]'"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hooks"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("no config", "no config.json"),
        ("config", "is not JSON"),
        ("no weights", "there are no weights"),
        ("pickle", "pickled weights"),
        ("cut short", "cut short"),
        ("no template", "no chat template"),
    ],
)
def test_what_is_no_model_is_refused_before_anything_is_loaded(
    tiny_qwen: Path, tmp_path: Path, spoil: str, said: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_qwen, folder)
    if spoil == "no config":
        (folder / "config.json").unlink()
    elif spoil == "config":
        (folder / "config.json").write_text("{", encoding="utf-8")
    elif spoil in ("no weights", "pickle"):
        (folder / "model.safetensors").unlink()
        if spoil == "pickle":
            (folder / "pytorch_model.bin").write_bytes(b"\x80")
    elif spoil == "no template":
        (folder / "chat_template.jinja").unlink()
    else:
        weights = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(weights[:-1])
    with pytest.raises(ModelError, match=said):
        convert(folder, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_is_converted_is_not_converted_again(tiny_qwen_ct2: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="converted already"):
        convert(tiny_qwen_ct2, tmp_path / "x")


def test_no_folder_is_replaced_and_no_model_overwritten(tiny_qwen: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(StorageError, match="already there"):
        convert(tiny_qwen, tmp_path / "there")
    with pytest.raises(UsageError):
        convert(tiny_qwen, tiny_qwen)
    with pytest.raises(UsageError, match="unknown quantization"):
        convert(tiny_qwen, tmp_path / "x", "int3")


def test_a_disk_that_has_no_room_is_seen_at_once(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StorageError, match="GB free"):
        convert(tiny_qwen, tmp_path / "x")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ImportError("torch is not installed"), "dependency"),
        (OSError(28, "No space left on device"), "storage"),
        (MemoryError(), "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "memory"),
        (ValueError("No conversion is registered for the model configuration X (supported: ...)"), "model"),
        (NotImplementedError("Quantization type 'fp8' is not yet implemented"), "model"),
        (KeyError("model.norm"), "model"),
    ],
)
def test_what_the_libraries_raise_becomes_one_line(error: Exception, kind: str) -> None:
    from bili2text.translators.convert_child import _meaning

    found = _meaning(error)
    assert found["error"] == kind
    assert found["why"]
    assert "\n" not in found["why"]


def test_a_child_that_the_system_kills_was_short_of_memory(tmp_path: Path) -> None:
    import io

    from bili2text.translators.convert_run import _died

    assert isinstance(_died(-9, io.BytesIO(b"")), OutOfMemory)
    assert "Segfault" in _died(-11, io.BytesIO(b"one\nSegfault\n")).message
