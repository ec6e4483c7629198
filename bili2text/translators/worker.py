"""The translator's process: loads a model by the engine its folder is for, and answers its parent."""

from __future__ import annotations

from typing import NoReturn

from bili2text.remote.plain import plain, typed
from bili2text.remote.serve import Say, Service, serve, unknown
from bili2text.remote.wire import Frame
from bili2text.seq2seq.folder import holds_product
from bili2text.translators.engine import Load, Reply, Translator
from bili2text.translators.talk import WORDS, Generate, Part, Ready


def main() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    serve(lambda order: service(_loaded(typed(Load, order))), WORDS)


def service(translator: Translator) -> Service:
    """Return a loaded translator as its process serves it."""

    def answer(request: Frame, say: Say) -> Frame:
        if request.kind == "generate":
            return _generated(typed(Generate, request.body), translator, say)
        return unknown(request, WORDS)

    return Service(Ready(translator.precision), answer)


def _generated(asked: Generate, translator: Translator, say: Say) -> Frame:
    def told(index: int, reply: Reply) -> None:
        say(Frame("part", plain(Part(index, reply))))

    return Frame("generated", plain(translator.generate(asked.prompts, asked.decoding, told)))


def _loaded(load: Load) -> Translator:
    if load.engine == "transformers":
        from bili2text.translators.hf import HfTranslator

        return HfTranslator(load)
    if load.engine == "ctranslate2":
        if load.device == "cuda":
            from bili2text.gpu.libraries import load_cublas

            load_cublas()  # where it is missing, CTranslate2 says so itself
        if holds_product(load.folder):
            from bili2text.translators.workshop_engine import WorkshopTranslator

            return WorkshopTranslator(load)
        from bili2text.translators.ct2 import Ct2Translator

        return Ct2Translator(load)
    raise ValueError(f"{load.engine} is no engine that runs here")
