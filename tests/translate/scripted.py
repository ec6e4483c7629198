"""A translator that says what a script has it say: behind the protocol of the real ones."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bili2text.errors import Bili2TextError, OutOfMemory
from bili2text.terms import Term
from bili2text.translate.records import Pin
from bili2text.translate.values import Piece, Sentence, Task
from bili2text.translators.engine import GREEDY, Decoding, Prompt, Reply

PIN = Pin("scripted", "0" * 8, "ctranslate2", "int8", 4, "cpu", "a CPU")

# What is said to one prompt of a batch: the prompt, the decoding, the whole batch, the prompt's place in it.
Speech = Callable[[Prompt, Decoding, tuple[Prompt, ...], int], Reply]
_THINGS = (
    "river mountain window kitchen garden teacher student picture morning evening weather traffic village "
    "market doctor journey station library bicycle letter harbour summer winter concert football history "
    "science orchard lantern blanket candle carpet ceiling chimney compass engine feather forest guitar "
    "hammer island jacket kettle ladder magnet mirror needle oven paper pencil pillow planet pocket rabbit "
    "ribbon saddle shadow silver spider"
).split()
_SAID = "我们今天来看看关于山水城市学校朋友音乐电影天气旅行故事历史科学厨房花园的问题和方法以及它们背后的道理"


def task(number: int, text: str, *, before: Sequence[str] = (), terms: Sequence[Term] = ()) -> Task:
    """A sentence that one line shows, and what is told with it."""
    sentence = Sentence(number, text, (Piece(number, text, 1.0),))
    return Task(sentence, tuple(before), (), tuple(terms))


def tasks(count: int) -> tuple[Task, ...]:
    """Chinese sentences of all lengths, each with the two before it."""
    texts = []
    for number in range(count):
        chance = random.Random(number)
        words = "".join(chance.choice(_SAID) for _ in range(chance.randrange(8, 30)))
        texts.append(f"{words}。")
    return tuple(
        task(number, text, before=texts[max(0, number - 2) : number]) for number, text in enumerate(texts)
    )


def english(mark: int, characters: int) -> str:
    """An English sentence about as long as so many Chinese characters, another one for each mark."""
    chance = random.Random(mark)
    words = [chance.choice(_THINGS) for _ in range(max(2, round(characters * 3 / 7)))]
    return f"The {' '.join(words)}."


def mark(*parts: object) -> int:
    """A number that any change of the parts changes."""
    return zlib.crc32(repr(parts).encode())


def wanted(prompt: Prompt, of: Sequence[Task]) -> Task:
    """The task that a prompt is about: of those its turns name, the one named last."""
    text = "\n".join(message.text for message in prompt.messages if message.role == "user")
    return max(of, key=lambda one: (text.rfind(one.sentence.text), len(one.sentence.text)))


def like_int8(of: Sequence[Task], bad: int = 0, never: int | None = None) -> Speech:
    """Good replies that depend on the whole batch and the decoding, as int8's do, and on the place in it.

    One reply in `bad` is the source, as it happens to fall; of the sentence `never` each one.
    """

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        asked = wanted(prompt, of).sentence
        text, number = asked.text, mark(batch, decoding, place)
        wrong = asked.number == never or (bad and number % bad == 0)
        return Reply(text if wrong else english(number, len(text)), 9, finished=True)

    return say


@dataclass
class Scripted:
    """The translator."""

    speech: Speech
    trouble: Mapping[int, BaseException] = field(default_factory=dict)  # by the number of the call
    slow: float = 0.0  # seconds before each reply is told
    shuffle: int | None = None  # the seed of the order in which replies are told
    silent: bool = False  # `told` is never called
    precision: str = "int8"
    calls: list[tuple[tuple[Prompt, ...], Decoding]] = field(default_factory=list)

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        number = len(self.calls)
        self.calls.append((prompts, decoding))
        replies = tuple(self.speech(prompt, decoding, prompts, at) for at, prompt in enumerate(prompts))
        order = list(range(len(prompts)))
        if self.shuffle is not None:
            random.Random(self.shuffle + number).shuffle(order)
        trouble = self.trouble.get(number)
        # an engine that fails has often said something before
        for at in order[: len(order) // 2] if trouble else order:
            time.sleep(self.slow)
            if told is not None and not self.silent:
                told(at, replies[at])
        if trouble:
            raise trouble
        return replies

    def close(self) -> None: ...


@dataclass
class Held:
    """A holder of scripted translators."""

    translator: Scripted
    pin: Pin = PIN
    plans: list[Pin] = field(default_factory=list)  # to step down to
    revivals: int = 0
    begun: list[Pin | None] = field(default_factory=list)
    deaths: list[int] = field(default_factory=list)

    def begin(self, pin: Pin | None) -> tuple[str, ...]:
        self.begun.append(pin)
        if pin is not None:
            self.pin = replace(pin, batch_size=min(pin.batch_size, self.pin.batch_size))
        return ("it is the only one",)

    def smaller(self, error: OutOfMemory) -> None:
        assert self.pin.batch_size > 1, error
        self.pin = replace(self.pin, batch_size=self.pin.batch_size // 2)

    def step_down(self, error: Bili2TextError) -> None:
        if not self.plans:
            raise error
        self.pin = self.plans.pop(0)

    def revive(self, error: Bili2TextError, group: int) -> bool:
        self.deaths.append(group)
        return len(self.deaths) <= self.revivals
