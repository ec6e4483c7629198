"""Whisper on CTranslate2, by way of faster-whisper's parts. The only file that imports either.

faster-whisper's own batched pipeline decodes each window once: whatever the model leaves unsaid after
its last timestamp is lost (Chinese suffers most), and its fallback to higher temperatures is off.
Here a batch is decoded with timestamps, each window says where it stopped, and a window that fails the
thresholds is decoded again alone, as faster-whisper's sequential mode would.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import PrecisionFailure, UsageError
from bili2text.models.weights import can_align, read_dims
from bili2text.segments import Segment, Word
from bili2text.transcribe.abreast import Abreast, shares
from bili2text.transcribe.ct2_errors import translated
from bili2text.transcribe.encoded import Encoded
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.hypothesis import Hypothesis, compression_ratio, likeliest
from bili2text.transcribe.marks import COMMA, QUESTION, STOP, Tokens, Vocabulary, marked
from bili2text.transcribe.shorter import HOP, WHOLE, WIDEST, frames
from bili2text.transcribe.tokens import Piece, pieces

View = Any  # what CTranslate2 hands out has no types: a StorageView, or a result of one

_SEED = 20240229  # any constant: sampling at a temperature gives the same text on every run
# A card that computes nonsense in a precision gives token 0, which is "!", for ever: the largest of many NaN
# is the first (SYSTRAN/faster-whisper#689)
_NONSENSE = 0
_NONSENSE_TOKENS = 16
# Threads for the spectrograms of a batch, while a card waits for them: 16 took 0.28 s with one, 0.15 with two
_SPECTRA = 4
_KEPT = 4  # windows in which the language was looked for; 3 MiB each for base, 7.5 for large-v3


class Ct2Engine:
    """An Engine over one loaded model."""

    def __init__(self, load: Load, options: DecodeOptions) -> None:
        """Load the model. Raises ModelError, DependencyError, OutOfMemory or RuntimeFailure."""
        self._options = options
        self._load = load
        self._sampled = False  # whether this load of the model drew random numbers
        self._abreast = Abreast(load.workers)
        self._spectra = Abreast(_SPECTRA if load.device == "cuda" else 1)
        self._place = "the GPU" if load.device == "cuda" else "memory"
        # on Windows, sound encoded on the card and decoded there in a second call may come out wrong
        # (OpenNMT/CTranslate2#2089): it takes the way through RAM
        self._apart = load.device == "cuda" and sys.platform == "win32"
        # on a CPU several windows at once are no quicker; one by one each depends on itself alone
        self._one_by_one = load.device == "cpu"
        self.short = self._one_by_one and read_dims(load.folder / "model.bin").width <= WIDEST
        self._encoded = Encoded(_KEPT)
        self._aligns = can_align(load.folder)
        ctranslate2.set_random_seed(_SEED)
        with translated(self._place):
            self._whisper = WhisperModel(
                str(load.folder),
                device=load.device,
                device_index=load.device_index,
                compute_type=load.compute_type,
                cpu_threads=load.threads // load.workers,
                num_workers=load.workers,
                local_files_only=True,
            )
        self.multilingual = bool(self._whisper.model.is_multilingual)
        self._check(options)
        self.compute_type = str(self._whisper.model.compute_type)
        self._tokenizers: dict[str, Tokenizer] = {}

    def _check(self, options: DecodeOptions) -> None:
        """Refuse to translate with a model that has no word for it."""
        if options.task == "translate" and not self.multilingual:
            raise UsageError(
                "this model knows English alone: it cannot translate", hint="use --model medium or large-v3"
            )

    def check_language(self, language: str | None) -> None:
        """Raise UsageError for a language the model has no token for: it would answer, and wrongly."""
        if language is None or (language == "en" and not self.multilingual):
            return
        if not self.multilingual:
            raise UsageError(
                f"this model knows English alone, not {language!r}", hint="use a multilingual --model"
            )
        if self._whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            raise UsageError(
                f"this model does not know the language {language!r}", hint="use --model large-v3"
            )

    def languages(self, sounds: tuple[NDArray[np.float32], ...]) -> tuple[dict[str, float], ...]:
        """Return, for each window of sound, the probability of each language."""
        with translated(self._place):
            if self._one_by_one:
                found = self._abreast.map(self._language, sounds)
            else:
                found = self._whisper.model.detect_language(self._encode(list(sounds)))
        return tuple({token[2:-2]: float(probability) for token, probability in one} for one in found)

    def _language(self, sound: NDArray[np.float32]) -> list[tuple[str, float]]:
        encoded = self._encode_apart([sound])
        self._encoded.keep(sound, encoded[0])
        found: list[tuple[str, float]] = self._whisper.model.detect_language(_together([encoded]))[0]
        return found

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said, in order; all have the same language."""
        options = effort.on(self._options)
        if effort.bare:
            windows = tuple(replace(window, previous=(), prompt=None, hotwords=None) for window in windows)
        prompts = [self._prompt(window, options) for window in windows]
        with translated(self._place):
            return tuple(
                self._again(window, prompt, hypothesis, options)
                if hypothesis.fails(self._options) and len(options.temperatures) > 1
                else result
                for window, prompt, (hypothesis, result) in zip(
                    windows, prompts, self._first(windows, prompts, options), strict=True
                )
            )

    def _first(
        self, windows: tuple[Window, ...], prompts: list[list[int]], options: DecodeOptions
    ) -> list[tuple[Hypothesis, Decoded]]:
        """Decode all windows at the first temperature. What was encoded is let go before a model is."""
        if options.temperatures[0] > 0:
            self._reseed()
        elif len(windows) > 1 and self._abreast.workers < self._load.workers:
            self._reload(self._load.workers)
        batches = self._batches(windows, prompts)
        done = self._abreast.map(
            lambda batch: self._batch(
                [windows[one] for one in batch], [prompts[one] for one in batch], options
            ),
            batches,
        )
        found = {
            one: said
            for batch, all_said in zip(batches, done, strict=True)
            for one, said in zip(batch, all_said, strict=True)
        }
        return [found[one] for one in range(len(windows))]

    def _batches(self, windows: tuple[Window, ...], prompts: list[list[int]]) -> list[list[int]]:
        """Return which windows are decoded together: by number, enough batches for all workers.

        In one batch CTranslate2 wants sound of one length, and prompts whose text begins at the same place.
        """
        lengths = [self._frames(window.samples) for window in windows]
        starts = [
            prompt.index(self._tokenizer(window.language).sot)
            for window, prompt in zip(windows, prompts, strict=True)
        ]
        return shares([*zip(starts, lengths, strict=True)], lengths, self._abreast.workers)

    def _batch(
        self, windows: Sequence[Window], prompts: list[list[int]], options: DecodeOptions
    ) -> list[tuple[Hypothesis, Decoded]]:
        encoded = self._encode([window.samples for window in windows])
        hypotheses = self._generate(encoded, prompts, options.temperatures[0], windows[0].language, options)
        return list(zip(hypotheses, self._finish(windows, encoded, hypotheses), strict=True))

    def _reseed(self) -> None:
        """Make the next sampling draw from the start of the seed's numbers, by loading the model anew.

        CTranslate2 keeps one generator for each worker thread and seeds it once, when it is first asked
        (src/random.cc, src/cuda/random.cu); `unload_model` keeps the threads. A new model has new ones, and
        one worker alone, for which of several takes a call is chance.
        """
        if self._sampled or self._abreast.workers > 1:
            self._reload(1)
        self._sampled = True

    def _reload(self, workers: int) -> None:
        self._whisper.model.unload_model()  # first: there may be no room for two
        self._whisper.model = ctranslate2.models.Whisper(
            str(self._load.folder),
            device=self._load.device,
            device_index=self._load.device_index,
            compute_type=self._load.compute_type,
            inter_threads=workers,
            intra_threads=self._load.threads // workers,
        )
        self._abreast.close()
        self._abreast = Abreast(workers)
        self._sampled = False

    def close(self) -> None:
        """Let go of the model and its memory."""
        self._abreast.close()
        self._spectra.close()
        self._whisper.model.unload_model()

    def _encode(self, sounds: list[NDArray[np.float32]]) -> View:
        """Return the encoder's output for the windows, in parts where there is no room for all at once."""
        if self._one_by_one:
            return _together([self._encode_alone(sound) for sound in sounds])
        part = self._options.encoder_batch or len(sounds)
        if part >= len(sounds) and not self._apart:
            return self._whisper.encode(self._stacked(sounds))
        return _together(
            [self._encode_apart(sounds[start : start + part]) for start in range(0, len(sounds), part)]
        )

    def _encode_alone(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        kept = self._encoded.take(sound)
        return self._encode_apart([sound]) if kept is None else kept[np.newaxis]

    def _encode_apart(self, sounds: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the encoder's output in RAM."""
        view = ctranslate2.StorageView.from_array(self._stacked(sounds))
        return np.asarray(self._whisper.model.encode(view, to_cpu=True))

    def _stacked(self, sounds: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the log-mel spectrograms of windows of one length."""
        return np.stack(self._spectra.map(self._features, sounds))

    def _features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the log-mel spectrogram of one window, silence after the sound as in training."""
        count = self._frames(samples)
        padded = np.pad(samples[: count * HOP], (0, max(0, count * HOP - len(samples))))
        found: NDArray[np.float32] = self._whisper.feature_extractor(padded)[..., :count]
        return found

    def _frames(self, samples: NDArray[np.float32]) -> int:
        return frames(len(samples)) if self.short else WHOLE

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, self.multilingual, task=self._options.task, language=language
            )
        return self._tokenizers[language]

    def _prompt(self, window: Window, options: DecodeOptions | None = None) -> list[int]:
        """Return the tokens a window is told: what was said before, its language and task, how it begins.

        The model has room for 448 tokens. As in openai-whisper at most 223 of them come before the text:
        hotwords and prompt first, the end of the text before in what they leave.
        """
        options = options or self._options
        tokenizer = self._tokenizer(window.language)
        told: list[int] = []
        hotwords = window.hotwords or options.hotwords
        prompt_text = window.prompt or options.initial_prompt
        if hotwords:
            told += tokenizer.encode(" " + hotwords.strip())
        if prompt_text and (window.first or options.carry_initial_prompt):
            told += tokenizer.encode(" " + prompt_text.strip())
        room = self._whisper.max_length // 2 - 1
        told = told[:room]
        left = room - len(told)
        if left:
            told += window.previous[-left:]
        prompt = [tokenizer.sot_prev, *told] if told else []
        prompt += tokenizer.sot_sequence
        if options.prefix and window.first:
            prompt += [
                tokenizer.timestamp_begin,
                *tokenizer.encode(" " + options.prefix.strip())[: room // 2],
            ]
        return prompt

    def _generate(
        self,
        encoded: View,
        prompts: list[list[int]],
        temperature: float,
        language: str,
        options: DecodeOptions,
    ) -> list[Hypothesis]:
        tokenizer = self._tokenizer(language)
        search = (
            {"beam_size": 1, "num_hypotheses": options.best_of, "sampling_topk": 0}
            if temperature > 0
            else {"beam_size": options.beam_size, "patience": options.patience}
        )
        longest = max(len(prompt) for prompt in prompts)
        max_length = self._whisper.max_length
        if options.max_new_tokens is not None:
            # of the length it is given CTranslate2 decodes half at most (OpenNMT/CTranslate2#1856)
            new = options.max_new_tokens
            max_length = min(max_length, max(2 * new, longest - 1 + new))
        results = self._whisper.model.generate(
            encoded,
            prompts,
            sampling_temperature=temperature,
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=options.suppress_blank,
            suppress_tokens=get_suppressed_tokens(tokenizer, list(options.suppress_tokens)),
            max_initial_timestamp_index=round(options.max_initial_timestamp / self._whisper.time_precision),
            **search,
        )
        return [self._hypothesis(result, temperature, tokenizer) for result in results]

    def _hypothesis(self, result: View, temperature: float, tokenizer: Tokenizer) -> Hypothesis:
        tokens = tuple(result.sequences_ids[0])
        self._refuse_nonsense(tokens, float(result.scores[0]))
        # CTranslate2 divides the score by length^penalty; the threshold is on the mean over tokens and EOT
        total = result.scores[0] * len(tokens) ** self._options.length_penalty
        return Hypothesis(
            tokens=tokens,
            avg_logprob=float(total / (len(tokens) + 1)),
            no_speech_prob=float(result.no_speech_prob),
            compression_ratio=compression_ratio(tokenizer.decode(list(tokens)).strip()),
            temperature=temperature,
        )

    def _refuse_nonsense(self, tokens: tuple[int, ...], score: float) -> None:
        """Raise PrecisionFailure for what comes of NaN: a score that is none, or nothing but "!"."""
        only = len(tokens) >= _NONSENSE_TOKENS and set(tokens) == {_NONSENSE}
        if math.isnan(score) or only:
            raise PrecisionFailure(
                f"{self.compute_type} gives no text on this device, only {'!' if only else 'NaN'}",
                hint="use another --compute-type: int8_float32 or float32",
            )

    def _again(self, window: Window, prompt: list[int], first: Hypothesis, options: DecodeOptions) -> Decoded:
        """Decode one window at the higher temperatures until one passes; else the likeliest of all."""
        self._reseed()
        encoded = self._encode([window.samples])
        tried = [first]
        for temperature in options.temperatures[1:]:
            (hypothesis,) = self._generate(encoded, [prompt], temperature, window.language, options)
            tried.append(hypothesis)
            if not hypothesis.fails(self._options):
                break
        else:
            tried.append(replace(likeliest(tried, self._options), temperature=tried[-1].temperature))
        (decoded,) = self._finish((window,), encoded, tried[-1:])
        return decoded

    def _finish(
        self,
        windows: Sequence[Window],
        encoded: View,
        hypotheses: Sequence[Hypothesis],
    ) -> tuple[Decoded, ...]:
        """Cut the tokens of each window at their timestamps; set marks and time the words where asked."""
        if any(map(self._example, windows)):
            encoded = _in_ram(encoded)  # once, and not for each of them
        hypotheses = [
            self._marked(window, encoded, row, hypothesis)
            for row, (window, hypothesis) in enumerate(zip(windows, hypotheses, strict=True))
        ]
        tokenizer = self._tokenizer(windows[0].language)
        cut = [
            pieces(hypothesis.tokens, tokenizer.timestamp_begin, len(window.samples) / SAMPLE_RATE)
            for window, hypothesis in zip(windows, hypotheses, strict=True)
        ]
        timed: list[list[tuple[Word, ...]]] = [[()] * len(found) for found, _ in cut]
        if self._options.word_timestamps:
            timed = self._words(tokenizer, encoded, [found for found, _ in cut], windows)
        return tuple(
            self._decoded(tokenizer, hypothesis, found, resume, words)
            for hypothesis, (found, resume), words in zip(hypotheses, cut, timed, strict=True)
        )

    def _decoded(
        self,
        tokenizer: Tokenizer,
        hypothesis: Hypothesis,
        found: tuple[Piece, ...],
        resume: float | None,
        words: list[tuple[Word, ...]],
    ) -> Decoded:
        segments = tuple(
            Segment(
                start=spoken[0].start if spoken else piece.start,
                end=max(spoken[-1].end, spoken[0].start) if spoken else piece.end,
                text=tokenizer.decode(list(piece.tokens)),
                words=spoken,
                avg_logprob=hypothesis.avg_logprob,
                no_speech_prob=hypothesis.no_speech_prob,
                compression_ratio=hypothesis.compression_ratio,
                temperature=hypothesis.temperature,
            )
            for piece, spoken in zip(found, words, strict=True)
        )
        silent = hypothesis.silent(self._options)
        return Decoded(
            segments=() if silent else tuple(segment for segment in segments if segment.text.strip()),
            resume=None if silent else resume,
            silent=silent,
            tokens=() if silent else tuple(token for piece in found for token in piece.tokens),
            temperature=hypothesis.temperature,
        )

    def _example(self, window: Window) -> str | None:
        """Return the text after which the model is asked for the marks of a window; None: it is not asked."""
        return window.marks if self._aligns and self._options.task != "translate" else None

    def _marked(self, window: Window, encoded: View, row: int, hypothesis: Hypothesis) -> Hypothesis:
        """Return the text of one of the encoded windows with the marks it is to have.

        One window at a time: all text in one pass takes memory for each token and word of the vocabulary.
        """
        example = self._example(window)
        if example is None or hypothesis.silent(self._options):
            return hypothesis
        tokenizer = self._tokenizer(window.language)
        told = [tokenizer.sot_prev, *tokenizer.encode(" " + example), *tokenizer.sot_sequence]
        alone = _rows(encoded, [row])

        def probabilities(text: Tokens) -> Sequence[float]:
            (found,) = self._whisper.model.align(
                alone, told, [list(text)], [self._frames(window.samples)], median_filter_width=1
            )
            return [float(one) for one in found.text_token_probs]

        marks = {mark: tuple(tokenizer.encode(mark)) for mark in (STOP, COMMA, QUESTION)}
        vocabulary = Vocabulary(tokenizer.timestamp_begin, marks, tokenizer.decode)
        room = self._whisper.max_length - len(told) - 2  # `align` adds <|notimestamps|> and the end
        return replace(hypothesis, tokens=marked(hypothesis.tokens, vocabulary, probabilities, room))

    def _words(
        self,
        tokenizer: Tokenizer,
        encoded: View,
        found: list[tuple[Piece, ...]],
        windows: Sequence[Window],
    ) -> list[list[tuple[Word, ...]]]:
        """Return the words of each piece of each window, aligned by cross-attention."""
        drafts: list[list[dict[str, Any]]] = [
            [{"seek": 0, "start": p.start, "end": p.end, "tokens": list(p.tokens)} for p in window]
            for window in found
        ]
        # find_alignment refuses an empty window; one without text has no words to time
        spoken = [index for index, window in enumerate(drafts) if window]
        if spoken:
            self._whisper.add_word_timestamps(
                [drafts[index] for index in spoken],
                tokenizer,
                _rows(encoded, spoken),
                self._frames(windows[0].samples),
                self._options.prepend_punctuations,
                self._options.append_punctuations,
                0.0,
            )
        return [
            [_timed(draft.get("words", ()), len(window.samples) / SAMPLE_RATE) for draft in drafted]
            for drafted, window in zip(drafts, windows, strict=True)
        ]


def _timed(words: Sequence[dict[str, Any]], duration: float) -> tuple[Word, ...]:
    """Return faster-whisper's words as ours, within the sound of their window."""
    return tuple(
        Word(
            start=min(float(word["start"]), duration),
            end=min(max(float(word["start"]), float(word["end"])), duration),
            text=word["word"],
            probability=float(word["probability"]),
        )
        for word in words
    )


def _together(parts: list[NDArray[np.float32]]) -> View:
    """Return parts of an encoder's output as one."""
    return ctranslate2.StorageView.from_array(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _rows(encoded: View, rows: list[int]) -> View:
    """Return some windows of an encoder's output, on the CPU."""
    if encoded.shape[0] == len(rows):
        return encoded
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(_in_ram(encoded))[rows]))


def _in_ram(encoded: View) -> View:
    """Return an encoder's output on the CPU, in a type that numpy has."""
    whole = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    return whole.to(ctranslate2.DataType.float32) if whole.dtype == ctranslate2.DataType.bfloat16 else whole
