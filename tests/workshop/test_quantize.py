"""A converted model says what the trained one says, and is smaller; one that does not is not kept."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.progress import Silent
from bili2text.seq2seq.ct2 import Seq2Seq
from bili2text.seq2seq.folder import read_product
from bili2text.seq2seq.values import WAYS, Pair, target_of
from bili2text.workshop.held import held
from bili2text.workshop.measures import quantize as quantizing
from bili2text.workshop.measures.quantize import Converted, QuantizeRequest, Sentences, quantize
from bili2text.workshop.measures.scores import score
from bili2text.workshop.run import Run

SENTENCES: Sentences = {
    "zh-en": ["你好，请问您找谁？", "这块布很软。", "他昨天没有来上班。"] * 3,
    "en-zh": ["Sir, who are you looking for?", "This cloth is soft.", "He did not come to work yesterday."]
    * 3,
}


class Heard(Silent):
    """A progress that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def run(trained_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the trained run, so that others find theirs as it was."""
    return _copy(trained_run, tmp_path_factory.mktemp("quantize") / "run")


def _copy(run: Run, folder: Path) -> Run:
    for part in (run.model, run.vocabulary):
        shutil.copytree(part, folder / part.name)
    return Run(folder)


@pytest.fixture(scope="module")
def converted(run: Run, heart_pairs: Sequence[Pair]) -> tuple[Converted, ...]:
    known: Sentences = {way: [pair.source(way) for pair in heart_pairs] for way in WAYS}
    return quantize(QuantizeRequest(run, known, max_tokens=64), Silent())


def test_float32_says_what_transformers_says_token_by_token_in_both_directions(
    converted: tuple[Converted, ...],
) -> None:
    whole = converted[0]
    assert (whole.precision, whole.against) == ("float32", "transformers")
    assert [(one.way, one.n, one.equal) for one in whole.parity] == [(way, 64, 64) for way in WAYS]


def test_int8_is_at_least_three_and_a_half_times_smaller_and_loses_at_most_one_bleu(
    converted: tuple[Converted, ...], heart_pairs: Sequence[Pair]
) -> None:
    small = converted[1]
    assert (small.precision, small.against) == ("int8", "float32")
    assert small.ratio >= 3.5
    for way in WAYS:
        sources = [pair.source(way) for pair in heart_pairs]
        references = [pair.target(way) for pair in heart_pairs]
        whole, less = (
            score(
                [one.text for one in model.translate(sources, way, max_tokens=64)], references, target_of(way)
            )
            for model in (Seq2Seq(one.folder) for one in converted)
        )
        assert whole.bleu >= 90
        assert less.bleu >= whole.bleu - 1.0, (way, small.parity)


@pytest.fixture
def opus(tmp_path: Path, heart_pairs: Sequence[Pair]) -> Run:
    """A small Marian with random weights, as one that was trained on: the row of its pad token is not zero."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    from bili2text.seq2seq.marian import MarianCodec

    names: dict[str, None] = dict.fromkeys(["</s>", "<unk>"])
    (tmp_path / "opus").mkdir()
    for name, texts in (
        ("source", [one.zh for one in heart_pairs]),
        ("target", [one.en for one in heart_pairs]),
    ):
        names.update(dict.fromkeys(_pieces(tmp_path / "opus" / f"{name}.spm", texts)))
    numbers = {name: number for number, name in enumerate([*names, "<pad>"])}
    (tmp_path / "opus" / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    told = {"source_lang": "zho", "target_lang": "eng"}
    (tmp_path / "opus" / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    codec = MarianCodec.open(tmp_path / "opus")
    torch.manual_seed(3)
    model = MarianMTModel(MarianConfig(
        vocab_size=codec.size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        pad_token_id=codec.pad, eos_token_id=codec.end, decoder_start_token_id=codec.pad, init_std=0.5,
    ))  # fmt: skip
    with torch.no_grad():
        model.model.shared.weight[codec.pad] = torch.randn(32)
    run = Run(tmp_path / "run")
    model.save_pretrained(run.model)
    codec.save(run.vocabulary)
    return run


def _pieces(path: Path, texts: Sequence[str]) -> list[str]:
    sentencepiece = pytest.importorskip("sentencepiece")
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=made, vocab_size=400, hard_vocab_limit=False, minloglevel=2,
        num_threads=1,
    )  # fmt: skip
    path.write_bytes(made.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    return [processor.id_to_piece(number) for number in range(3, processor.get_piece_size())]


def test_an_opus_mt_that_was_trained_on_says_the_same_though_its_pad_row_is_not_zero(
    opus: Run, heart_pairs: Sequence[Pair]
) -> None:
    known: Sentences = {"zh-en": [pair.zh for pair in heart_pairs]}
    whole = quantize(QuantizeRequest(opus, known, max_tokens=24), Silent())[0]
    assert [(one.way, one.n, one.equal) for one in whole.parity] == [("zh-en", 64, 64)]
    with closing(Seq2Seq(whole.folder)) as model:
        said = {one.ids for one in model.translate(known["zh-en"], "zh-en", max_tokens=24)}
    assert len(said) > 32  # it looks at its source


def test_a_converted_folder_is_a_translator_by_itself(
    converted: tuple[Converted, ...], tmp_path: Path
) -> None:
    moved = shutil.copytree(converted[1].folder, tmp_path / "alone")
    product = read_product(moved)
    assert (product.ways, product.precision, product.name) == (WAYS, "int8", "run")
    assert product.parameters > 1_000_000


def test_what_is_there_is_not_replaced_unasked(run: Run, converted: tuple[Converted, ...]) -> None:
    with pytest.raises(StorageError, match="already there"):
        quantize(QuantizeRequest(run, SENTENCES), Silent())
    before = (run.converted("int8") / "model.bin").stat().st_ino
    few: Sentences = {way: texts[:2] for way, texts in SENTENCES.items()}
    quantize(QuantizeRequest(run, few, max_tokens=8, overwrite=True), Silent())
    assert (run.converted("int8") / "model.bin").stat().st_ino != before


def test_a_model_that_is_no_copy_is_not_kept_unless_forced(
    run: Run, converted: tuple[Converted, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _copy(run, tmp_path / "run")
    said = quantizing._said

    def wrong(folder: Path, sentences: Sentences, max_tokens: int) -> object:
        """Say every sentence with one token more."""
        return {
            way: type(one)(tuple((*ids, 9) for ids in one.ids), one.texts)
            for way, one in said(folder, sentences, max_tokens).items()
        }

    monkeypatch.setattr(quantizing, "_said", wrong)
    few: Sentences = {way: texts[:8] for way, texts in SENTENCES.items()}
    with pytest.raises(ModelError, match="differ between transformers and CTranslate2"):
        quantize(QuantizeRequest(other, few, max_tokens=8), Silent())
    assert sorted(path.name for path in other.folder.iterdir()) == ["model", "vocabulary"]
    heard = Heard()
    quantize(QuantizeRequest(other, few, max_tokens=8, force=True), heard)
    assert len(heard.warnings) == len(WAYS)
    assert other.converted("int8").is_dir()


def test_a_vocabulary_of_another_training_is_one_line(run: Run, tmp_path: Path) -> None:
    other = _copy(run, tmp_path / "run")
    path = other.model / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "vocab_size": 300}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        quantize(QuantizeRequest(other, SENTENCES), Silent())
    assert "\n" not in caught.value.message
    assert not other.converted("float32").exists()


def test_a_vocabulary_larger_than_the_model_is_one_line(run: Run, tmp_path: Path) -> None:
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    other = _copy(run, tmp_path / "run")
    shutil.rmtree(other.model)
    M2M100ForConditionalGeneration(M2M100Config(
        vocab_size=300, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64,
    )).save_pretrained(other.model)  # fmt: skip
    with pytest.raises(ModelError, match=r"the vocabulary has .* tokens, the model 300"):
        quantize(QuantizeRequest(other, SENTENCES), Silent())


def test_weights_that_this_cpu_cannot_compute_in_are_compared_without_noise(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = _copy(run, tmp_path / "run")
    few: Sentences = {way: texts[:2] for way, texts in SENTENCES.items()}
    found = quantize(QuantizeRequest(other, few, ("float16",), max_tokens=8), Silent())
    assert found[1].ratio > 1.9
    assert "[ctranslate2]" not in capfd.readouterr().err


def test_a_second_process_is_refused_while_one_converts(run: Run, tmp_path: Path) -> None:
    other = _copy(run, tmp_path / "run")
    with (
        held(other.converted("float32")),
        pytest.raises(UsageError, match="another process is writing"),
    ):
        quantize(QuantizeRequest(other, SENTENCES), Silent())
    assert sorted(path.name for path in other.folder.iterdir()) == ["model", "vocabulary"]


def test_a_damaged_model_is_one_line_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    other = _copy(run, tmp_path / "run")
    weights = other.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError) as caught:
        quantize(QuantizeRequest(other, SENTENCES), Silent())
    assert "\n" not in caught.value.message
    assert sorted(path.name for path in other.folder.iterdir()) == ["model", "vocabulary"]


@pytest.mark.parametrize(
    ("sentences", "precisions"),
    [(SENTENCES, ("int4",)), ({}, ("int8",)), ({"zh-en": ["好" * 500]}, ("int8",))],
)
def test_what_cannot_be_done_is_told_at_once(
    run: Run, sentences: Sentences, precisions: tuple[str, ...], tmp_path: Path
) -> None:
    other = _copy(run, tmp_path / "run")
    with pytest.raises(UsageError):
        quantize(QuantizeRequest(other, sentences, precisions), Silent())


def test_a_folder_without_a_trained_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained model"):
        quantize(QuantizeRequest(Run(tmp_path), SENTENCES), Silent())
