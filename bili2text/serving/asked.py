"""What a chat request asks for, and the answer to it, in OpenAI's form. Pure.

The form is that of https://platform.openai.com/docs/api-reference/chat; `top_k`, `repetition_penalty`,
`beam_size` and `without` are fields of ours beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bili2text.serving.values import Limits
from bili2text.translators.engine import Decoding, Message, Prompt, Reply, Role

_ROLES: Mapping[object, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_SCRIPTS = 16  # names in `without`
_BEAMS = 16
_SEEDS = 1 << 63
_MOST = 1 << 20  # of top_k


class BadRequestError(Exception):
    """A request that cannot be answered; the message says why, `status` how."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    prompt: Prompt
    decoding: Decoding
    stream: bool


def asked(body: bytes, model: str, limits: Limits) -> Asked:
    """Return what a request's body asks of `model`. Raises BadRequestError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the body is no JSON") from error
    if not isinstance(document, dict):
        raise BadRequestError("the body is no JSON object")
    # a field that is null was not given: clients write out all they know
    given = {name: value for name, value in document.items() if value is not None}
    if given.get("model", "") not in ("", model):
        raise BadRequestError(f"this server has the model {model!r} alone", 404)
    for name in ("tools", "functions", "stop"):
        if given.get(name):
            raise BadRequestError(f"{name} is not supported")
    if _whole(given, "n", 1, 1, 1 << 20) != 1:
        raise BadRequestError("n must be 1")
    named = "max_completion_tokens" if "max_completion_tokens" in given else "max_tokens"
    most = _whole(given, named, 256, 1, limits.new_tokens)
    return Asked(Prompt(_messages(given, limits), most), _decoding(given), _flag(given, "stream"))


def completion(reply: Reply, model: str, number: str, created: int) -> dict[str, Any]:
    """Return the answer that holds a whole reply; `number` is its id, `created` seconds since the epoch."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "finish_reason": _reason(reply),
    }
    return {
        "id": number,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": {"completion_tokens": reply.tokens},
    }


def events(reply: Reply, model: str, number: str, created: int) -> bytes:
    """Return the same as server-sent events: the whole text in one part, and the end."""
    head = {"id": number, "object": "chat.completion.chunk", "created": created, "model": model}
    deltas: Sequence[tuple[dict[str, str], str | None]] = (
        ({"role": "assistant", "content": reply.text}, None),
        ({}, _reason(reply)),
    )
    parts = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    said = [*(json.dumps(part) for part in parts), "[DONE]"]
    return "".join(f"data: {one}\n\n" for one in said).encode()


def error_body(message: str, status: int) -> dict[str, Any]:
    """Return the answer that tells of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "code": status}}


def _reason(reply: Reply) -> Literal["stop", "length"]:
    return "stop" if reply.finished else "length"


def _messages(given: Mapping[str, Any], limits: Limits) -> tuple[Message, ...]:
    listed = given.get("messages")
    if not isinstance(listed, list) or not 1 <= len(listed) <= limits.messages:
        raise BadRequestError(f"messages must be a list of 1 to {limits.messages}")
    return tuple(_message(one) for one in listed)


def _message(one: object) -> Message:
    if not isinstance(one, dict) or not isinstance(one.get("role"), str) or one["role"] not in _ROLES:
        raise BadRequestError("a message must have a role: system, user or assistant")
    text = _text(one.get("content"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRequestError("a message holds half a character") from error
    return Message(_ROLES[one["role"]], text)


def _text(content: object) -> str:
    """Return the text of a message: a string, or a list of parts that are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = [one.get("text") for one in parts if isinstance(one, dict) and one.get("type") == "text"]
    found = [text for text in texts if isinstance(text, str)]
    if len(found) != len(parts):
        raise BadRequestError("the content of a message must be text")
    return "".join(found)


def _decoding(given: Mapping[str, Any]) -> Decoding:
    return Decoding(
        beam_size=_whole(given, "beam_size", 1, 1, _BEAMS),
        # without a word about it, greedy: the same text for the same question
        temperature=_real(given, "temperature", 0.0, 0.0, 2.0),
        top_p=_real(given, "top_p", 1.0, 0.0, 1.0),
        top_k=max(0, _whole(given, "top_k", 0, -1, _MOST)),  # -1: vLLM's word for all
        repetition_penalty=_real(given, "repetition_penalty", 1.0, 0.1, 10.0),
        seed=_whole(given, "seed", 0, -_SEEDS, _SEEDS - 1),
        without=_scripts(given.get("without", [])),
    )


def _scripts(listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list) or len(listed) > _SCRIPTS:
        raise BadRequestError("without must be a list of scripts")
    found = tuple(one for one in listed if isinstance(one, str) and one.isascii() and one.isalpha())
    if len(found) != len(listed):
        raise BadRequestError("without must be a list of scripts")
    return found


def _whole(given: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadRequestError(f"{name} must be a whole number from {least} to {most}")
    return value


def _real(given: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequestError(f"{name} must be a number from {least:g} to {most:g}")
    return float(value) if math.isfinite(value) else default


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f"{name} must be true or false")
    return value
