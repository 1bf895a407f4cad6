"""The grammar of ``where``: text becomes a tree of comparisons. Nothing of it is evaluated as Python.

::

    condition  = all { "or" all }
    all        = negation { "and" negation }
    negation   = { "not" } comparison
    comparison = sum { ("==" | "!=" | "<" | "<=" | ">" | ">=" | ["not"] "in" | ["not"] "like") sum }
    sum        = product { ("+" | "-") product }
    product    = sign { ("*" | "/" | "//" | "%") sign }
    sign       = { "-" | "+" } value
    value      = name | number | text | list | "True" | "False" | "nan" | "inf" | "(" condition ")"
    list       = "[" [ condition { "," condition } ] "]"        (also with round or curly brackets)

A name may have dots and positions in it (``info.value``, ``action[0]``): they are part of a column's name,
nothing is looked up in anything. A name in backquotes may hold any character but a backquote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from jaxarc.replay.query_tokens import Span, Token, refuse, tokens_of

__all__ = [
    "Arithmetic",
    "Comparison",
    "Constant",
    "Listed",
    "Logic",
    "Name",
    "Negated",
    "Node",
    "Not",
    "names_of",
    "parse_condition",
    "parse_sort",
    "parts_of",
]

_RESERVED = frozenset(
    ("and", "or", "not", "in", "like", "is", "if", "else", "None", "null", "AND", "OR", "NOT", "IN", "LIKE")
)
_MAX_DEPTH = 60
_MAX_SUMMANDS = 200
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_WORDS: dict[str, bool | float] = {
    "True": True,
    "true": True,
    "False": False,
    "false": False,
    "nan": float("nan"),
    "NaN": float("nan"),
    "inf": float("inf"),
}
_WAYS_OUT = {
    "=": "write == to compare",
    "<>": "write !=",
    "&": "write 'and'",
    "&&": "write 'and'",
    "|": "write 'or'",
    "||": "write 'or'",
    "~": "write 'not'",
    "!": "write 'not'",
    "AND": "write 'and'",
    "OR": "write 'or'",
    "NOT": "write 'not'",
    "LIKE": "write 'like'",
    "IN": "write 'in'",
    "**": "where knows no powers",
    ":=": "where sets nothing",
    "is": "write == or !=; 'x == nan' is true where x is not known",
    "if": "write 'and' and 'or'",
    "None": "write nan: 'x == nan' is true where x is not known",
    "null": "write nan: 'x == nan' is true where x is not known",
    "isnan": "write 'x == nan'",
    "isna": "write 'x == nan'",
    "abs": "write '-0.1 < x < 0.1'",
    "startswith": "write task_id like '007*'",
    "endswith": "write task_id like '*007'",
    "contains": "write '007' in task_id",
    "isin": "write x in [1, 2]",
}


@dataclass(frozen=True)
class Name:
    """A column."""

    text: str
    span: Span


@dataclass(frozen=True)
class Constant:
    """A number, a text, or yes or no."""

    value: bool | int | float | str
    span: Span


@dataclass(frozen=True)
class Negated:
    """``-x``."""

    operand: Node
    span: Span


@dataclass(frozen=True)
class Arithmetic:
    """``x + y``; ``sign`` is one of ``+ - * / // %``."""

    sign: str
    left: Node
    right: Node
    span: Span


@dataclass(frozen=True)
class Listed:
    """``[x, y]``."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True)
class Comparison:
    """``x < y <= z``: operands, and the operators between them (``in``, ``not in``, ``like``, … too)."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class Not:
    """``not x``."""

    operand: Node
    span: Span


@dataclass(frozen=True)
class Logic:
    """``x and y and z``, or with ``or``."""

    word: str
    parts: tuple[Node, ...]
    span: Span


Node = Name | Constant | Negated | Arithmetic | Listed | Comparison | Not | Logic


def parse_condition(query: str) -> Node:
    """Return the tree of a ``where``.

    Raises:
        QueryError: it is no condition; the message shows the place.
    """
    parser = _Parser("where", query)
    found = parser.condition()
    if parser.token.kind != "end":
        parser.unexpected()
    return found


def parse_sort(query: str) -> list[tuple[Token, bool]]:
    """Return the columns of a ``sort``, each with whether the largest come first.

    Raises:
        QueryError: it is no list of columns.
    """
    parser = _Parser("sort", query)
    found = []
    while parser.token.kind != "end":
        descends = parser.token.text == "-"
        if parser.token.text in ("-", "+"):
            parser.next()
        name = parser.token
        if name.kind != "name":
            parser.refuse("here comes a column", name.span)
        parser.next()
        if parser.token.text.lower() in ("desc", "asc", "descending", "ascending"):
            sign = "-" if parser.token.text.lower().startswith("desc") else ""
            parser.refuse(f"write {sign}{name.text}", parser.token.span)
        found.append((name, descends))
        if parser.token.text == ",":
            parser.next()
        elif parser.token.kind != "end":
            parser.refuse("a comma stands between two columns", parser.token.span)
    if not found:
        parser.refuse(f"sort={query!r} names no column; try sort='-total_reward'", (0, len(query)))
    return found


class _Parser:
    def __init__(self, what: str, query: str):
        self._what = what
        self._query = query
        self._tokens = tokens_of(what, query)
        self._position = 0
        self._depth = 0
        self._summands = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def next(self) -> Token:
        found = self.token
        self._position += found.kind != "end"
        return found

    def refuse(self, problem: str, span: Span) -> NoReturn:
        refuse(self._what, self._query, span, problem)

    def unexpected(self) -> NoReturn:
        token = self.token
        if not token.is_quoted and token.text in _WAYS_OUT and token.kind in ("name", "sign"):
            self.refuse(f"where knows no {token.text!r}; {_WAYS_OUT[token.text]}", token.span)
        if token.kind == "end":
            self.refuse("something is missing at the end, such as 'success and total_steps < 40'", token.span)
        if token.kind == "name" and self._position and self._tokens[self._position - 1].kind == "name":
            self.refuse(
                f"{token.text!r} stands beside another name; put text in quotes, or 'and' between conditions",
                token.span,
            )
        self.refuse(f"{self._query[token.start : token.end]!r} cannot stand here", token.span)

    def _is(self, *words: str) -> bool:
        token = self.token
        return token.kind in ("name", "sign") and not token.is_quoted and token.text in words

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.refuse(f"where nests deeper than {_MAX_DEPTH}; write it flat", self.token.span)

    def condition(self) -> Node:
        self._deeper()
        found = self._logic("or", lambda: self._logic("and", self._negation))
        self._depth -= 1
        return found

    def _logic(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._is(word):
            self.next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Logic(word, tuple(parts), _around(parts[0], parts[-1]))

    def _negation(self) -> Node:
        start, is_negated, count = self.token.start, False, 0
        while self._is("not"):
            self.next()
            is_negated, count = not is_negated, count + 1
        found = self._comparison()
        if not count:
            return found
        # Two of them change nothing, but what they stand before has to be yes or no all the same.
        inner = Not(found, (start, found.span[1]))
        return inner if is_negated else Not(inner, inner.span)

    def _comparison(self) -> Node:
        operands, operators = [self._sum()], []
        while True:
            operator = self._operator()
            if operator is None:
                break
            operators.append(operator)
            operands.append(self._sum())
        if not operators:
            return operands[0]
        return Comparison(tuple(operands), tuple(operators), _around(operands[0], operands[-1]))

    def _operator(self) -> str | None:
        if self._is(*_COMPARISONS, "in", "like"):
            return self.next().text
        if self._is("not"):
            following = self._tokens[self._position + 1]
            if following.text in ("in", "like") and not following.is_quoted:
                self.next()
                return f"not {self.next().text}"
        return None

    def _sum(self) -> Node:
        return self._arithmetic(("+", "-"), lambda: self._arithmetic(("*", "/", "//", "%"), self._signed))

    def _arithmetic(self, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        found = part()
        while self._is(*signs):
            self._summands += 1
            if self._summands > _MAX_SUMMANDS:
                self.refuse(f"where has more than {_MAX_SUMMANDS} sums and products", self.token.span)
            sign = self.next().text
            right = part()
            found = Arithmetic(sign, found, right, _around(found, right))
        return found

    def _signed(self) -> Node:
        start, is_negated, count = self.token.start, False, 0
        while self._is("-", "+"):
            is_negated ^= self.next().text == "-"
            count += 1
        found = self._value()
        if not count:
            return found
        if isinstance(found, Constant) and not isinstance(found.value, (bool, str)):
            return Constant(-found.value if is_negated else found.value, (start, found.span[1]))
        inner = Negated(found, (start, found.span[1]))
        return inner if is_negated else Negated(inner, inner.span)

    def _value(self) -> Node:
        token = self.token
        if token.kind == "name" and not token.is_quoted and token.text in _WORDS:
            return Constant(_WORDS[self.next().text], token.span)
        if token.kind == "name" and (token.is_quoted or token.text not in _RESERVED):
            return self._name()
        if token.kind == "number":
            return Constant(self._number(), self.next().span)
        if token.kind == "text":
            return Constant(self.next().text, token.span)
        if self._is("(", "[", "{"):
            return self._bracket()
        self.unexpected()

    def _name(self) -> Node:
        token = self.next()
        following = self.token
        if following.text == "(" and following.kind == "sign":
            way_out = _WAYS_OUT.get(token.text.rsplit(".", 1)[-1], "")
            self.refuse(
                f"where calls nothing{'; ' + way_out if way_out else ''}", (token.start, following.end)
            )
        if following.text == "[" and following.kind == "sign":
            self.refuse(
                f"nothing is taken out of {token.text}; a name such as action[0] is that of a column",
                (token.start, following.end),
            )
        return Name(token.text, token.span)

    def _number(self) -> int | float:
        text = self.token.text.replace("_", "")
        if text.isdigit() and len(text) < 1_000:
            return int(text)
        return float(text)

    def _bracket(self) -> Node:
        opening = self.next()
        closing = {"(": ")", "[": "]", "{": "}"}[opening.text]
        items: list[Node] = []
        is_list = opening.text != "("
        while not self._is(closing):
            items.append(self.condition())
            if self._is(","):
                is_list = True
                self.next()
            elif not self._is(closing):
                if self.token.kind == "end":
                    self.refuse(f"{opening.text!r} has no {closing!r}", opening.span)
                self.unexpected()
        end = self.next().end
        if is_list or not items:
            return Listed(tuple(items), (opening.start, end))
        return items[0]


def names_of(node: Node) -> Iterator[Name]:
    """Yield the columns that a condition asks for."""
    match node:
        case Name():
            yield node
        case Constant():
            pass
        case Negated() | Not():
            yield from names_of(node.operand)
        case Arithmetic():
            yield from names_of(node.left)
            yield from names_of(node.right)
        case Listed():
            for item in node.items:
                yield from names_of(item)
        case Comparison():
            for operand in node.operands:
                yield from names_of(operand)
        case Logic():
            for part in node.parts:
                yield from names_of(part)


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return the conditions that all have to hold: what 'and' joins at the top."""
    if isinstance(node, Logic) and node.word == "and":
        return tuple(below for part in node.parts for below in parts_of(part))
    return (node,)


def _around(first: Node, last: Node) -> Span:
    return first.span[0], last.span[1]
