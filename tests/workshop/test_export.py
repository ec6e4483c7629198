"""An exported pair of graphs says what the trained model says; what does not, or is not whole, is not kept."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("transformers")

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.progress import Silent
from bili2text.seq2seq.ct2 import Seq2Seq
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.values import WAYS, Pair, Way
from bili2text.workshop.exports import export_onnx
from bili2text.workshop.exports.export import Exported, ExportRequest, export
from bili2text.workshop.exports.export_text import text, values
from bili2text.workshop.exports.exported import sha256
from bili2text.workshop.exports.nearness import agreeing, nearness
from bili2text.workshop.exports.onnx_run import OnnxPair, Said, padded
from bili2text.workshop.held import held
from bili2text.workshop.measures.quantize import QuantizeRequest, quantize
from bili2text.workshop.run import Run


@pytest.fixture(scope="module")
def run(trained_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the trained run, so that others find theirs as it was."""
    folder = tmp_path_factory.mktemp("export") / "run"
    for part in (trained_run.model, trained_run.vocabulary):
        shutil.copytree(part, folder / part.name)
    return Run(folder)


@pytest.fixture(scope="module")
def known(heart_pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """As many of the pairs that it knows by heart as a test has time for."""
    return tuple(heart_pairs[:24])


@pytest.fixture(scope="module")
def exported(run: Run, known: tuple[Pair, ...]) -> Exported:
    return export(ExportRequest(run, "onnx", known, int8=True), {}, Silent())


def test_the_graphs_compute_what_transformers_computes_and_translate_the_same(exported: Exported) -> None:
    assert exported.manifest is not None
    whole, small = exported.manifest.checks
    assert (whole.precision, whole.against, whole.sentences, whole.equal) == (
        "float32",
        "transformers",
        48,
        48,
    )
    assert whole.steps > 400
    assert whole.agreeing == whole.steps
    assert max(whole.states.largest, whole.logits.largest) < 1e-4
    assert (small.precision, small.against) == ("int8", "float32")
    assert small.equal is not None
    assert small.equal >= 46
    assert min(small.states.cosine, small.logits.cosine) > 0.99


def test_the_exported_pair_translates_with_its_folder_alone(
    exported: Exported, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    alone = shutil.copytree(exported.folder, tmp_path / "device")
    pair = OnnxPair(alone)
    said = [pair.translate(one.source(way), way) for one in known for way in WAYS]
    wanted = [one.target(way) for one in known for way in WAYS]
    right = sum(one == other for one, other in zip(said, wanted, strict=True))
    assert right >= 46, [(one, two) for one, two in zip(said, wanted, strict=True) if one != two]


def test_the_manifest_says_the_shapes_the_tokens_and_the_hash_of_every_file(exported: Exported) -> None:
    told = json.loads((exported.folder / "manifest.json").read_text(encoding="utf-8"))
    pair = OnnxPair(exported.folder)
    assert {one["file"] for one in told["graphs"]} == {
        "encoder.onnx", "decoder.onnx", "encoder-int8.onnx", "decoder-int8.onnx",
    }  # fmt: skip
    for graph in told["graphs"]:
        assert graph["sha256"] == sha256(exported.folder / graph["file"])
        first = graph["inputs"][:2]
        assert [(one["name"], one["kind"], one["shape"]) for one in first] == [
            ("input_ids", "int32", [1, 64]),
            ("attention_mask", "int32", [1, 64]),
        ]
    decoder = next(one for one in told["graphs"] if one["part"] == "decoder")
    assert decoder["outputs"] == [{"name": "logits", "kind": "float32", "shape": [1, pair.codec.size]}]
    assert told["tokens"]["first"] == {way: pair.codec.first(way) for way in WAYS}
    assert (told["tokens"]["begin"], told["tokens"]["end"]) == (2, 2)
    assert "max difference" in text(exported)
    json.dumps(values(exported))


def test_int8_is_much_smaller(exported: Exported) -> None:
    assert exported.manifest is not None
    size = {one.file: one.bytes for one in exported.manifest.graphs}
    assert size["encoder.onnx"] > 3.3 * size["encoder-int8.onnx"]
    # the output layer shares the embedding's bytes in float32; in int8 each has its own
    assert size["decoder.onnx"] > 2.2 * size["decoder-int8.onnx"]


def test_what_was_exported_before_stays_unless_told_otherwise_and_a_strange_folder_always(
    exported: Exported, run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="already there") as caught:
        export(ExportRequest(run, "onnx", known), {}, Silent())
    assert "--overwrite" in caught.value.hint
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="a folder of something else"):
        export(ExportRequest(run, "onnx", known, out=tmp_path, overwrite=True), {}, Silent())
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "mine"


def test_a_manifest_of_something_else_makes_no_folder_ours(
    run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_text(
        '{"manifest_version": 3, "name": "an extension"}', encoding="utf-8"
    )
    (tmp_path / "background.js").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="a folder of something else"):
        export(ExportRequest(run, "onnx", known, out=tmp_path, overwrite=True), {}, Silent())
    assert (tmp_path / "background.js").read_text(encoding="utf-8") == "mine"


def test_a_second_process_is_refused_while_one_exports(
    run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    request = ExportRequest(run, "onnx", known[:2], out=tmp_path / "out")
    with held(request.folder), pytest.raises(UsageError, match="another process is writing"):
        export(request, {}, Silent())
    assert list(tmp_path.iterdir()) == []


def test_the_logits_of_one_sentence_are_let_go_of_before_the_next(
    run: Run, known: tuple[Pair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[weakref.ref[Any]] = []
    greedy = OnnxPair.greedy

    def watched(self: OnnxPair, source: Sequence[int], way: Way) -> Said:
        assert sum(one() is not None for one in kept) <= 2  # the last sentence's, float32 and int8
        said = greedy(self, source, way)
        kept.append(weakref.ref(said.logits[0].base))
        return said

    monkeypatch.setattr(OnnxPair, "greedy", watched)
    export(ExportRequest(run, "onnx", known[:3], out=tmp_path / "out", int8=True), {}, Silent())
    assert len(kept) == 12


def test_graphs_that_differ_from_the_model_are_not_kept(
    run: Run, known: tuple[Pair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_onnx, "MOST", 1e-12)
    with pytest.raises(ModelError, match="differ from transformers by"):
        export(ExportRequest(run, "onnx", known[:2], out=tmp_path / "out"), {}, Silent())
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_the_model_or_the_sentences_do_not_have_is_one_line(
    run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    request = ExportRequest(run, "onnx", known[:2], out=tmp_path / "out")
    with pytest.raises(UsageError, match="knows 64 positions, not 128"):
        export(replace(request, seq=128), {}, Silent())
    with pytest.raises(UsageError, match="no sentence to compare"):
        export(replace(request, checked_on=()), {}, Silent())
    with pytest.raises(ModelError, match="no trained model in"):
        export(replace(request, run=Run(tmp_path / "none")), {}, Silent())
    assert not (tmp_path / "out").exists()


def test_a_shorter_length_says_the_same_as_far_as_it_goes(
    run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    found = export(ExportRequest(run, "onnx", known, out=tmp_path / "out", seq=16), {}, Silent())
    assert found.manifest is not None
    (check,) = found.manifest.checks
    assert check.equal == check.sentences > 0
    pair = OnnxPair(tmp_path / "out")
    with pytest.raises(UsageError, match="tokens do not fit the 16"):
        pair.encode(range(17))


def test_a_model_of_marian_that_begins_with_its_pad_token_is_exported_as_well(
    run: Run, known: tuple[Pair, ...], tmp_path: Path
) -> None:
    import torch
    from transformers import MarianConfig, MarianMTModel

    codec = open_codec(run.vocabulary)
    torch.manual_seed(1)
    model = MarianMTModel(
        MarianConfig(
            vocab_size=codec.size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
            pad_token_id=codec.pad, eos_token_id=codec.end, decoder_start_token_id=codec.pad,
            forced_eos_token_id=None, scale_embedding=True,
        )
    )  # fmt: skip
    model.final_logits_bias.normal_()
    marian = Run(tmp_path / "marian")
    model.save_pretrained(marian.model)
    codec.save(marian.vocabulary)
    found = export(ExportRequest(marian, "onnx", known[:2]), {}, Silent())
    assert found.manifest is not None
    assert (found.manifest.tokens.begin, found.manifest.tokens.never) == (codec.pad, (codec.pad,))
    assert found.manifest.checks[0].equal == 4


def test_an_export_that_is_damaged_says_so(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no export in"):
        OnnxPair(tmp_path)
    broken = shutil.copytree(exported.folder, tmp_path / "broken")
    (broken / "decoder.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot load"):
        OnnxPair(broken)
    (broken / "manifest.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(ModelError, match="damaged export"):
        OnnxPair(broken)


def test_for_ctranslate2_what_was_quantized_is_copied_and_translates(
    run: Run, known: tuple[Pair, ...]
) -> None:
    with pytest.raises(ModelError, match="not converted yet") as caught:
        export(ExportRequest(run, "ct2", known), {}, Silent())
    assert "workshop quantize" in caught.value.hint
    quantize(QuantizeRequest(run, {way: [one.source(way) for one in known] for way in WAYS}), Silent())
    found = export(ExportRequest(run, "ct2", known), {}, Silent())
    assert found.product is not None
    assert (found.product.precision, found.folder) == ("int8", run.export / "ct2")
    model = Seq2Seq(found.folder)
    (said,) = model.translate([known[0].zh], "zh-en")
    model.close()
    assert said.text == known[0].en
    assert "int8" in text(found)


def test_nearness_is_of_the_worst_row_and_nan_is_near_nothing() -> None:
    one = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    other = np.array([[1.0, 0.0], [2.0, 0.0]], np.float32)
    found = nearness([one], [other])
    assert (found.largest, found.cosine) == (2.0, 0.0)
    assert agreeing([one], [other]) == 1
    assert nearness([one], [one]).cosine == pytest.approx(1.0)
    assert nearness([one * np.nan], [one]).cosine == -1.0
    with pytest.raises(ValueError, match="nothing to compare"):
        nearness([], [])
    assert padded([5, 6], 4, 1).tolist() == [[5, 6, 1, 1]]
