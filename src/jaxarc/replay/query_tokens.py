"""The words of a query: what ``where`` and ``sort`` are cut into, and where in the text each stands."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple, NoReturn

from jaxarc.errors import QueryError

__all__ = ["MAX_LENGTH", "QueryError", "Span", "Token", "refuse", "tokens_of"]

MAX_LENGTH = 10_000
"""Characters of a query: enough for a list of a thousand episodes."""

_SHOWN_BEFORE, _SHOWN_AFTER = 40, 60
"""Characters of a long query that are shown on both sides of what is wrong."""

Span = tuple[int, int]
"""Where something begins and ends in the text."""


class Token(NamedTuple):
    """One word.

    Attributes:
        kind: ``name``, ``number``, ``text``, ``sign`` or ``end``.
        text: a name without its quotes, a text's value, else as it was written.
        start, end: its place.
        is_quoted: whether it is a name in backquotes, which is never a word of the language.
    """

    kind: str
    text: str
    start: int
    end: int
    is_quoted: bool = False

    @property
    def span(self) -> Span:
        """Its place."""
        return self.start, self.end


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<name>[^\W\d]\w*(?:\.\w+|\[\d+\])*)
    | `(?P<quoted>[^`]+)`
    | (?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<sign>==|!=|<>|<=|>=|&&|\|\||\*\*|//|:=|[-+*/%<>=!&|~^()\[\]{},.:;@?\\$\#`'"])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", "'": "'", '"': '"'}


def tokens_of(what: str, query: str) -> list[Token]:
    """Cut a query into words; the last one is ``end``.

    Args:
        what: ``where`` or ``sort``, for errors.
        query: the text.

    Raises:
        QueryError: it is no text, too long, or holds what is no word.
    """
    if not isinstance(query, str):
        raise QueryError(f"{what} takes text, such as {_EXAMPLES[what]}, got {type(query).__name__}")
    if len(query) > MAX_LENGTH:
        raise QueryError(f"{what} has {len(query):,} characters, the limit is {MAX_LENGTH:,}")
    found = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            character = query[position]
            shown = repr(character) if character.isprintable() else f"the character {ord(character):#06x}"
            refuse(what, query, (position, position + 1), f"{what} knows no {shown}")
        start, position = match.span()
        kind = str(match.lastgroup)
        if kind == "space":
            continue
        word = match.group(kind)
        if kind == "number" and (following := re.compile(r"\w+").match(query, position)):
            whole = word + following.group()
            refuse(
                what,
                query,
                (start, following.end()),
                f"{whole!r} is no number; put text in quotes: '{whole}'",
            )
        if kind == "sign" and word in "'\"`":
            kinds = "a name in backquotes" if word == "`" else "text"
            refuse(what, query, (start, start + 1), f"{kinds} begins here and has no end")
        if kind == "text":
            word = _unescaped(what, query, word, start)
        is_quoted = kind == "quoted"
        found.append(Token("name" if is_quoted else kind, word, start, position, is_quoted))
    return [*found, Token("end", "", len(query), len(query))]


_EXAMPLES = {"where": "'success and total_steps < 40'", "sort": "'-total_reward'"}


def _unescaped(what: str, query: str, word: str, start: int) -> str:
    def replaced(match: re.Match[str]) -> str:
        escape = match[1]
        if escape in _ESCAPES:
            return _ESCAPES[escape]
        code = int(escape[1:], 16) if len(escape) > 1 else 0x110000
        if code > 0x10FFFF:
            place = start + 1 + match.start()
            refuse(
                what,
                query,
                (place, place + 2),
                f"a backslash stands before a quote, a backslash, n or t, not before {escape[0]!r}; "
                "write two for one",
            )
        return chr(code)

    return _ESCAPE.sub(replaced, word[1:-1])


def refuse(what: str, query: str, span: Span, problem: str) -> NoReturn:
    """Raise the error of a query, with the place at which it is wrong.

    Raises:
        QueryError: always.
    """
    raise QueryError(
        f"{problem}\n{_pointed(query, span)}" if query.strip() else f"{what} is empty; {problem}"
    )


def _pointed(query: str, span: Span) -> str:
    """Return the query, or the part of it around a place, with that place underlined."""
    start, end = span
    first, last = max(0, start - _SHOWN_BEFORE), min(len(query), start + _SHOWN_AFTER)
    parts = [query[first:start], query[start : min(end, last)], query[min(end, last) : last]]
    before, marked, after = ("".join(c if c.isprintable() else " " for c in part) for part in parts)
    before = ("…" if first else "") + before
    if end > last or last < len(query):
        after += "…"
    return f"  {before}{marked}{after}".rstrip() + f"\n  {' ' * _cells(before)}{'^' * max(1, _cells(marked))}"


def _cells(text: str) -> int:
    """Return the width of a text in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
