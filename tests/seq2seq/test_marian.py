"""opus-mt's vocabularies, with SentencePiece models learned from real pairs, beside transformers' own class."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hsk import pairs

from bili2text.errors import ModelError
from bili2text.seq2seq.marian import MarianCodec
from bili2text.seq2seq.open import open_codec


def _learn(path: Path, texts: Sequence[str]) -> list[str]:
    import sentencepiece

    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=made, vocab_size=2000, character_coverage=0.98, num_threads=1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    path.write_bytes(made.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def _opus(folder: Path, source: str, target: str, extra: Sequence[str] = ()) -> Path:
    """A folder as opus-mt's are: two models, one list of numbers in which the end is 0 and pad is last."""
    folder.mkdir(parents=True)
    texts = {"zho": [pair.zh for pair in pairs()], "eng": [pair.en for pair in pairs()]}
    pieces = [*_learn(folder / "source.spm", texts[source]), *_learn(folder / "target.spm", texts[target])]
    names = dict.fromkeys(["</s>", "<unk>", *extra, *pieces])
    names.pop("<s>", None)
    numbers = {name: number for number, name in enumerate([*names, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    told = {"source_lang": source, "target_lang": target}
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def zh_en(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _opus(tmp_path_factory.mktemp("opus") / "zh-en", "zho", "eng")


def test_it_gives_the_same_numbers_and_texts_as_transformers(zh_en: Path) -> None:
    from transformers import MarianTokenizer

    theirs = MarianTokenizer.from_pretrained(zh_en)
    ours = MarianCodec.open(zh_en)
    for pair in pairs()[:1000]:
        told = theirs(pair.zh, text_target=pair.en)
        assert ours.source(pair.zh, "zh-en") == told["input_ids"]
        assert ours.target(pair.en, "zh-en") == told["labels"]
        assert ours.text(told["labels"]) == theirs.decode(told["labels"], skip_special_tokens=True)
    assert (ours.size, ours.pad, ours.end) == (len(theirs), theirs.pad_token_id, theirs.eos_token_id)
    assert ours.first("zh-en") is None
    assert ours.ways == ("zh-en",)


def test_a_model_that_wants_to_be_told_its_target_is_told_it_first(tmp_path: Path) -> None:
    codec = MarianCodec.open(_opus(tmp_path / "en-zh", "eng", "zho", (">>cmn_Hans<<", ">>yue_Hans<<")))
    assert codec.tokens(codec.source("Good morning.", "en-zh"))[0] == ">>cmn_Hans<<"
    assert ">>cmn_Hans<<" not in codec.tokens(codec.target("早上好。", "en-zh"))


def test_what_was_saved_is_opened_as_the_same_without_the_folder_it_came_from(
    zh_en: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(zh_en, copy)
    MarianCodec.open(copy).save(tmp_path / "run" / "vocabulary")
    shutil.rmtree(copy)
    opened = open_codec(tmp_path / "run" / "vocabulary")
    again = pickle.loads(pickle.dumps(opened))
    for pair in pairs()[:200]:
        assert opened.source(pair.zh, "zh-en") == again.source(pair.zh, "zh-en")
        assert opened.text(opened.target(pair.en, "zh-en")) == MarianCodec.open(zh_en).text(
            again.target(pair.en, "zh-en")
        )
    opened.save(tmp_path / "run" / "vocabulary")  # into itself changes nothing
    assert open_codec(tmp_path / "run" / "vocabulary").size == opened.size


def test_the_other_direction_a_missing_file_and_another_model_are_one_line_each(
    zh_en: Path, tmp_path: Path
) -> None:
    codec = MarianCodec.open(zh_en)
    with pytest.raises(ModelError, match="is for zh-en"):
        codec.source("Hello.", "en-zh")
    for name, content in (
        ("target.spm", None), ("source.spm", b"no model"), ("vocab.json", b'{"</s>": 0}'), ("vocab.json", b"[1]"),
        ("tokenizer_config.json", b'{"source_lang": "deu", "target_lang": "eng"}'),
    ):  # fmt: skip
        folder = tmp_path / "damaged"
        shutil.copytree(zh_en, folder)
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            MarianCodec.open(folder)
        assert "\n" not in caught.value.message
        shutil.rmtree(folder)
    for ways in (3, "zh-en", ["de-en"], ["zh-en", "en-zh"]):
        folder = tmp_path / "told"
        shutil.copytree(zh_en, folder)
        (folder / "vocabulary.json").write_text(
            json.dumps({"kind": "marian", "ways": ways}), encoding="utf-8"
        )
        with pytest.raises(ModelError, match="which direction"):
            open_codec(folder)
        shutil.rmtree(folder)


def test_a_folder_that_is_gone_meanwhile_is_told_when_it_is_saved(zh_en: Path, tmp_path: Path) -> None:
    shutil.copytree(zh_en, tmp_path / "copy")
    codec = MarianCodec.open(tmp_path / "copy")
    (tmp_path / "copy" / "target.spm").unlink()
    with pytest.raises(ModelError, match="any more"):
        codec.save(tmp_path / "run")
    assert not (tmp_path / "run" / "vocabulary.json").exists()
