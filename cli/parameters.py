"""How options are spelled: dashes or underscores, `--x`, `--x True`, `--no-x`, numbers that may be None."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}


class SectionedOption(click.Option):
    """An option that knows under which heading of --help it belongs."""

    def __init__(self, *args: Any, section: str = "Other", **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command that takes every spelling, and shows its options under headings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's
        settings = kwargs.setdefault("context_settings", {})
        settings.setdefault("help_option_names", ["-h", "--help"])
        settings.setdefault("token_normalize_func", lambda name: name.replace("_", "-"))
        super().__init__(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, after turning `--flag True` and `--flag=False` into `--flag` and `--no-flag`."""
        return super().parse_args(ctx, _plain_flags(args, self._flags()))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each heading, in the order they were declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Other"), []).append(record)
        rest = sections.pop("Other", [])
        for name, records in (*sections.items(), ("Other", rest)):
            with formatter.section(name):
                formatter.write_dl(records)

    def _flags(self) -> dict[str, str]:
        """Return, for each spelling of a yes-or-no option, that of its opposite; "" where it has none."""
        flags = {}
        for parameter in self.params:
            if isinstance(parameter, click.Option) and parameter.is_flag:
                yes, no = parameter.opts, parameter.secondary_opts
                flags.update(dict.fromkeys(yes, no[0] if no else ""))
                flags.update(dict.fromkeys(no, yes[0]))
        return flags


class FloatRange(click.FloatRange):
    """A number within bounds; NaN, which compares with no bound, and infinities are none."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's
        """Return the number."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


class Maybe(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.5
    """A type whose value may also be a word: "auto" leaves it to the program, "None" is what `none` says."""

    def __init__(self, inner: Any, none: Any = None) -> None:  # noqa: ANN401 - a click.ParamType, any value
        self.inner = inner
        self.none = none
        self.name = inner.name

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's
        """Return None for "auto", `none` for "None", else what the inner type makes of the value."""
        word = value.strip().lower() if isinstance(value, str) else ""
        if word == "none":
            return self.none
        if word == "auto":
            return None
        found = self.inner.convert(value, param, ctx)
        if isinstance(found, float) and not math.isfinite(found):
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


class Memory(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.5
    """An amount of memory, in GB unless a unit says otherwise; gives MiB; a GB has 1024 MB."""

    name = "memory"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return MiB: of 4, "4", "4GB", "4.5 GiB", "500M"."""
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([gm])(?:i?b)?)?\s*", str(value), re.IGNORECASE)
        if found is None:
            self.fail(f"{value!r} is no amount of memory; write 4, 4.5GB or 500MB.", param, ctx)
        return round(float(found[1]) * (1 if (found[2] or "g").lower() == "m" else 1024))


def section(name: str) -> Callable[..., Callable[[F], F]]:
    """Return a decorator like click.option for the options of one section."""

    def option(*names: str, **settings: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's
        return click.option(*names, cls=SectionedOption, section=name, **settings)

    return option


def all_of(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator that applies all, so that --help shows them in the order they are written."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def _plain_flags(args: list[str], flags: dict[str, str]) -> list[str]:
    plain: list[str] = []
    rest = iter(range(len(args)))
    for index in rest:
        word = args[index]
        if word == "--":
            return [*plain, *args[index:]]
        name, sign, value = word.partition("=")
        name = "--" + name[2:].replace("_", "-") if name.startswith("--") else name
        if name not in flags:
            plain.append(word)
            continue
        # a file may be called "1" or "on": only the two words openai-whisper takes count without a "="
        following = args[index + 1].lower() if index + 1 < len(args) else ""
        said = value.lower() if sign else following if following in ("true", "false") else ""
        if said in _YES | _NO:
            meant = name if said in _YES else flags[name]
            if meant:
                plain.append(meant)
            if not sign:
                next(rest, None)
        else:
            plain.append(word)
    return plain
