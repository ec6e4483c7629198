"""A translator behind an OpenAI-compatible endpoint: Ollama, vLLM, llama.cpp, or our own server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import TypeVar

from bili2text.errors import DependencyError, RuntimeFailure, UsageError
from bili2text.files import clean_text
from bili2text.models.wire import Patience, TryAgainError
from bili2text.translators.api_address import address_of, check_key
from bili2text.translators.api_faults import NO_ENDPOINT, refusal
from bili2text.translators.api_talk import (
    body_of,
    complaint_of,
    document_of,
    is_ours,
    models_of,
    reply_of,
    unknown_fields,
)
from bili2text.translators.api_wire import Answer, Connection, UnreachableError
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply

# A server with few slots lets requests wait, and sends nothing until a reply is whole.
PATIENCE = Patience(timeout=300.0, attempts=5)
_OPENAI = "api.openai.com"
_LISTED = 5  # models that a hint names
Value = TypeVar("Value")


def key_for(base: str, environ: Mapping[str, str]) -> str:
    """Return the key for an endpoint from the environment; "" for none.

    OPENAI_API_KEY is OpenAI's: many have it set for other programs, and no other server is to see it. Raises
    UsageError for a wrong address.
    """
    own = environ.get("BILI2TEXT_API_KEY", "").strip()
    address = address_of(base)
    theirs = address.secure and not address.socket and address.host.lower() == _OPENAI
    return own or (environ.get("OPENAI_API_KEY", "").strip() if theirs else "")


class ApiTranslator:
    """A Translator over an endpoint.

    Of `Decoding`, scripts (`without`) and a beam exist on our own server alone and are left out elsewhere;
    what a server refuses to know (`seed`, `top_k`, ...) is left out from then on. Whether the same seed gives
    the same reply is the server's affair.
    """

    precision = "unknown"  # an endpoint does not say

    def __init__(
        self,
        load: Load,
        key: str = "",
        *,
        concurrency: int = 8,
        patience: Patience = PATIENCE,
        ours: bool = False,
    ) -> None:
        """Take `load.model` at `load.url`; without a name it is the only model there, which is asked for.

        `concurrency` is the number of requests at once, `patience.timeout` the seconds a whole answer may
        take, and `ours` says that the server is `serve-translation`. Raises UsageError for a wrong address,
        or a key that could be read on its way, and where there is not one model to take; and what `models`
        raises.
        """
        self._address = address_of(load.url)
        check_key(key, self._address)
        self._key = key
        self._concurrency = max(1, concurrency)
        self._patience = patience
        self.ours = ours  # asking for the models finds that out, too
        self._unknown: frozenset[str] = frozenset()  # fields that the server refused
        self._answered = False
        self._lines: list[Connection] = []  # kept from one call to the next
        self.model = load.model or self._only_model()

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order; `told` hears of each, in this thread, as it comes.

        `tokens` is 0 where the server does not count. Raises
        UsageError for a refused key, address or model, DependencyError when nobody answers there,
        RuntimeFailure when the server fails for longer than we are patient. Then, and on Ctrl-C, what is
        still being asked is broken off.
        """
        lines = self._opened(min(self._concurrency, len(prompts)))
        if not lines:
            return ()
        free: SimpleQueue[Connection] = SimpleQueue()
        for line in lines:
            free.put(line)
        stop = threading.Event()

        def ask(prompt: Prompt) -> Reply:
            line = free.get()
            try:
                return self._patiently(lambda: self._reply(line, prompt, decoding), stop)
            finally:
                free.put(line)

        found: dict[int, Reply] = {}
        pool = ThreadPoolExecutor(len(lines), thread_name_prefix="api")
        try:
            asked: dict[Future[Reply], int] = {
                pool.submit(ask, prompt): place for place, prompt in enumerate(prompts)
            }
            for future in as_completed(asked):
                place = asked[future]
                found[place] = future.result()
                if told is not None:
                    told(place, found[place])
        except BaseException:
            stop.set()
            for line in lines:
                line.hang_up()
            self._lines = []
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return tuple(found[place] for place in range(len(prompts)))

    def models(self) -> tuple[str, ...]:
        """Return the names of the models at the endpoint. Raises what `generate` raises."""
        (line,) = self._opened(1)
        return self._patiently(lambda: self._models(line), threading.Event())

    def close(self) -> None:
        """Let go of the connections; the model is the server's."""
        for line in self._lines:
            line.close()
        self._lines = []

    def _opened(self, count: int) -> list[Connection]:
        missing = count - len(self._lines)
        self._lines += [Connection(self._address, self._key, self._patience.timeout) for _ in range(missing)]
        return self._lines[:count]

    def _only_model(self) -> str:
        try:
            names = self.models()
        finally:
            self.close()
        if len(names) != 1:
            listed = ", ".join(clean_text(name) for name in names[:_LISTED])
            have = f"has {len(names)} models" if names else "has no model"
            raise UsageError(
                f"{self._address.shown} {have}: which one is meant?",
                hint=f"name one of them: {listed}" if listed else "load one there, or name it",
            )
        return names[0]

    def _patiently(self, attempt: Callable[[], Value], stop: threading.Event) -> Value:
        """Return what `attempt` returns, tried again while that may help and `stop` is not set."""
        failures = 0
        while True:
            try:
                return attempt()
            except TryAgainError as again:
                failures += 1
                if isinstance(again, UnreachableError) and not self._answered:
                    hint = "start the server there, or check --api-base"
                    raise DependencyError(again.reason, hint=hint) from again
                if failures >= self._patience.attempts:
                    raise RuntimeFailure(
                        again.reason, hint="look at the server, then run this again"
                    ) from again
                if stop.wait(self._patience.wait(failures, again.wait)):
                    raise

    def _reply(self, line: Connection, prompt: Prompt, decoding: Decoding) -> Reply:
        while True:
            body = body_of(prompt, decoding, self.model, ours=self.ours, unknown=self._unknown)
            answer = self._asked(line, "POST", "/chat/completions", json.dumps(body).encode())
            refused = answer.status in (400, 422)
            unknown = unknown_fields(complaint_of(answer.body, self._key), body) if refused else frozenset()
            if not unknown:
                return self._meant(answer, reply_of)
            self._unknown |= unknown

    def _models(self, line: Connection) -> tuple[str, ...]:
        answer = self._asked(line, "GET", "/models")
        names = self._meant(answer, models_of)
        self.ours = self.ours or self._meant(answer, is_ours)
        return names

    def _asked(self, line: Connection, method: str, path: str, body: bytes | None = None) -> Answer:
        answer = line.ask(method, path, body)
        self._answered = True
        return answer

    def _meant(self, answer: Answer, meaning: Callable[[Mapping[str, object]], Value]) -> Value:
        """Return what an answer means. Raises TryAgainError, UsageError or RuntimeFailure."""
        shown = self._address.shown
        if not 200 <= answer.status < 300:
            raise refusal(answer, shown, getattr(self, "model", ""), self._key)
        try:
            document = document_of(answer.body)
        except ValueError as error:  # a body that was cut off, or a proxy's page
            raise TryAgainError(f"{shown} did not answer with JSON") from error
        try:
            return meaning(document)
        except ValueError as error:
            said = complaint_of(answer.body, self._key) or str(error)
            raise RuntimeFailure(f"{shown} did not give a reply: {said}", hint=NO_ENDPOINT) from error
