"""A Translator whose model lives in a process of its own: what kills that one, this one survives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from bili2text.gpu import allocator
from bili2text.remote.model import Program, RemoteModel, card_environment
from bili2text.remote.plain import plain
from bili2text.remote.stats import AccountWish
from bili2text.remote.wire import Frame
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply
from bili2text.translators.talk import WORDS, Generate, Part, Ready

# Nothing is looked up or sent: huggingface_hub, transformers and datasets each read their own. Tokenizers
# that run threads of their own warn, and may hang, where a process forks.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class RemoteTranslator(RemoteModel[Ready]):
    """A Translator in a child process, which ends with the thread that made it. Close it, or use `with`."""

    def __init__(
        self,
        load: Load,
        environ: Mapping[str, str],
        *,
        gpu: str = "",
        total_mib: int | None = None,
        account: AccountWish | None = None,
        warn: Callable[[str], None] = lambda _: None,
        module: str = "bili2text.translators.worker",
    ) -> None:
        """Start the process with `environ` and load the model, however long that takes.

        `gpu` is the UUID of the only card it shall see, which then is its card 0, and `total_mib` that card's
        memory. `warn` is called from another thread. `module` has the `main` that the process runs. Raises
        what the engine raises when it loads, DeviceFailure, RuntimeFailure or OutOfMemory when the process
        dies.
        """
        if gpu:
            load = replace(load, device_index=0)
        load = replace(load, folder=load.folder.absolute())
        super().__init__(
            Program(module, WORDS),
            load,
            Ready,
            child_environment(environ, load, gpu, total_mib),
            device=load.device,
            index=load.device_index,
            account=account,
            warn=warn,
        )
        self.precision = self.ready.precision

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order; `told` hears of each, in this thread, as it comes.

        Raises what the engine raises there, and for a process that dies DeviceFailure, RuntimeFailure,
        OutOfMemory when memory ran out, Interrupted when somebody told it to end. After an error of `told`
        the process can only be closed.
        """

        def part(frame: Frame) -> None:
            said = self._said(Part, frame)
            if told is not None:
                told(said.index, said.reply)

        asked = Frame("generate", plain(Generate(prompts, decoding)))
        return self._said(tuple[Reply, ...], self._ask(asked, part))


def child_environment(
    environ: Mapping[str, str], load: Load, gpu: str, total_mib: int | None
) -> dict[str, str]:
    """Return the environment of a translator's process: the parent's, offline, and what the engines read.

    What is planned for the CPU sees no card at all: torch would start CUDA on one that it is shown, and
    transformers decides by it whether FP8 weights stay FP8.
    """
    found = {**environ, **_OFFLINE}
    if load.device != "cuda":
        return {**found, "CUDA_VISIBLE_DEVICES": ""}
    if load.engine == "transformers":
        added = allocator.torch_environment(environ)
    else:
        added = allocator.whisper_environment(environ, sys.platform, total_mib=total_mib)
    return {**found, **added, **card_environment(environ, gpu)}
