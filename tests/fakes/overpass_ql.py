"""The part of Overpass QL that is asked of a fake server, run over a world.

Query statements with filters by tag, box and polygon; unions, differences, named sets, `>`, `out`.
Anything else is an error, as it is for a real server that meets what it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import shapely

from fakes.overpass_world import KINDS, Key, Thing, World, elements

_TOKEN = re.compile(
    r"""\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|->|!~|!=|-?\d+(?:\.\d+)?|\w+|[^\s\w])""", re.DOTALL
)
_KINDS = {
    "node": KINDS[:1],
    "way": KINDS[1:2],
    "rel": KINDS[2:],
    "relation": KINDS[2:],
    "nw": KINDS[:2],
    "nwr": KINDS,
}
_SETTINGS = {"out", "timeout", "maxsize"}
_MODES = {"ids", "skel", "body", "tags", "meta"}


class QueryError(Exception):
    """What is asked cannot be read."""


@dataclass
class Run:
    """One question: what it printed, and its settings."""

    world: World
    tokens: list[str]
    settings: dict[str, str] = field(default_factory=dict)
    printed: list[dict[str, object]] = field(default_factory=list)
    sets: dict[str, set[Key]] = field(default_factory=lambda: {"_": set()})

    def peek(self, at: int = 0) -> str:
        return self.tokens[at] if at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise QueryError(f"{token or 'the end'} in place of {wanted}")
        del self.tokens[0]
        return token


def run(question: str, world: World) -> Run:
    """Answer a question; what it prints is in the order of its `out`."""
    tokens = _TOKEN.findall(question)
    if "".join("".join(tokens).split()) != "".join(question.split()):
        raise QueryError("a sign that is none")
    state = Run(world, tokens)
    while state.peek() == "[":
        state.take("[")
        name = state.take(*_SETTINGS)
        state.take(":")
        state.settings[name] = state.take()
        state.take("]")
        if state.peek() != "[":
            state.take(";")
    while state.tokens:
        _statement(state)
    return state


def _statement(state: Run) -> set[Key]:
    first = state.peek()
    if first == "(":
        found = _block(state)
    elif first == "out" or (first == "." and state.peek(2) == "out"):
        _print(state, _named(state))
        return set()
    elif first in _KINDS:
        found = _query(state)
    else:
        found = state.sets[_named(state)]
        if state.peek() == ">":
            state.take(">")
            found = state.world.below(found)
    target = "_"
    if state.peek() == "->":
        state.take("->")
        state.take(".")
        target = state.take()
    state.take(";")
    state.sets[target] = set(found)
    return found


def _block(state: Run) -> set[Key]:
    state.take("(")
    found = _statement(state)
    if state.peek() == "-":
        state.take("-")
        found = found - _statement(state)
    else:
        found = set(found)
        while state.peek() != ")":
            found |= _statement(state)
    state.take(")")
    return found


def _named(state: Run) -> str:
    """Take the name of the set to read, `_` by default."""
    if state.peek() != ".":
        if state.peek() not in (">", "out"):
            raise QueryError(f"no statement starts with {state.peek()}")
        return "_"
    state.take(".")
    name = state.take()
    if name not in state.sets:
        raise QueryError(f"no set {name}")
    return name


def _print(state: Run, name: str) -> None:
    state.take("out")
    mode, has_geometry = "body", False
    while state.peek() != ";":
        word = state.take(*_MODES, "geom", "qt")
        has_geometry |= word == "geom"
        mode = word if word in _MODES else mode
    state.take(";")
    state.printed += elements(state.world, state.sets[name], mode=mode, has_geometry=has_geometry)


def _query(state: Run) -> set[Key]:
    kinds = _KINDS[state.take()]
    tests: list[Callable[[Thing], bool]] = []
    area: shapely.Geometry | None = None
    while state.peek() in ("[", "("):
        if state.take() == "[":
            tests.append(_tag_test(state))
        else:
            area = _area(state)
    if area is None:
        raise QueryError("the whole world")
    return {
        key
        for key in state.world.within(area)
        if key[0] in kinds and all(test(state.world.things[key]) for test in tests)
    }


def _tag_test(state: Run) -> Callable[[Thing], bool]:
    if state.peek() == "~":
        return _any_key_test(state)
    key = _string(state)
    sign = state.take("]", "=", "!=", "~", "!~")
    if sign == "]":
        return lambda thing: key in thing.tags
    value = _string(state)
    state.take("]")
    if sign in ("=", "!="):
        return lambda thing: (thing.tags.get(key) == value) is (sign == "=")
    pattern = _pattern(value)
    is_positive = sign == "~"
    return lambda thing: (
        (key in thing.tags and pattern.search(thing.tags[key]) is not None) is is_positive
    )


def _any_key_test(state: Run) -> Callable[[Thing], bool]:
    state.take("~")
    key = _pattern(_string(state))
    state.take("~")
    value = _pattern(_string(state))
    state.take("]")
    return lambda thing: any(
        key.search(name) is not None and value.search(text) is not None
        for name, text in thing.tags.items()
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("[[:space:]]", r"\s"))


def _area(state: Run) -> shapely.Geometry:
    if state.peek() == "poly":
        state.take("poly")
        state.take(":")
        numbers = [float(one) for one in _string(state).split()]
        state.take(")")
        return shapely.Polygon(list(zip(numbers[1::2], numbers[::2], strict=True)))
    sides = []
    for sign in (",", ",", ",", ")"):
        sides.append(float(state.take()))
        state.take(sign)
    south, west, north, east = sides
    if south > north or west > east:
        raise QueryError("sides in the wrong order")
    return shapely.box(west, south, east, north)


def _string(state: Run) -> str:
    token = state.take()
    if token[0] not in "\"'":
        raise QueryError(f"{token} is not quoted")
    return re.sub(r"\\(.)", r"\1", token[1:-1])
