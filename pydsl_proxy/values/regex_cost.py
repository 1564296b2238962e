"""How the time of a search grows with its subject: what a pattern of :mod:`re` costs where it fails at the end.

:mod:`re` tries every way in which a pattern may match before it says that there is none.  Where two repeats can match
the same text there are many ways to divide it between them, and where a repeat stands in a repeat there may be
exponentially many.  The pattern is read as an automaton whose states are the places of its characters (Glushkov's), and
the number of ways is that of its ambiguity (Weber and Seidl, "On the degree of ambiguity of finite automata").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from re import _constants as op, _parser  # type: ignore[attr-defined]  # no other module reads patterns; isort: skip

#: The power of a pattern whose time doubles with each octet.
EXPONENTIAL: Final = 99
# A repeat of more is taken for one without a bound.
_MAX_COPIES: Final = 16
# Of a repeat that is bounded so many copies tell what all of them do.
_COPIES: Final = 3
# A larger pattern is one of many literals, and is not looked at.
_MAX_EDGES: Final = 20_000
_MAX_STEPS: Final = 200_000
_ALL: Final = (1 << 256) - 1
_REPEATS: Final = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_STARTS: Final = (op.AT_BEGINNING, op.AT_BEGINNING_STRING)
_ENDS: Final = (op.AT_END, op.AT_END_STRING)
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: rb"\d",
    op.CATEGORY_NOT_DIGIT: rb"\D",
    op.CATEGORY_SPACE: rb"\s",
    op.CATEGORY_NOT_SPACE: rb"\S",
    op.CATEGORY_WORD: rb"\w",
    op.CATEGORY_NOT_WORD: rb"\W",
}

# What re's parser gives: pairs of an operation and its argument, of as many types as there are operations.
_Node: TypeAlias = Any
_Tree: TypeAlias = Iterable[tuple[_Node, _Node]]


class Cost(NamedTuple):
    """The power of the subject's length with which the time grows, at one place and when searched from every place."""

    matching: int
    searching: int


class _TooLarge(Exception):
    """The pattern is not looked at."""


class _Part(NamedTuple):
    """A part of a pattern: whether it matches nothing, and the places where it begins and ends."""

    empty: bool
    first: tuple[int, ...]
    last: tuple[int, ...]


_NOTHING = _Part(True, (), ())


@lru_cache(maxsize=1024)
def cost_of(pattern: bytes, flags: int) -> Cost:
    """The cost of a pattern that compiles."""
    tree = _parser.parse(pattern, flags)
    loops = sum(1 for _ in _loops(tree))
    anchored = _is_anchored(tree, flags | tree.state.flags)
    if loops < 2 and (anchored or not loops):
        return Cost(1, 1)
    try:
        automaton = _Automaton(tree, flags | tree.state.flags)
        matching = automaton.degree(())
        return Cost(matching, matching if anchored else automaton.degree(automaton.whole.first))
    except _TooLarge:
        return Cost(1, 2)


def begins_with_anything(pattern: bytes, flags: int) -> bool:
    """Whether it begins with ``.*``, where a dot is any octet: what is not found at the start is not found at all."""
    if not flags & re.DOTALL:
        return False
    items = list(_parser.parse(pattern, flags))
    while items and items[0][0] is op.SUBPATTERN and not items[0][1][2] & re.DOTALL:
        items = list(items[0][1][3])
    return bool(items) and items[0][0] in _REPEATS[:2] and items[0][1][1] is op.MAXREPEAT and _is_any(items[0][1][2])


def _within(flags: int, argument: _Node) -> int:
    """The flags in a group, which may have some of its own, as ``(?i-s:…)``."""
    _, added, removed, _ = argument
    return (flags | int(added)) & ~int(removed)


def _is_any(tree: _Tree) -> bool:
    return [operation for operation, _ in tree] == [op.ANY]


def _is_anchored(tree: _Tree, flags: int) -> bool:
    for operation, argument in tree:
        if operation is op.AT:
            # With re.MULTILINE a caret holds behind every line feed.
            return argument is op.AT_BEGINNING_STRING or (argument is op.AT_BEGINNING and not flags & re.MULTILINE)
        if operation is op.SUBPATTERN:
            return _is_anchored(argument[3], _within(flags, argument))
        if operation is op.BRANCH:
            return all(_is_anchored(each, flags) for each in argument[1])
        if operation not in (op.ASSERT, op.ASSERT_NOT):
            endless = operation in _REPEATS and argument[1] is op.MAXREPEAT
            return bool(endless and flags & re.DOTALL and _is_any(argument[2]))
    return False


def _loops(tree: _Tree) -> Iterator[None]:
    """One for each repeat that has no bound, or a large one."""
    for operation, argument in tree:
        if operation in _REPEATS:
            # A choice, or another repeat, may be repeated in several ways.
            inside = list(_loops(argument[2]))
            if argument[1] > _MAX_COPIES or (argument[1] > 1 and _is_variable(argument[2])):
                yield None
            if argument[1] > 1:
                yield from inside * 2
                yield from [None] * _has_choice(argument[2])
            else:
                yield from inside
        elif operation is op.GROUPREF:
            yield None
        else:
            for each in _inside(operation, argument):
                yield from _loops(each)


def _inside(operation: _Node, argument: _Node) -> list[_Tree]:
    if operation in _REPEATS:
        return [argument[2]]
    if operation is op.SUBPATTERN:
        return [argument[3]]
    if operation is op.BRANCH:
        return list(argument[1])
    if operation is op.ATOMIC_GROUP:
        return [argument]
    if operation in (op.ASSERT, op.ASSERT_NOT):
        return [argument[1]]
    if operation is op.GROUPREF_EXISTS:
        return [each for each in argument[1:] if each is not None]
    return []


def _has_choice(tree: _Tree) -> bool:
    return any(
        operation is op.BRANCH or any(map(_has_choice, _inside(operation, argument))) for operation, argument in tree
    )


def _is_variable(tree: _Tree) -> bool:
    return any(
        (operation in _REPEATS and argument[0] != argument[1]) or any(map(_is_variable, _inside(operation, argument)))
        for operation, argument in tree
    )


class _Automaton:
    """The places of a pattern's characters, and which may follow which."""

    def __init__(self, tree: _Tree, flags: int) -> None:
        self._flags = flags
        self.masks: list[int] = []
        self.follow: list[list[int]] = []
        self._edges = 0
        self._fixed: set[int] = set()
        self._references: set[int] = set()
        self._inner_degree = 1
        self._steps = 0
        self._has_ends = False
        self.whole = self._sequence(tree)
        self._twice = [{each for each, number in Counter(after).items() if number > 1} for after in self.follow]
        self.follow = [sorted(set(after)) for after in self.follow]

    # -- from the tree -------------------------------------------------------------------------------------------------

    def _place(self, mask: int) -> _Part:
        self.masks.append(mask)
        self.follow.append([])
        at = len(self.masks) - 1
        return _Part(False, (at,), (at,))

    def _connect(self, before: Iterable[int], after: tuple[int, ...]) -> None:
        before = tuple(before)
        self._edges += len(before) * len(after)
        if self._edges > _MAX_EDGES:
            raise _TooLarge
        for each in before:
            self.follow[each] += after

    def _sequence(self, tree: _Tree) -> _Part:
        made = _NOTHING
        for operation, argument in tree:
            made = self._then(made, self._part(operation, argument))
        return made

    def _then(self, one: _Part, other: _Part) -> _Part:
        self._connect(one.last, other.first)
        return _Part(
            one.empty and other.empty,
            one.first + other.first if one.empty else one.first,
            one.last + other.last if other.empty else other.last,
        )

    def _part(self, operation: _Node, argument: _Node) -> _Part:
        if operation in _REPEATS:
            return self._repeat(operation, *argument)
        if operation is op.AT:
            self._has_ends = self._has_ends or argument not in _STARTS
            return _NOTHING
        if operation in (op.ASSERT, op.ASSERT_NOT):
            self._has_ends = True
            inside = _Automaton(argument[1], self._flags)
            self._inner_degree = max(self._inner_degree, inside.degree(()))
            return _NOTHING
        if operation is op.GROUPREF:
            # It is one text, which may be as long as any; a search fails where it is not there.
            self._references.add(len(self.masks))
            return self._loop(self._place(_ALL), at_least=1)
        if operation is op.BRANCH or operation is op.GROUPREF_EXISTS:
            parts = [self._sequence(each) for each in _inside(operation, argument)]
            empty = any(part.empty for part in parts) or (operation is op.GROUPREF_EXISTS and argument[2] is None)
            return _Part(empty, sum([part.first for part in parts], ()), sum([part.last for part in parts], ()))
        if operation is op.SUBPATTERN:
            outside, self._flags = self._flags, _within(self._flags, argument)
            part = self._sequence(argument[3])
            self._flags = outside
            return part
        if operation is op.ATOMIC_GROUP:
            return self._sequence(argument)
        return self._place(self._mask(operation, argument))

    def _repeat(self, operation: _Node, least: int, most: int, tree: _Tree) -> _Part:
        if (most > _MAX_COPIES and least != most) or (most > 1 and _is_variable(tree)):
            inside = self._sequence(tree)
            part = self._loop(inside, least)
            if inside.empty and _COPIES < most < op.MAXREPEAT:
                # Any of the times may match nothing: there are as many ways as there are choices of the others.
                self._loop(inside, least)
            if operation is op.POSSESSIVE_REPEAT and len(part.first) == 1 and part.first == part.last:
                # Nothing of it is ever given back.
                self._fixed.update(part.first)
            return part
        made = _NOTHING
        for number in range(min(most, _COPIES)):
            part = self._sequence(tree)
            made = self._then(made, part if number < least else part._replace(empty=True))
        return made

    def _loop(self, part: _Part, at_least: int) -> _Part:
        self._connect(part.last, part.first)
        return part if at_least else part._replace(empty=True)

    def _mask(self, operation: _Node, argument: _Node) -> int:
        if operation is op.ANY:
            return _ALL if self._flags & re.DOTALL else _ALL & ~(1 << 10)
        if operation is op.IN:
            mask = 0
            for inner, value in argument:
                mask |= 0 if inner is op.NEGATE else self._mask(inner, value)
            return _ALL & ~mask if argument[0][0] is op.NEGATE else mask
        if operation is op.RANGE:
            mask = sum(1 << octet for octet in range(argument[0], min(argument[1], 255) + 1))
        elif operation is op.CATEGORY:
            match = re.compile(_CATEGORIES[argument]).match
            mask = sum(1 << octet for octet in range(256) if match(bytes((octet,))))
        elif operation is op.LITERAL or operation is op.NOT_LITERAL:
            mask = 1 << argument
        else:
            return _ALL
        if self._flags & re.IGNORECASE:
            mask |= sum(1 << octet for octet in range(256) if mask >> ord(bytes((octet,)).swapcase()) & 1)
        return _ALL & ~mask if operation is op.NOT_LITERAL else mask

    # -- how ambiguous it is -------------------------------------------------------------------------------------------

    def degree(self, searched: tuple[int, ...]) -> int:
        """The power; *searched* are the places where it begins, if the search tries every place of the subject."""
        masks, follow = self.masks, self.follow
        if searched:
            # What the search passes over before the match is a repeat as well.
            start = len(masks)
            masks, follow = [*masks, _ALL], [*follow, [start, *searched]]
        self._steps = 0
        groups = _components(follow)
        group_of = {each: number for number, group in enumerate(groups) for each in group}
        looping = [each for each in range(len(masks)) if each in follow[each] or len(groups[group_of[each]]) > 1]
        looping = [each for each in looping if each not in self._fixed and not self._never_fails(each, follow)]
        if any(self._is_ambiguous(groups[number], masks, follow) for number in {group_of[each] for each in looping}):
            return EXPONENTIAL
        pairs = [
            (one, other)
            for one in looping
            for other in looping
            if group_of[one] != group_of[other]
            and self._share(one, other, groups[group_of[one]], groups[group_of[other]], masks, follow)
        ]
        return max(self._inner_degree, 1 + _longest(pairs, follow) if looping else 1)

    def _never_fails(self, place: int, follow: list[list[int]]) -> bool:
        """Whether the search ends well once it is there."""
        if place not in self.whole.last or place in self._references:
            return False
        return not self._has_ends or (self.masks[place] == _ALL and place in follow[place])

    def _is_ambiguous(self, group: list[int], masks: list[int], follow: list[list[int]]) -> bool:
        """Whether a text leads from a place back to it in two ways."""
        inside = set(group)
        if any(inside.intersection(self._twice[each]) for each in group if each < len(self._twice)):
            return True
        numbers = {(each, each): number for number, each in enumerate(group)}
        found = list(numbers)
        edges: list[list[int]] = [[] for _ in found]
        for at, (one, other) in enumerate(found):
            for first in follow[one]:
                for second in follow[other] if first in inside else ():
                    self._count_step()
                    if second not in inside or not masks[first] & masks[second]:
                        continue
                    if (first, second) not in numbers:
                        numbers[first, second] = len(found)
                        found.append((first, second))
                        edges.append([])
                    edges[at].append(numbers[first, second])
        same = set(range(len(group)))
        return any(same.intersection(each) and not same.issuperset(each) for each in _components(edges))

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _TooLarge

    def _share(
        self, one: int, other: int, before: list[int], after: list[int], masks: list[int], follow: list[list[int]]
    ) -> bool:
        """Whether there is a text that leads from *one* to itself, to *other*, and from *other* to itself."""
        known = {(one, one, other)}
        found = [(one, one, other)]
        while found:
            stay, move, wait = found.pop()
            for each in follow[stay]:
                if each not in before:
                    continue
                for last in follow[wait]:
                    both = masks[each] & masks[last]
                    if last not in after or not both:
                        continue
                    for middle in follow[move]:
                        self._count_step()
                        if not both & masks[middle]:
                            continue
                        reached = (each, middle, last)
                        if reached == (one, other, other):
                            return True
                        if reached not in known:
                            known.add(reached)
                            found.append(reached)
        return False


def _longest(pairs: list[tuple[int, int]], follow: list[list[int]]) -> int:
    """The most pairs that a text can pass one after the other."""
    reach = {other: _reached(other, follow) for _, other in pairs}
    depth: dict[tuple[int, int], int] = {}

    def deep(pair: tuple[int, int]) -> int:
        if pair not in depth:
            depth[pair] = 1
            depth[pair] = 1 + max((deep(each) for each in pairs if each[0] in reach[pair[1]]), default=0)
        return depth[pair]

    return max(map(deep, pairs), default=0)


def _reached(start: int, follow: list[list[int]]) -> set[int]:
    known, found = {start}, [start]
    while found:
        for each in follow[found.pop()]:
            if each not in known:
                known.add(each)
                found.append(each)
    return known


def _components(follow: list[list[int]]) -> list[list[int]]:
    """The strongly connected components (Tarjan's, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    made: list[list[int]] = []
    for root in range(len(follow)):
        if root in order:
            continue
        work = [(root, iter(follow[root]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            place, rest = work[-1]
            for each in rest:
                if each not in order:
                    order[each] = low[each] = len(order)
                    stack.append(each)
                    on_stack.add(each)
                    work.append((each, iter(follow[each])))
                    break
                if each in on_stack:
                    low[place] = min(low[place], order[each])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[place])
                if low[place] == order[place]:
                    at = len(stack) - 1
                    while stack[at] != place:
                        at -= 1
                    made.append(stack[at:])
                    on_stack.difference_update(stack[at:])
                    del stack[at:]
    return made
