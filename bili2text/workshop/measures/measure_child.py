"""The process that is measured: a converted model and nothing else, so that its memory is a device's."""

from __future__ import annotations

from typing import NoReturn

from bili2text.remote.plain import plain, typed
from bili2text.remote.serve import Say, Service, serve, unknown
from bili2text.remote.wire import Frame
from bili2text.workshop.measures.measure import WORDS, Ask, Ready, Subject
from bili2text.workshop.measures.timing import Spoken, Translates, one_by_one


def main() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    serve(lambda order: service(*_loaded(typed(Subject, order))), WORDS)


def service(model: Translates, precision: str) -> Service:
    """Return a loaded model as its process serves it."""

    def answer(request: Frame, say: Say) -> Frame:  # noqa: ARG001 - every answer is whole
        if request.kind == "speak":
            return Frame("spoken", plain(_spoken(model, typed(Ask, request.body))))
        return unknown(request, WORDS)

    return Service(Ready(precision), answer)


def _spoken(model: Translates, ask: Ask) -> tuple[Spoken, ...]:
    if ask.alone:
        return one_by_one(model, ask.texts, ask.way, ask.search, warm_ups=ask.warm_ups)
    said = model.translate(ask.texts, ask.way, beams=ask.search.beams, max_tokens=ask.search.max_tokens)
    return tuple(Spoken(one.text, one.source_tokens, one.tokens) for one in said)


def _loaded(subject: Subject) -> tuple[Translates, str]:
    if subject.device == "cuda":
        from bili2text.gpu.libraries import load_cublas

        load_cublas()  # where it is missing, CTranslate2 says so itself
    from bili2text.seq2seq.ct2 import Seq2Seq

    model = Seq2Seq(subject.folder, device=subject.device, threads=subject.threads)
    return model, model.precision
