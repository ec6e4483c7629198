"""A floor to compare students with: the zh-en translator of the package cn2en (MIT, a GRU of 256, 17 MB).

    pip download --no-deps cn2en
    python scripts/baseline_cn2en.py cn2en-0.0.118-py3-none-any.whl < chinese.txt > english.txt

A line in, a line out. The wheel is read as an archive, none of its code runs: its vocabularies are pickles
of which only words and numbers are taken, and its weights are loaded as weights only.
"""

from __future__ import annotations

import argparse
import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

_START, _END = 0, 1
_MOST_WORDS = 100


class Vocabulary:
    """The attributes of a pickled vocabulary: word2index, index2word, n_words."""

    word2index: dict[str, int]
    index2word: dict[int, str]
    n_words: int


class _WordsAlone(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[Vocabulary]:
        if name == "Lang":
            return Vocabulary
        raise pickle.UnpicklingError(f"a vocabulary holds no {module}.{name}")


class Baseline:
    """The package's encoder and decoder, greedy."""

    def __init__(self, wheel: Path) -> None:
        """Load both from the wheel."""
        with zipfile.ZipFile(wheel) as archive:
            self._chinese: Vocabulary = _WordsAlone(io.BytesIO(archive.read("cn2en/input_lang.pkl"))).load()
            self._english: Vocabulary = _WordsAlone(io.BytesIO(archive.read("cn2en/output_lang.pkl"))).load()
            weights = io.BytesIO(archive.read("cn2en/model.pth"))
        told = torch.load(weights, map_location="cpu", weights_only=True)
        self._read = _parts(told["encoder"])
        self._write = _parts(told["decoder"])
        self._out = told["decoder"]["out.weight"], told["decoder"]["out.bias"]

    def translate(self, text: str) -> str:
        """Return the translation of a sentence; characters the vocabulary lacks are left out."""
        known = self._chinese.word2index
        numbers = [known[one] for one in _words(text) if one in known]
        state = torch.zeros(1, 1, 256)
        for number in (*numbers, _END):
            _, state = _step(self._read, number, state, relu=False)
        said: list[str] = []
        number = _START
        while len(said) < _MOST_WORDS:
            output, state = _step(self._write, number, state, relu=True)
            weight, bias = self._out
            number = int(torch.argmax(torch.nn.functional.linear(output[0, 0], weight, bias)))
            if number == _END:
                break
            said.append(self._english.index2word[number])
        return " ".join(said)


def _parts(weights: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.nn.GRU]:
    embedding = weights["embedding.weight"]
    gru = torch.nn.GRU(embedding.shape[1], embedding.shape[1])
    gru.load_state_dict({key[4:]: value for key, value in weights.items() if key.startswith("gru.")})
    return embedding, gru


def _step(
    parts: tuple[torch.Tensor, torch.nn.GRU], number: int, state: torch.Tensor, *, relu: bool
) -> tuple[Any, Any]:
    embedding, gru = parts
    one = embedding[number].view(1, 1, -1)
    return gru(torch.relu(one) if relu else one, state)  # type: ignore[no-any-return]


def _words(text: str) -> list[str]:
    """Return a sentence as it was trained: letters and quotes joined to words, all else one by one."""
    spaced = "".join(one if one in "abcdefghijklmnopqrstuvwxyz'\" " else f" {one} " for one in text.lower())
    return spaced.split()


def main() -> None:
    """Translate standard input, line by line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("wheel", type=Path)
    baseline = Baseline(parser.parse_args().wheel)
    with torch.inference_mode():
        for line in sys.stdin:
            print(baseline.translate(line), flush=True)


if __name__ == "__main__":
    main()
