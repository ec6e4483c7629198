"""What the speech engine's process does: loads Whisper and answers its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bili2text.remote.plain import plain, typed
from bili2text.remote.serve import Service, serve, unknown
from bili2text.remote.wire import Frame
from bili2text.transcribe.cpu import keep_memory
from bili2text.transcribe.engine import Effort
from bili2text.transcribe.talk import WORDS, Loading, Ready, windows_of

if TYPE_CHECKING:
    from bili2text.transcribe.ct2 import Ct2Engine


def run() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    serve(_load, WORDS)


def _load(order: object) -> Service:
    wanted = typed(Loading, order)
    if wanted.load.device == "cuda":
        from bili2text.gpu.libraries import load_cublas

        load_cublas()  # where it is missing, CTranslate2 says so itself
    else:
        keep_memory()  # before CTranslate2 is imported
    from bili2text.transcribe.ct2 import Ct2Engine

    engine = Ct2Engine(wanted.load, wanted.options)

    return Service(
        Ready(engine.multilingual, engine.short, engine.compute_type),
        lambda request, _: _answer(request, engine),
    )


def _answer(request: Frame, engine: Ct2Engine) -> Frame:
    if request.kind == "decode":
        effort = typed(Effort, typed(dict[str, object], request.body)["effort"])
        return Frame("decoded", plain(engine.decode(windows_of(request), effort)))
    if request.kind == "languages":
        return Frame("languages", plain(engine.languages(request.sounds)))
    if request.kind == "check_language":
        engine.check_language(None if request.body is None else typed(str, request.body))
        return Frame("known")
    return unknown(request, WORDS)
