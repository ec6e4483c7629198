"""A model's own chat template: turns -> the text the model was trained on. The only file that imports jinja2.

A template is a program that came with a model. It is run in jinja2's sandbox and within limits, and has the
names, filters and settings that transformers gives it (utils/chat_template_utils.py), so that it writes the
same text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Sized
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bili2text.errors import ModelError
from bili2text.files import clean_text
from bili2text.translators.template_limits import limited

LARGEST = 1 << 20  # characters of a template; Qwen3's has 4,000
_LONGEST = 1 << 22  # characters of what one writes, or items of what it multiplies
_BITS = 1 << 16  # of a number that it computes
_SHOWN = 160


class Template:
    """A compiled template."""

    def __init__(self, source: str, names: Mapping[str, str]) -> None:
        """Compile it; `names` are the special tokens it may name: bos_token... Raises ModelError."""
        if len(source) > LARGEST:
            raise ModelError("the model's chat template is too large to be one")
        self._names = dict(names)
        try:
            with limited():  # what is constant is computed at once
                self._template = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError, MemoryError) as error:
            raise _broken(error) from error

    def render(self, turns: Sequence[Mapping[str, str]], *, asking: bool) -> str:
        """Return the text of the turns, with thinking off; `asking` begins the assistant's next turn.

        Raises ModelError where the template refuses these turns or fails.
        """
        try:
            with limited():
                return self._text(turns, asking)
        # whatever the template does wrong: it calls strings, adds numbers to text, names what is not there
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
                RecursionError, MemoryError) as error:  # fmt: skip
            raise _broken(error) from error

    def _text(self, turns: Sequence[Mapping[str, str]], asking: bool) -> str:
        parts, length = [], 0
        for part in self._template.generate(
            messages=[dict(turn) for turn in turns],
            tools=None,
            documents=None,
            add_generation_prompt=asking,
            enable_thinking=False,
            **self._names,
        ):
            parts.append(part)
            length += len(part)
            if length > _LONGEST:
                raise ModelError("the model's chat template writes without end")
        return "".join(parts)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Refuses the sums of which a few characters take all time and memory, also where no limit holds."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's
        size = _bits(left) + _bits(right) if operator == "*" else _bits(left) * abs(right)
        if size > _BITS or _items(left, right) > _LONGEST:
            raise jinja2.TemplateError(f"{operator} of numbers or texts too large")
        return super().call_binop(context, operator, left, right)


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 1


def _items(left: object, right: object) -> int:
    """Return how long the product of a text or list and a number is; 0 for numbers."""
    pairs = ((left, right), (right, left))
    return max(
        (len(one) * times for one, times in pairs if isinstance(one, Sized) and isinstance(times, int)),
        default=0,
    )


def _environment() -> _Sandbox:
    found = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    found.filters["tojson"] = _tojson
    found.globals["raise_exception"] = _raise_exception
    found.globals["strftime_now"] = _strftime_now
    return found


class _Generation(Extension):
    """`{% generation %}`: marks what the assistant wrote, for training; here it is what it holds."""

    tags = {"generation"}  # noqa: RUF012 - the name and kind jinja2 asks for

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON as templates expect it; jinja2's own filter escapes it for web pages."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _broken(error: BaseException) -> ModelError:
    said = clean_text(str(error))[:_SHOWN] or type(error).__name__
    return ModelError(f"the model's chat template failed: {said}", hint="fetch the model's folder again")
