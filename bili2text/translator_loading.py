"""The translator of a run: planned and loaded for the first sentence, another when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bili2text.errors import Bili2TextError, OutOfMemory, RuntimeFailure
from bili2text.gpu.account import Watching
from bili2text.gpu.probe import free_mib_now
from bili2text.models.stamps import Stamps
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.remote.freed import wait_until_free
from bili2text.remote.stats import AccountWish
from bili2text.seq2seq.values import Way
from bili2text.translate.holder import CARD_FAILURES
from bili2text.translate.records import Pin, alike
from bili2text.translation_request import TranslationRequest
from bili2text.translator_planning import Look, TranslatorPlanner
from bili2text.translators import folders
from bili2text.translators.engine import Load
from bili2text.translators.fingerprint import fingerprint
from bili2text.translators.remote import RemoteTranslator
from bili2text.translators.values import Profile, TranslatorPlan

_REVIVALS = 2  # of the translator for one group: what kills three in a row will kill the next
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Loaded:
    plan: TranslatorPlan
    translator: RemoteTranslator
    digest: str


class TranslatorLoader:
    """Holds the plan and the one loaded translator of a run: a Holder. Close it."""

    def __init__(
        self,
        request: TranslationRequest,
        progress: Progress,
        environ: Mapping[str, str],
        look: Look | None = None,
    ) -> None:
        """Nothing is probed or loaded yet; `look` stands in for looking at this machine."""
        self.planner = TranslatorPlanner(request, progress, environ, look)
        self._progress = progress
        self._environ = environ
        self._loaded: _Loaded | None = None
        self._died_at: list[int] = []  # groups of this job

    def check(self) -> TranslatorPlan:
        """Return the plan as of now, or the loaded one, raising what is wrong before any work is done."""
        return self.planner.plan() if self._loaded is None else self._loaded.plan

    @property
    def translator(self) -> RemoteTranslator:
        """The loaded translator; one that died is loaded again."""
        loaded = self._now
        if not loaded.translator.usable:
            self._let_go()
            loaded = self._loaded = self._started(loaded.plan)
        return loaded.translator

    @property
    def profile(self) -> Profile:
        """How the model wants to be asked; nothing is loaded for this."""
        return self.check().model.profile

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that the model was made for; () for a chat model. Nothing is loaded for this."""
        return self.check().model.ways

    @property
    def plan(self) -> TranslatorPlan:
        """The plan of the loaded translator."""
        return self._now.plan

    @property
    def pin(self) -> Pin:
        """What of the loaded translator decides the words."""
        loaded = self._now
        plan = loaded.plan
        return Pin(
            plan.model.name,
            loaded.digest,
            plan.model.engine,
            loaded.translator.precision,
            plan.batch_size,
            plan.device,
            plan.device_name,
        )

    def begin(self, pin: Pin | None) -> tuple[str, ...]:
        """Load what a pin says, as far as it fits here now, or what is planned now; return the reasons.

        A translator that is loaded stays, unless the pin says another.
        """
        self._died_at = []
        if self._loaded is None or (pin is not None and not self._writes_as(pin)):
            self.close()
            self._load(self.planner.plan() if pin is None else self.planner.plan_like(pin))
        return self.plan.reasons

    def smaller(self, error: OutOfMemory) -> None:
        """Halve the batch, and remember that the whole had no room; raise the error where it must not be."""
        loaded = self._now
        if not self.planner.may_shrink(loaded.plan):
            raise error
        taken = loaded.translator.stats().taken if loaded.translator.usable else None
        self.planner.lacked(loaded.plan, taken.peak_mib or 0 if taken else 0)
        half = replace(loaded.plan, batch_size=loaded.plan.batch_size // 2)
        self._progress.warn(f"{error.message}; going on with {half.batch_size} sentences at once")
        if loaded.translator.usable:
            self._loaded = replace(loaded, plan=half)  # what is sent at once is what is computed at once
        else:
            self._let_go()
            self._loaded = self._started(half)

    def step_down(self, error: Bili2TextError) -> None:
        """Replace the translator whose device failed by that of the next plan, or raise the error."""
        plan = self.plan
        self.close()
        self._load(self.planner.after(plan, error))

    def revive(self, error: Bili2TextError, group: int) -> bool:
        """Load the same plan again where the process died at a group, and return whether that was done.

        Not for an error that it lived on with, nor for the third death at one group.
        """
        loaded = self._loaded
        if type(error) is not RuntimeFailure or loaded is None or loaded.translator.usable:
            return False
        self._died_at.append(group)
        if self._died_at.count(group) > _REVIVALS:
            return False
        self._progress.warn(f"{error.message}; trying once more with a new one")
        self._let_go()
        try:
            self._loaded = self._started(loaded.plan)
        except Bili2TextError:
            return False
        return True

    def taken(self) -> dict[str, Any]:
        """Return what the translator took so far, of RAM and of its card; later plans reckon with it."""
        if self._loaded is None:
            return {}
        plan, stats = self._loaded.plan, self._loaded.translator.stats()
        found: dict[str, Any] = {"planned_mib": plan.need_mib, "ram_mib": stats.peak_rss_mib}
        if stats.taken is not None and stats.taken.peak_mib:
            found["peak_mib"] = stats.taken.peak_mib
            self.planner.took(plan, stats.taken.peak_mib)
        return found

    def close(self) -> None:
        """Let go of the translator, and wait until its card has its memory back."""
        if self._loaded is None:
            return
        plan = self._loaded.plan
        before = free_mib_now(plan.gpu) if plan.gpu else None
        self.taken()
        self._let_go()
        if before is not None:
            wait_until_free(plan.gpu, before, plan.model.weight_bytes // 2 // _MIB)

    @property
    def _now(self) -> _Loaded:
        if self._loaded is None:
            self.begin(None)
        assert self._loaded is not None  # noqa: S101 - for the type checker: `begin` has loaded it
        return self._loaded

    def _let_go(self) -> None:
        if self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            loaded.translator.close()

    def _writes_as(self, pin: Pin) -> bool:
        return alike(self.pin, pin)

    def _load(self, plan: TranslatorPlan) -> None:
        """Load a plan, or the first of those after it that can be loaded."""
        while self._loaded is None:
            for reason in plan.reasons:
                self._progress.note(f"plan: {reason}")
            try:
                self._loaded = self._started(plan)
            except CARD_FAILURES as error:
                plan = self.planner.after(plan, error)

    def _started(self, plan: TranslatorPlan) -> _Loaded:
        model = plan.model
        stamps = Stamps(folders.models_dir(self._environ) / ".stamps")
        digest = fingerprint(model.path, stamps, self._progress)
        load = Load(
            folder=model.path,
            engine=model.engine,
            device=plan.device,
            device_index=plan.device_index,
            precision=plan.precision,
            batch_size=plan.batch_size,
            threads=plan.threads,
        )
        account = None
        if plan.device == "cuda":
            account = AccountWish(plan.gpu, Watching(), cache_dir(self._environ) / "monitor")
        self._progress.note(f"loading {model.name}, {model.weight_bytes / 1e9:.1f} GB")
        translator = RemoteTranslator(
            load,
            self._environ,
            gpu=plan.gpu,
            total_mib=plan.total_mib,
            account=account,
            warn=self._progress.warn,
        )
        self._progress.note(f"loaded {model.path} in {translator.precision} (process {translator.pid})")
        return _Loaded(plan, translator, digest)
