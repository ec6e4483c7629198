"""What is found on a disk, and every way in which a folder is no model, each in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from shelves import config, write_folder, write_weights

from bili2text.errors import ModelError
from bili2text.translators.folders import Shelf, look, models_dir, scan, shelf

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 8044982000\n"


def test_a_real_folder_tells_its_shape_and_engine(tiny_qwen: Path) -> None:
    found = look(tiny_qwen)
    own = json.loads((tiny_qwen / "config.json").read_text())
    assert (found.engine, found.family, found.quantization) == ("transformers", "qwen3", "")
    assert found.shape.layers == own["num_hidden_layers"]
    assert found.shape.head_dim == own["head_dim"]
    assert found.weight_bytes == (tiny_qwen / "model.safetensors").stat().st_size
    assert found.profile == "qwen3"


def test_its_fp8_twin_is_known_as_such(tiny_qwen: Path, tiny_qwen_fp8: Path) -> None:
    found = look(tiny_qwen_fp8)
    assert found.quantization == "fp8"
    assert found.shape == look(tiny_qwen).shape


def test_a_conversion_has_the_shape_of_what_it_was_made_from(tiny_qwen: Path, tiny_qwen_ct2: Path) -> None:
    found = look(tiny_qwen_ct2)
    assert found.engine == "ctranslate2"
    assert (found.quantization, found.family, found.profile) == ("float32", "qwen3", "qwen3")
    assert found.shape == look(tiny_qwen).shape


def test_a_conversion_cut_short_or_grown_is_no_model(tiny_qwen_ct2: Path, tmp_path: Path) -> None:
    for name in tiny_qwen_ct2.iterdir():
        if name.name != "model.bin":
            (tmp_path / name.name).write_bytes(name.read_bytes())
    whole = (tiny_qwen_ct2 / "model.bin").read_bytes()
    for broken in (whole[:-1], whole + b"x", whole[:1000], whole[:9], b"\xff" * 5000, POINTER):
        (tmp_path / "model.bin").write_bytes(broken)
        with pytest.raises(ModelError):
            look(tmp_path)
    (tmp_path / "model.bin").write_bytes(whole)
    assert look(tmp_path).engine == "ctranslate2"
    (tmp_path / "model.bin").write_bytes(
        whole.replace(b"TransformerDecoderSpec", b"WhisperSpec\0\0\0\0\0\0\0\0\0\0\0")
    )
    with pytest.raises(ModelError, match="Whisper"):
        look(tmp_path)


def test_shards_are_counted_and_a_name_makes_it_a_model_of_ours(tmp_path: Path) -> None:
    found = look(write_folder(tmp_path / "Qwen3-0.6B", config(), shards=3))
    assert found.weight_bytes == sum(one.stat().st_size for one in found.path.glob("*.safetensors"))
    assert found.card is not None
    assert found.shape.parameters == pytest.approx(596_049_920, rel=1e-4)


def test_the_text_part_of_a_model_that_also_sees_is_read(tmp_path: Path) -> None:
    inner = config(num_hidden_layers=7)
    whole = {
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": inner,
    }
    found = look(write_folder(tmp_path / "gemma", whole))
    assert (found.shape.layers, found.family) == (7, "gemma3")


def rewrite(**more: object) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(json.dumps(config(**more))) and None


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def put(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def only(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in folder.glob("model*"):
            path.unlink()
        (folder / name).write_bytes(b"GGUF" * 100)

    return change


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (remove("config.json"), "no config.json"),
    "config is no JSON": (put("config.json", b"{'a'"), "not JSON"),
    "config is a list": (put("config.json", b"[]"), "no configuration"),
    "config nests without end": (put("config.json", b"[" * 200_000), "not JSON"),
    "config is huge": (put("config.json", b" " * 20_000_000), "no configuration"),
    "config is a pointer": (put("config.json", POINTER), "git-lfs"),
    "no layers": (rewrite(num_hidden_layers=None), "num_hidden_layers"),
    "layers in words": (rewrite(num_hidden_layers="28"), "num_hidden_layers"),
    "layers are true": (rewrite(num_hidden_layers=True), "num_hidden_layers"),
    "layers without end": (rewrite(num_hidden_layers=10**12), "num_hidden_layers"),
    "no width": (rewrite(hidden_size=0), "hidden_size"),
    "less than no words": (rewrite(vocab_size=-1), "vocab_size"),
    "heads are a fraction": (rewrite(num_attention_heads=1.5), "num_attention_heads"),
    "weights cut short": (put("model.safetensors", b"\x10\0\0\0\0\0\0\0{}"), "cut short"),
    "weights of nothing": (put("model.safetensors", b""), "cut short"),
    "header without end": (put("model.safetensors", b"\xff" * 200), "cut short"),
    "weights are a pointer": (put("model.safetensors", POINTER), "git-lfs"),
    "download not finished": (put("model.safetensors.aria2", b"x"), "not finished"),
    "download begun": (only("model.safetensors.part"), "not finished"),
    "GGUF alone": (only("Qwen3-4B-Q4_K_M.gguf"), "llama.cpp"),
    "pickle alone": (only("pytorch_model.bin"), "run code"),
    "another pickle": (only("model.pt"), "run code"),
    "no weights": (remove("model.safetensors"), "no weights"),
    "index without shards": (put("model.safetensors.index.json", b'{"weight_map": {"a": "gone.safetensors"}}'), "gone"),
    "index that leads away": (
        put("model.safetensors.index.json", b'{"weight_map": {"a": "../../etc/passwd"}}'), "names no files",
    ),
    "index of nothing": (put("model.safetensors.index.json", b"{}"), "names no files"),
    "a shard without its index": (only("model-00001-of-00003.safetensors"), "index.json is missing"),
    "an encoder with a decoder": (rewrite(is_encoder_decoder=True), "not supported yet"),
    "a translation model of old": (rewrite(model_type="m2m_100"), "not supported yet"),
    "a model that writes no text": (rewrite(architectures=["BertModel"]), "writes no text"),
    "an adapter": (put("adapter_config.json", b"{}"), "an adapter"),
    "no tokenizer": (remove("tokenizer.json"), "no tokenizer"),
    "a base model": (remove("chat_template.jinja"), "no chat template"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_model_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    change, said = BROKEN[kind]
    folder = write_folder(tmp_path / "Qwen3-0.6B", config())
    change(folder)
    with pytest.raises(ModelError, match=said) as error:
        look(folder)
    assert "\n" not in error.value.message + error.value.hint
    assert scan(tmp_path) == ()
    assert len(shelf(tmp_path, {}).faults) == 1


def test_gguf_alone_says_what_can_run_it(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError) as error:
        look(tmp_path)
    assert "--api-base" in error.value.hint


def test_a_folder_of_models_is_scanned_and_what_is_broken_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "Qwen3-0.6B", config())
    write_folder(tmp_path / "Qwen3-1.7B", config(hidden_size=2048))
    (tmp_path / "Qwen3-4B").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    write_folder(tmp_path / "broken\x1b[31m", config(hidden_size=None))
    found = shelf(tmp_path, {})
    assert [one.name for one in found.models] == ["Qwen3-0.6B", "Qwen3-1.7B"]
    assert len(found.faults) == 1


def test_a_folder_that_is_itself_a_model_is_one(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "Qwen3-0.6B", config())
    assert [one.path for one in scan(folder)] == [folder]


def test_the_hubs_cache_is_read_at_the_commit_main_is_at(tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--Qwen--Qwen3-0.6B"
    commits = ("a" * 40, "b" * 40)
    for commit in commits:
        write_folder(repo / "snapshots" / commit, config())
    write_folder(tmp_path / "hub" / "models--org--a--b" / "snapshots" / commits[0], config())
    write_folder(
        tmp_path / "hub" / "models--org--bert" / "snapshots" / commits[0], config(architectures=["Bert"])
    )
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commits[1])
    environ = {"HF_HUB_CACHE": str(tmp_path / "hub"), "BILI2TEXT_CACHE_DIR": str(tmp_path / "own")}
    found = shelf(None, environ)
    assert [(one.name, one.path.name) for one in found.models] == [
        ("Qwen3-0.6B", commits[1]),
        ("b", commits[0]),
    ]
    assert found.faults == ()
    assert models_dir(environ) == tmp_path / "own" / "translators"


def test_the_same_folder_by_two_names_is_one_model(tmp_path: Path) -> None:
    real = write_folder(tmp_path / "Qwen3-0.6B", config())
    (tmp_path / "again").symlink_to(real)
    assert len(scan(tmp_path)) == 1


def test_nowhere_is_no_shelf_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot look"):
        scan(tmp_path / "no")
    with pytest.raises(ModelError, match="no folder"):
        look(tmp_path / "no")
    assert shelf(None, {"HF_HUB_CACHE": str(tmp_path / "x"), "BILI2TEXT_CACHE_DIR": str(tmp_path)}) == Shelf(
        ()
    )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_we_may_not_read_is_left_out(tmp_path: Path) -> None:
    write_folder(tmp_path / "Qwen3-0.6B", config())
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert len(scan(tmp_path)) == 1


def test_weights_are_not_read_only_their_headers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", config())
    write_weights(folder / "model.safetensors", 1 << 20)
    assert look(folder).weight_bytes > 1 << 20
