"""A Translator over a small encoder-decoder of the workshop: the sentence alone goes in, no chat.

The system's turn says the direction, "zh-en". A prompt of anybody else's, as one put to serve-translation, is
translated by its last turn, from the language that is written in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bili2text.chinese.script import written_in
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.ct2 import Output, Seq2Seq
from bili2text.seq2seq.search import Sampling
from bili2text.seq2seq.values import LANGUAGE_TOKENS, SPECIALS, WAYS, Way
from bili2text.transcribe.writing import script
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply
from bili2text.translators.scripts_of import numbers_of_scripts

_BLANK = "Ġ"  # the name of a blank where tokens are named as GPT-2 does


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a prompt wants translated."""

    place: int  # among the prompts
    text: str
    way: Way


class WorkshopTranslator:
    """A Translator over one loaded model."""

    def __init__(self, load: Load) -> None:
        """Load the model. Raises as Seq2Seq does."""
        precision = "default" if load.precision == "auto" else load.precision
        self._model = Seq2Seq(load.folder, load.device, load.device_index, precision, load.threads)
        self._batch = max(1, load.batch_size)
        self._forbidden: dict[frozenset[str], tuple[int, ...]] = {}
        self.precision = self._model.precision

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order; see the protocol. All of a batch are told at its end.

        A sentence that the model has too few positions for is translated in pieces, cut where it reads best.
        Raises UsageError for a direction that the model does not know.
        """
        asked = [self._asked(place, prompt) for place, prompt in enumerate(prompts)]
        found: dict[int, Reply] = {}
        for way in dict.fromkeys(one.way for one in asked):
            same = [one for one in asked if one.way == way]
            for first in range(0, len(same), self._batch):
                part = same[first : first + self._batch]
                most = max(prompts[one.place].max_new_tokens for one in part)
                outputs = self._outputs([one.text for one in part], way, decoding, most)
                for one, output in zip(part, outputs, strict=True):
                    found[one.place] = reply = Reply(output.text, output.tokens, output.finished)
                    if told is not None:
                        told(one.place, reply)
        return tuple(found[place] for place in range(len(prompts)))

    def close(self) -> None:
        """Let go of the model and its memory."""
        self._model.close()

    def _asked(self, place: int, prompt: Prompt) -> _Asked:
        text = next((one.text for one in reversed(prompt.messages) if one.role == "user"), "")
        way = self._way((one.text for one in prompt.messages if one.role == "system"), text)
        # models of the workshop learn from simplified Chinese
        return _Asked(place, written_in(text, "simplified") if way == "zh-en" else text, way)

    def _way(self, said: Iterable[str], text: str) -> Way:
        """Return the direction that is said, else the one that starts from the script of the text."""
        told = [one for one in said if one in WAYS]
        if told:
            return "zh-en" if told[0] == "zh-en" else "en-zh"
        known = self._model.product.ways
        if len(known) == 1:
            return known[0]
        return "zh-en" if any(script(one) == "HAN" for one in text) else "en-zh"

    def _outputs(self, texts: Sequence[str], way: Way, decoding: Decoding, most: int) -> tuple[Output, ...]:
        return self._model.translate(
            texts,
            way,
            beams=decoding.beam_size,
            max_tokens=most,
            batch=self._batch,
            sampling=_sampling(decoding),
            repetition_penalty=decoding.repetition_penalty,
            suppress=self._suppressed(decoding.without),
            whole=True,
        )

    def _suppressed(self, scripts: Sequence[str]) -> tuple[int, ...]:
        wanted = frozenset(scripts)
        if wanted and wanted not in self._forbidden:
            self._forbidden[wanted] = _writing(self._model.codec, wanted)
        return self._forbidden.get(wanted, ())


def _sampling(decoding: Decoding) -> Sampling | None:
    if decoding.temperature <= 0:
        return None
    return Sampling(decoding.temperature, decoding.top_k, decoding.top_p, decoding.seed)


def _writing(codec: Codec, scripts: frozenset[str]) -> tuple[int, ...]:
    """Return the tokens that write in one of the scripts; never a special one."""
    names = codec.tokens(range(codec.size))
    special = {*SPECIALS, *LANGUAGE_TOKENS.values()}
    named = ((name, number) for number, name in enumerate(names) if name not in special)
    return tuple(numbers_of_scripts(named, scripts, byte_level=_BLANK in names))
