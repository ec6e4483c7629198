"""One text by two translators, for a comparison: each is loaded, asked and let go, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bili2text.captions.values import Captions
from bili2text.compare.values import Contest, Side, key_of
from bili2text.errors import Bili2TextError, OutOfMemory, UsageError
from bili2text.jobs.store import Jobs
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.seq2seq.values import Way
from bili2text.translate.records import Pin
from bili2text.translate.told import Translated
from bili2text.translation_job import Desk, Job, Origin, job_of
from bili2text.translation_request import TranslationRequest
from bili2text.translator_endpoint import EndpointHolder, endpoint
from bili2text.translator_loading import TranslatorLoader
from bili2text.translators.engine import GREEDY, Decoding, Prompt, Reply, Translator
from bili2text.translators.values import Profile


def contest(
    name: str,
    captions: Captions,
    requests: tuple[TranslationRequest, TranslationRequest],
    progress: Progress,
    environ: Mapping[str, str],
) -> Contest:
    """Return what both translators say of the same sentences; what one said before is taken from its journal.

    Raises UsageError for a text without sentences, and what translating raises.
    """
    first, job = _side(name, captions, requests[0], progress, environ)
    second, _ = _side(name, captions, requests[1], progress, environ)
    asked = tuple(task.sentence for task in job.tasks)
    if not asked:
        raise UsageError(f"there is nothing to translate in {name}")
    key = key_of(job.direction, asked, (first, second))
    return Contest(key, captions.title or name, job.direction, asked, (first, second))


def _side(
    name: str,
    captions: Captions,
    request: TranslationRequest,
    progress: Progress,
    environ: Mapping[str, str],
) -> tuple[Side, Job]:
    there = endpoint(request, environ, progress)
    holder = _Counting(there or TranslatorLoader(request, progress, environ))
    try:
        job = job_of(
            Desk(request, holder, Jobs(cache_dir(environ)), progress, environ), Origin(name, captions)
        )
        work = job.done()
        job.note(len(job.tasks), "finished")
        return _of(work, holder), job
    finally:
        holder.close()


def _of(work: Translated, holder: _Counting) -> Side:
    pin = work.pin
    taken = holder.taken() if work.asked else {}
    return Side(
        name=pin.model if pin else "",
        engine=pin.engine if pin else "",
        precision=pin.precision if pin else "",
        device=pin.device_name if pin else "",
        said=work.said,
        seconds=work.work if work.asked else 0.0,
        tokens=holder.tokens,
        peak_mib=taken.get("peak_mib") or taken.get("ram_mib"),
        asked=work.asked,
    )


class _Counting:
    """A holder that counts the tokens its translator generates."""

    def __init__(self, held: TranslatorLoader | EndpointHolder) -> None:
        self._held = held
        self.tokens = 0

    @property
    def translator(self) -> Translator:
        """The held one, its tokens counted."""
        return _Counted(self._held.translator, self._count)

    @property
    def profile(self) -> Profile:
        """As the held one."""
        return self._held.profile

    @property
    def ways(self) -> tuple[Way, ...]:
        """As the held one."""
        return self._held.ways

    @property
    def pin(self) -> Pin:
        """As the held one."""
        return self._held.pin

    def begin(self, pin: Pin | None) -> tuple[str, ...]:
        """As the held one."""
        return self._held.begin(pin)

    def smaller(self, error: OutOfMemory) -> None:
        """As the held one."""
        self._held.smaller(error)

    def step_down(self, error: Bili2TextError) -> None:
        """As the held one."""
        self._held.step_down(error)

    def revive(self, error: Bili2TextError, group: int) -> bool:
        """As the held one."""
        return self._held.revive(error, group)

    def taken(self) -> Mapping[str, int | None]:
        """Return the memory taken, in MiB; nothing of a server's is known."""
        return self._held.taken() if isinstance(self._held, TranslatorLoader) else {}

    def close(self) -> None:
        """Let go of the translator."""
        self._held.close()

    def _count(self, reply: Reply) -> None:
        self.tokens += reply.tokens


class _Counted:
    """A translator whose replies are counted."""

    def __init__(self, inner: Translator, count: Callable[[Reply], None]) -> None:
        self._inner = inner
        self._count = count
        self.precision = inner.precision

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """As the inner one."""
        replies = self._inner.generate(prompts, decoding, told)
        for reply in replies:
            self._count(reply)
        return replies

    def close(self) -> None:
        """As the inner one."""
        self._inner.close()
