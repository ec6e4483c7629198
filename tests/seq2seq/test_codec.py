"""Vocabularies, on 4,272 real pairs: what goes in comes out, and nothing that is written becomes a command."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import qwen_form
from hsk import pairs

from bili2text.errors import ModelError, UsageError
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.text_codec import TextCodec, of_nllb, of_qwen, trained
from bili2text.seq2seq.values import END, LANGUAGE_TOKENS, SPECIALS, UNKNOWN

TEXTS = [side for pair in pairs() for side in (pair.zh, pair.en)]
ODD = (
    "", " ", "  two blanks before, three after   ", "\ttabs\nand ends\r\n", "</s><unk><pad><s> zho_Hans eng_Latn",
    "<0x0A> <unused7> ▁ ## Ġ", "𠮷野家 😀👨‍👩‍👧 e\u0301 \u200b\x00", "3.14159 https://x.org/a?b=c#d", "<|im_end|>",
)  # fmt: skip


@pytest.fixture(scope="module")
def codec() -> TextCodec:
    return trained(TEXTS, 2000)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "tokenizer.json"
    # as in Qwen's own, two tokens of text have the names of our special ones
    qwen_form.write(path, TEXTS)
    told = json.loads(path.read_text(encoding="utf-8"))
    told["model"]["vocab"] |= {"</": 905, "</s": 906, "</s>": 907}
    told["model"]["merges"] += [["<", "/"], ["</", "s"], ["</s", ">"]]
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of NLLB's form, made by transformers' own class from merges that real text gave."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import NllbTokenizer

    learner = Tokenizer(models.BPE(unk_token="<unk>"))
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=3000, special_tokens=list(SPECIALS), show_progress=False)
    )
    told = json.loads(learner.to_str())["model"]
    folder = tmp_path_factory.mktemp("nllb")
    tokenizer = NllbTokenizer(vocab=told["vocab"], merges=[tuple(merge) for merge in told["merges"]])
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(tokenizer) + 2}), encoding="utf-8")
    return folder


def test_every_real_sentence_and_every_odd_one_comes_back_as_it_was(codec: TextCodec) -> None:
    for text in (*TEXTS, *ODD):
        ids = codec.source(text, "zh-en")
        assert codec.text(ids) == text
        assert UNKNOWN not in ids
        assert not set(ids[1:-1]) & {0, 1, 2, *(codec.first(way) for way in codec.ways)}


def test_a_source_and_a_target_begin_with_their_language_and_end(codec: TextCodec) -> None:
    source, target = codec.source("你好。", "zh-en"), codec.target("Hello.", "zh-en")
    zh, en = codec.ids(list(LANGUAGE_TOKENS.values()))
    assert (source[0], source[-1], target[0], target[-1]) == (zh, END, en, END)
    assert (codec.first("zh-en"), codec.first("en-zh")) == (en, zh)
    assert codec.ids(codec.tokens(source)) == source


def test_chinese_without_blanks_is_cut_into_words_and_characters_hardly_ever_into_bytes() -> None:
    codec = trained(TEXTS, 8000)
    tokens = [token for pair in pairs() for token in codec.tokens(codec.source(pair.zh, "zh-en")[1:-1])]
    assert len(tokens) < 0.7 * sum(len(pair.zh) for pair in pairs())
    assert sum(token.startswith("<0x") for token in tokens) < 0.01 * len(tokens)


def test_each_number_below_the_size_has_a_name_of_its_own(codec: TextCodec) -> None:
    names = codec.tokens(range(codec.size))
    assert codec.size == 2000
    assert len(set(names)) == 2000
    assert codec.ids(names) == list(range(2000))
    assert tuple(names[:4]) == SPECIALS


def test_a_vocabulary_larger_than_its_texts_can_fill_is_as_large_as_asked(codec: TextCodec) -> None:
    small = trained(TEXTS[:64], 2000)
    assert small.size == 2000
    assert small.text(small.source("没见过的字：饕餮", "zh-en")) == "没见过的字：饕餮"


def test_the_same_texts_give_the_same_bytes_in_another_process(codec: TextCodec, tmp_path: Path) -> None:
    codec.save(tmp_path / "here")
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from hsk import pairs; from bili2text.seq2seq.text_codec import trained\n"
        "trained([side for pair in pairs() for side in (pair.zh, pair.en)], 2000).save(Path(sys.argv[1]))"
    )
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "there"), str(root), str(root / "tests" / "workshop")],
        check=True,
    )
    for name in ("vocabulary.json", "tokenizer.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_vocabulary_made_of_a_teacher_s_has_the_same_bytes_in_every_process(
    teacher: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from bili2text.seq2seq.text_codec import of_qwen\n"
        f"of_qwen(Path(sys.argv[1]), {qwen_form.SIZE}).save(Path(sys.argv[2]))"
    )
    for seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, "-c", code, teacher, tmp_path / seed], check=True, env=environ)
    names = ("vocabulary.json", "tokenizer.json", "renumbered.npy")
    first, second = ([(tmp_path / seed / name).read_bytes() for name in names] for seed in ("1", "2"))
    assert first == second


def test_what_was_saved_is_opened_as_the_same(teacher: Path, tmp_path: Path) -> None:
    codec = of_qwen(teacher, qwen_form.SIZE)
    codec.save(tmp_path)
    opened = open_codec(tmp_path)
    assert isinstance(opened, TextCodec)
    assert opened.renumbered is not None
    assert codec.renumbered is not None
    assert np.array_equal(opened.renumbered, codec.renumbered)
    again = pickle.loads(pickle.dumps(opened))
    for text in (*TEXTS[:500], *ODD):
        assert codec.source(text, "zh-en") == opened.source(text, "zh-en") == again.source(text, "zh-en")


def test_a_teacher_s_tokens_of_a_text_become_the_student_s_one_for_one(teacher: Path) -> None:
    from tokenizers import Tokenizer

    theirs = Tokenizer.from_file(str(teacher))
    theirs.encode_special_tokens = True
    codec = of_qwen(teacher, qwen_form.SIZE)
    assert codec.renumbered is not None
    used = set()
    for text in (*TEXTS, *ODD):
        numbers = theirs.encode(text, add_special_tokens=False).ids
        used.update(numbers)
        assert [*codec.renumbered[numbers], END] == codec.source(text, "zh-en")[1:]
        assert codec.text(codec.source(text, "zh-en")) == text
    assert len(set(codec.renumbered[sorted(used)].tolist())) == len(used)
    assert used & {0, 1, 2, 3}  # tokens that had to move


def test_a_teacher_s_ends_become_ours_and_what_it_never_writes_is_unknown(teacher: Path) -> None:
    codec = of_qwen(teacher, qwen_form.SIZE)
    assert codec.size == qwen_form.SIZE
    assert codec.renumbered is not None
    assert codec.renumbered.shape == (qwen_form.SIZE,)
    assert codec.renumbered[[900, 901, 902]].tolist() == [END, UNKNOWN, END]
    assert set(codec.renumbered[908:].tolist()) == {UNKNOWN}


def test_a_teacher_without_room_ends_or_bytes_is_refused_in_one_line(
    teacher: Path, nllb: Path, tmp_path: Path
) -> None:
    endless = tmp_path / "tokenizer.json"
    endless.write_text(
        json.dumps({**json.loads(teacher.read_text(encoding="utf-8")), "added_tokens": []}), encoding="utf-8"
    )
    for path, size, said in (
        (teacher, 908, "no room"),
        (endless, 1000, "none of"),
        (nllb / "tokenizer.json", 5000, "byte-level"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            of_qwen(path, size)
        assert "\n" not in caught.value.message


def test_nllb_gives_the_same_numbers_as_transformers(nllb: Path) -> None:
    from transformers import NllbTokenizer

    theirs = NllbTokenizer.from_pretrained(nllb, src_lang="zho_Hans", tgt_lang="eng_Latn")
    codec = of_nllb(nllb)
    for pair in pairs()[:1000]:
        told = theirs(pair.zh, text_target=pair.en)
        assert codec.source(pair.zh, "zh-en") == told["input_ids"]
        assert codec.target(pair.en, "zh-en") == told["labels"]
        assert codec.text(told["labels"]) == pair.en
    assert codec.size == len(theirs) + 2  # the embedding's, with two numbers that have no token
    assert codec.first("zh-en") == theirs.convert_tokens_to_ids("eng_Latn")


def test_a_trimmed_vocabulary_writes_the_texts_it_was_kept_for_as_before(nllb: Path, teacher: Path) -> None:
    for codec in (of_nllb(nllb), of_qwen(teacher, qwen_form.SIZE), trained(TEXTS, 1500)):
        some = TEXTS[:400]
        trimmed, old = codec.trimmed({number for text in some for number in codec.source(text, "zh-en")})
        assert trimmed.size == len(old) < codec.size
        assert old[:4].tolist() == [0, 1, 2, 3]
        for text in some:
            assert old[trimmed.source(text, "zh-en")].tolist() == codec.source(text, "zh-en")


def test_a_folder_that_is_no_whole_vocabulary_is_one_line(codec: TextCodec, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no vocabulary"):
        open_codec(tmp_path)
    codec.save(tmp_path)
    whole = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    for damaged in (
        whole[:-20],
        "{}",
        whole.replace('"eng_Latn"', '"eng_Latm"'),
        whole.replace('"<s>"', '"<S>"'),
    ):
        (tmp_path / "tokenizer.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(ModelError) as caught:
            open_codec(tmp_path)
        assert "\n" not in caught.value.message
    (tmp_path / "tokenizer.json").write_text(whole, encoding="utf-8")
    (tmp_path / "vocabulary.json").write_text(
        '{"kind": "text", "size": 9, "ways": ["zh-en"]}', encoding="utf-8"
    )
    with pytest.raises(ModelError, match="belong together"):
        open_codec(tmp_path)


def test_a_table_of_a_teacher_s_numbers_that_is_damaged_is_one_line(teacher: Path, tmp_path: Path) -> None:
    codec = of_qwen(teacher, qwen_form.SIZE)
    codec.save(tmp_path)
    for damaged in (
        b"",
        b"\x93NUMPY\x01",
        np.full(1000, 9999, np.int32),
        np.zeros(1000),
        np.zeros((2, 2), np.int32),
    ):
        if isinstance(damaged, bytes):
            (tmp_path / "renumbered.npy").write_bytes(damaged)
        else:
            np.save(tmp_path / "renumbered.npy", damaged)
        with pytest.raises(ModelError) as caught:
            open_codec(tmp_path)
        assert "\n" not in caught.value.message


def test_no_text_too_small_a_size_and_a_strange_token_are_refused(codec: TextCodec) -> None:
    with pytest.raises(UsageError, match="no text"):
        trained([], 2000)
    with pytest.raises(UsageError, match="too small"):
        trained(TEXTS, 300)
    with pytest.raises(ModelError, match="no token"):
        codec.ids(["nobody wrote this"])
    with pytest.raises(ModelError, match="no token 2000"):
        codec.text([2000])
