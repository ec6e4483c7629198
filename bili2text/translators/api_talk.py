"""What is said to an OpenAI-compatible server, and what its answers mean. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from bili2text.files import clean_text
from bili2text.translators.engine import Decoding, Prompt, Reply

# What a server may not know, and how its complaint names it. `chat_template_kwargs` turns thinking off in
# vLLM, SGLang and llama.cpp, `reasoning_effort` in Ollama (ollama/ollama#14820).
_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "chat_template_kwargs": ("chat_template", "enable_thinking"),
    "reasoning_effort": ("reasoning",),
    "repetition_penalty": ("repetition_penalty",),
    "beam_size": ("beam_size",),
    "without": ("without",),
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "seed": ("seed",),
}
OWNER = "bili2text"  # of our own server's model, in its list of models
_COMPLAINT = 300  # characters of a server's message that are shown
_STOPPED = (None, "", "stop")


def body_of(
    prompt: Prompt, decoding: Decoding, model: str, *, ours: bool, unknown: Collection[str] = ()
) -> dict[str, Any]:
    """Return the request for a reply to `prompt`, without the fields that the server does not know.

    `ours` adds what our own server understands beside them.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": one.role, "content": one.text} for one in prompt.messages],
        "max_tokens": prompt.max_new_tokens,
        "temperature": decoding.temperature,
        "stream": False,
        "chat_template_kwargs": {"enable_thinking": False},
        "reasoning_effort": "none",
    }
    if decoding.temperature > 0:
        body |= {"top_p": decoding.top_p, "seed": decoding.seed}
        if decoding.top_k > 0:
            body["top_k"] = decoding.top_k
    if decoding.repetition_penalty != 1.0:
        body["repetition_penalty"] = decoding.repetition_penalty
    if ours:
        body |= {"beam_size": decoding.beam_size, "without": list(decoding.without)}
    return {name: value for name, value in body.items() if name not in unknown}


def unknown_fields(complaint: str, body: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of a refused request that the server's complaint names and that it can go without."""
    said = complaint.lower()
    return frozenset(
        name for name, marks in _OPTIONAL.items() if name in body and any(mark in said for mark in marks)
    )


def document_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises ValueError when there is none."""
    try:
        found = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - what came is wrong, not the type of an argument
    return found


def reply_of(answer: Mapping[str, Any]) -> Reply:
    """Return the reply in an answer. Raises ValueError where it makes no sense."""
    choice = _first(answer.get("choices"))
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("a choice without a message")  # noqa: TRY004
    text = message.get("content")
    if text is not None and not isinstance(text, str):
        raise ValueError("a message that is no text")
    usage = answer.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        tokens = 0  # it does not count
    return Reply(
        text=_writable(text or ""),
        tokens=tokens,
        finished=choice.get("finish_reason") in _STOPPED,
    )


def is_ours(answer: Mapping[str, Any]) -> bool:
    """Return whether a list of models is that of `serve-translation`."""
    listed = answer.get("data")
    first = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    return isinstance(first, dict) and first.get("owned_by") == OWNER


def models_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the models that a server has. Raises ValueError where the answer makes no sense."""
    listed = answer.get("data")
    if listed is None and "data" in answer:
        return ()  # Ollama without models
    if not isinstance(listed, list):
        raise ValueError("no list of models")  # noqa: TRY004
    names = [one.get("id") for one in listed if isinstance(one, dict)]
    return tuple(name for name in names if isinstance(name, str) and name)


def complaint_of(body: bytes, secret: str) -> str:
    """Return what a server said was wrong, on one short line and without `secret`; "" for nothing of use."""
    try:
        answer = document_of(body)
    except ValueError:
        return ""
    said: Any = answer.get("error", answer.get("message", answer.get("detail", "")))
    if isinstance(said, dict):
        said = said.get("message", "")
    if isinstance(said, list):
        said = json.dumps(said, ensure_ascii=False)  # FastAPI lists what is wrong with each field
    if not isinstance(said, str):
        return ""
    if secret:
        said = said.replace(secret, "…")
    return clean_text(_writable(said))[:_COMPLAINT]


def _first(choices: object) -> dict[str, Any]:
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("no choices")
    found: dict[str, Any] = choices[0]
    return found


def _writable(text: str) -> str:
    # JSON can hold half of a surrogate pair, which no file takes
    return text.encode("utf-8", "replace").decode("utf-8")
