"""Folders for transformers: in which precision, from which files, on which device; and what is refused."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bili2text.errors import DependencyError, DeviceFailure, ModelError, PrecisionFailure
from bili2text.translators.engine import Load
from bili2text.translators.hf import HfTranslator
from bili2text.translators.hf_folder import Able, Held, read, resolved
from bili2text.translators.hf_load import Loaded, loaded, refuse_offload
from bili2text.translators.hf_torch import libraries
from bili2text.translators.hf_weights import weights
from bili2text.translators.values import Float8

READY, NOT = Float8(True), Float8(False, "no kernel")
FP8, AWQ = Held(method="fp8", block=(128, 128)), Held(method="awq", bits=4)
NEW, OLD = Able("cuda", True, READY), Able("cuda", False, NOT)
CPU, SLOW = Able("cpu", True, NOT), Able("cpu", False, NOT)
IDS = [[5, 80, 300, 17, 44, 9, 120]]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def altered(tiny_qwen: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the model with other things said in its config.json."""

    def made(**said: object) -> Path:
        folder = tmp_path / "altered"
        shutil.copytree(tiny_qwen, folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **said}))
        return folder

    return made


def opened(folder: Path, precision: str) -> Loaded:
    return loaded(Load(folder, "transformers", "cpu", precision=precision, threads=1), {})


def logits(found: Loaded) -> Any:
    import torch

    with torch.inference_mode():
        return found.model(torch.tensor(IDS)).logits.float()


def alike(one: Any, other: Any) -> float:
    import torch

    return float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0))


@pytest.mark.parametrize(
    ("wish", "held", "able", "wanted"),
    [
        ("auto", Held(), NEW, "bfloat16"),
        ("auto", Held(), OLD, "float16"),
        ("auto", Held("float16"), NEW, "float16"),
        ("auto", Held("float32"), NEW, "float32"),
        ("auto", Held(), CPU, "bfloat16"),
        ("auto", Held(), SLOW, "float32"),
        ("auto", FP8, NEW, "float8"),
        ("auto", FP8, Able("cuda", True, NOT), "bfloat16"),
        ("auto", FP8, SLOW, "float32"),
        ("float8", FP8, NEW, "float8"),
        ("float8", FP8, Able("cuda", True, NOT), "FP8 cannot be computed: no kernel"),
        ("float8", FP8, CPU, "FP8 cannot be computed: CPUs"),
        ("float8", Held(), NEW, "holds no FP8"),
        ("mixed", FP8, OLD, "mixed"),
        ("auto", AWQ, NEW, "int4"),
        ("bfloat16", AWQ, NEW, "holds awq weights"),
        ("int8", Held(), NEW, "int8"),
        ("int8_float16", Held(), NEW, "does not compute in int8_float16"),
    ],
)
def test_the_precision_is_what_the_folder_holds_and_the_device_knows(
    wish: str, held: Held, able: Able, wanted: str
) -> None:
    if " " not in wanted:
        assert resolved(wish, held, able) == wanted
        return
    with pytest.raises(PrecisionFailure, match=wanted):
        resolved(wish, held, able)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "mixed"])
def test_half_precision_computes_what_float32_does(tiny_qwen: Path, precision: str) -> None:
    import torch

    full, less = opened(tiny_qwen, "float32"), opened(tiny_qwen, precision)
    assert less.precision == precision
    assert alike(logits(full), logits(less)) > 0.999
    said, read_in = less.model.get_output_embeddings().weight, less.model.get_input_embeddings().weight
    assert read_in.dtype != torch.float32
    assert (said.dtype == torch.float32) == (precision == "mixed")
    if precision == "mixed":  # tied weights are two now, and equal
        assert torch.equal(said, read_in.float())


def test_mixed_takes_an_output_layer_of_its_own_as_it_is(with_torch: None, tmp_path: Path) -> None:
    import tiny_qwen as tiny

    folder = tiny.build(tmp_path / "untied", tied=False)
    assert alike(logits(opened(folder, "float32")), logits(opened(folder, "mixed"))) > 0.999


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "mixed", "auto"])
def test_fp8_weights_are_read_into_other_precisions(
    tiny_qwen: Path, tiny_qwen_fp8: Path, precision: str
) -> None:
    import torch

    full, found = opened(tiny_qwen, "float32"), opened(tiny_qwen_fp8, precision)
    assert alike(logits(full), logits(found)) > 0.99
    assert torch.float8_e4m3fn not in {one.dtype for one in found.model.parameters()}


def test_modules_that_a_folder_kept_out_of_fp8_stay_out(
    tiny_qwen: Path, tiny_qwen_fp8: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "kept"
    shutil.copytree(tiny_qwen_fp8, folder)
    name = "model.layers.0.mlp.down_proj"
    tensors = load_file(folder / "model.safetensors")
    del tensors[f"{name}.weight_scale_inv"]
    tensors[f"{name}.weight"] = load_file(tiny_qwen / "model.safetensors")[f"{name}.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"]["modules_to_not_convert"] = [name]
    (folder / "config.json").write_text(json.dumps(config))
    assert alike(logits(opened(tiny_qwen, "float32")), logits(opened(folder, "float32"))) > 0.99


def test_parts_of_a_model_elsewhere_are_refused(tiny_qwen: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        tiny_qwen, device_map="auto", max_memory={"cpu": "300KB"}, offload_folder=tmp_path / "offload"
    )
    assert "disk" in model.hf_device_map.values()
    with pytest.raises(DeviceFailure, match=r"disk.*instead of cpu"):
        refuse_offload(model, torch.device("cpu"))
    whole = opened(tiny_qwen, "float32")
    refuse_offload(whole.model, whole.device)
    whole.model.hf_device_map = {"model": 0, "lm_head": "cpu"}
    with pytest.raises(DeviceFailure, match="cpu"):
        refuse_offload(whole.model, torch.device("cuda", 0))


def test_pickled_weights_are_never_loaded(altered: Callable[..., Path], tmp_path: Path) -> None:
    folder = altered()
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "executed"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (mark,)

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError, match="pickled"):
        opened(folder, "auto")
    assert not mark.exists()


def test_code_in_a_folder_is_not_executed(altered: Callable[..., Path], tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
    own = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Model",
        "AutoTokenizer": ["evil.Tokenizer", None],
    }
    folder = altered(auto_map=own)
    (folder / "evil.py").write_text(code)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code)
    HfTranslator(Load(folder, "transformers", "cpu", threads=1)).close()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil"}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        opened(folder, "auto")
    assert not mark.exists()
    assert "evil" not in sys.modules


def _cut_short(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def _lose_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 512}))


def _no_word_of_fp8(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    scale = tensors["model.norm.weight"].clone()
    save_file(
        {**tensors, "model.layers.0.mlp.up_proj.weight_scale_inv": scale},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_cut_short, "cannot be loaded"),
        (_lose_a_layer, "lacks 1 of its weights, model.layers.1.mlp.up_proj.weight"),
        (_no_word_of_fp8, "does not tell how to read"),
        (_other_shape, "cannot be loaded|lacks"),
        (lambda folder: (folder / "config.json").unlink(), "cannot read .*config.json"),
        (lambda folder: (folder / "config.json").write_text("[]"), "is no configuration"),
        (lambda folder: (folder / "config.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "adapter"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_one_line(
    altered: Callable[..., Path], spoil: Callable[[Path], object], why: str
) -> None:
    folder = altered()
    spoil(folder)
    with pytest.raises(ModelError, match=why) as told:
        opened(folder, "auto")
    assert "\n" not in told.value.message


def test_what_a_folder_says_of_its_weights_is_read(altered: Callable[..., Path]) -> None:
    said = {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"]}
    found = read(altered(dtype="float16", quantization_config=said))
    assert found == Held("float16", "fp8", 0, (128, 128), ("lm_head",))


def test_a_library_that_is_missing_is_named(
    altered: Callable[..., Path], tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="bitsandbytes"):
        opened(tiny_qwen, "int4")
    folder = altered(quantization_config={"quant_method": "awq", "bits": 4})
    with pytest.raises(DependencyError, match="gptqmodel"):
        opened(folder, "auto")
    libraries.cache_clear()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DependencyError) as told:
        opened(tiny_qwen, "auto")
    assert "bili2text[qwen]" in told.value.hint


def test_a_card_that_is_not_there_is_no_reason_to_use_the_cpu(tiny_qwen: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises((DependencyError, DeviceFailure)):
        loaded(Load(tiny_qwen, "transformers", "cuda"), {})


def test_what_is_computed_as_it_is_stored_is_left_to_the_folder(with_torch: None) -> None:
    torch, transformers = libraries()
    assert weights(torch, transformers, FP8, "float8", NEW) == {"dtype": torch.bfloat16}
    assert weights(torch, transformers, Held(), "float16", NEW) == {"dtype": torch.float16}
    with pytest.raises(PrecisionFailure, match="not computed in int8"):
        weights(torch, transformers, FP8, "int8", NEW)
