"""The programs that are measured, and how each is called: int8 where it can, all else at its default."""

from __future__ import annotations

from pathlib import Path

from benchmarking.values import OURS, Program

_HERE = Path(__file__).resolve().parent
_CT2 = ("--device", "cpu", "--compute_type", "int8", "--threads", "{threads}")
_FILES = ("--output_dir", "{out}", "--output_format", "txt")
# what an earlier run has heard is not to be taken from its journal
_OURS = ("{python}", "-m", "cli.main", "audio", "{audio}", "--model", "{model}", "--threads", "{threads}",
         "-f", "txt", "-o", "{out}", "--fresh", "--overwrite", "--progress", "json")  # fmt: skip
# it prints no text: the first second of sound that is done stands for it
_HEARD = r'"stage": "transcribe", "done": (?!0\.)'
_FASTER_WHISPER = ("{python}", str(_HERE / "faster_whisper_child.py"), "{audio}", "{model}", "{threads}")
_WCT2 = ("whisper-ctranslate2",)
_WCT2_RUN = ("{bin}/whisper-ctranslate2", "{audio}", "--model_directory", "{model}", *_CT2, *_FILES)

PROGRAMS = (
    Program(OURS, (), "ctranslate2", _OURS, prints=_HEARD, fine=(0, 6)),
    Program(
        "faster-whisper", ("faster-whisper",), "ctranslate2", (*_FASTER_WHISPER, "0"),
        language=("{language}",), prints=r"^segment: ", text="lines",
    ),
    Program(
        "faster-whisper-batched", ("faster-whisper",), "ctranslate2", (*_FASTER_WHISPER, "8"),
        language=("{language}",), prints=r"^segment: ", text="lines",
    ),
    Program("whisper-ctranslate2", _WCT2, "ctranslate2", _WCT2_RUN),
    Program("whisper-ctranslate2-batched", _WCT2, "ctranslate2", (*_WCT2_RUN, "--batched", "True")),
    Program(
        "openai-whisper", ("openai-whisper",), "torch",
        ("{bin}/whisper", "{audio}", "--model", "{model}", "--device", "cpu", "--fp16", "False",
         "--threads", "{threads}", *_FILES),
        slow=True,
    ),
    Program(
        "pywhispercpp", ("pywhispercpp",), "ggml",
        ("{python}", str(_HERE / "pywhispercpp_child.py"), "{audio}", "{model}", "{threads}"),
        language=("{language}",), prints=r"^segment: ", text="lines", slow=True,
    ),
    Program(
        "whisperx", ("whisperx",), "ctranslate2",
        ("{bin}/whisperx", "{audio}", "--model", "{model}", *_CT2, *_FILES, "--batch_size", "8",
         "--no_align"),
        slow=True,
    ),
)  # fmt: skip
