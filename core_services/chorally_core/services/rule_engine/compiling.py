"""Compiles many rules into one matcher that looks only at those that can hold.

Each rule is filed under its most telling test that can be looked up: a keyword, a member of a set, a word. A large
file is divided again by a second such test. What remains of a rule becomes Python, of which only fixed fragments
and quoted literals are made; nobody's text is ever code.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from chorally_core.services.rule_engine.conditions import All, AnyOf
from chorally_core.services.rule_engine.facts import WORDS, Facts
from chorally_core.services.rule_engine.judging import Prepared, Tree
from chorally_core.services.rule_engine.operators import OPERATORS, Constants

LEVELS = 2
"""How often a file is divided."""
SMALL = 8
"""Rules that are sooner tried one after the other than divided."""

SEARCHED = 8
"""Rules from which on a search by their bounds is worth its while."""

_Function = Callable[[Facts, list[int]], None]


class Matcher:
    """Finds the rules that hold; immutable, so that another can take its place at any moment."""

    def __init__(self, root: _Function, may_repeat: bool, size: int) -> None:
        self._root = root
        self._may_repeat = may_repeat
        self.size = size
        """Rules that it knows."""

    def __call__(self, facts: Facts) -> list[int]:
        """Return the places of the rules that hold, in no order."""
        found: list[int] = []
        self._root(facts, found)
        return list(set(found)) if self._may_repeat and len(found) > 1 else found


class _Entry(NamedTuple):
    """A rule, or one of its alternatives, as far as it is not yet filed."""

    place: int
    tests: tuple[Tree, ...]
    """All must hold."""


class _Key(NamedTuple):
    """Where an entry can be filed: a field, and the values under which it belongs."""

    name: str
    values: Collection[Hashable]
    is_many: bool
    """Whether a message has several values of this field at once."""


class _Files(NamedTuple):
    """Entries under the values of one field."""

    is_many: bool
    by_value: dict[Hashable, list[_Entry]]


def compiled(rules: Sequence[Tree]) -> Matcher:
    """Return a matcher of these rules; they are known by their place."""
    return _Compiler().compile(rules)


class _Compiler:
    def __init__(self) -> None:
        self._constants = Constants()
        self._source: list[str] = []
        self._functions = 0
        self._tables: list[tuple[str, dict[Hashable, str]]] = []
        self._may_repeat = False
        self._keys: dict[int, _Key | None] = {}

    def compile(self, rules: Sequence[Tree]) -> Matcher:
        entries: list[_Entry] = []
        for place, tree in enumerate(rules):
            alternatives = self._alternatives(tree)
            self._may_repeat = self._may_repeat or len(alternatives) > 1
            entries += [_Entry(place, tests) for tests in alternatives]
        root = self._function(entries, LEVELS)
        names: dict[str, Any] = {
            "__builtins__": {},
            "left": bisect_left,
            "right": bisect_right,
            **self._constants.values,
        }
        exec(compile("\n".join(self._source), "<rules>", "exec"), names)  # noqa: S102  # see above: no text is code
        for name, functions in self._tables:
            names[name] = {value: names[function] for value, function in functions.items()}
        return Matcher(names[root], self._may_repeat, len(rules))

    def _function(self, entries: Sequence[_Entry], levels: int) -> str:
        """Write a function that tries these entries, and return its name."""
        self._functions += 1
        name = f"f{self._functions}"
        files: dict[str, _Files] = {}
        if levels and len(entries) >= SMALL:
            entries, files = self._divided(entries)
        lines = [f"def {name}(e, o):"]
        for number, (field_name, filed) in enumerate(files.items()):
            table = f"t{len(self._tables)}"
            functions: dict[Hashable, str] = {}
            self._tables.append((table, functions))
            for value, group in filed.by_value.items():
                functions[value] = self._function(group, levels - 1)
            if filed.is_many:
                lines += [f" for m in e[{field_name!r}]:", f"  x{number} = {table}.get(m)"]
                lines += [f"  if x{number} is not None: x{number}(e, o)"]
            else:
                lines += [f" x{number} = {table}.get(e[{field_name!r}])"]
                lines += [f" if x{number} is not None: x{number}(e, o)"]
        lines += self._residue(entries) if entries or not files else []
        self._source += lines
        return name

    def _divided(self, entries: Sequence[_Entry]) -> tuple[list[_Entry], dict[str, _Files]]:
        """File the entries that can be; the others are tried one by one."""
        keys = [[(key, test) for test in entry.tests if (key := self._key(test)) is not None] for entry in entries]
        variety: dict[str, set[Hashable]] = defaultdict(set)
        for found in keys:
            for key, _ in found:
                variety[key.name].update(key.values)
        rest: list[_Entry] = []
        files: dict[str, _Files] = {}
        for entry, found in zip(entries, keys, strict=True):
            if not found:
                rest.append(entry)
                continue
            key, test = max(found, key=lambda one: len(variety[one[0].name]) / len(one[0].values))
            if (filed := files.get(key.name)) is None:
                filed = files[key.name] = _Files(key.is_many, defaultdict(list))
            left = _Entry(entry.place, tuple(other for other in entry.tests if other is not test))
            if key.is_many and len(key.values) > 1:
                self._may_repeat = True
            for value in key.values:
                filed.by_value[value].append(left)
        return rest, files

    def _residue(self, entries: Sequence[_Entry]) -> list[str]:
        """Write the trial of each entry; where many differ in a bound only, one search finds those that hold."""
        bounds: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
        if len(entries) >= SEARCHED:
            entries = [entry for entry in entries if not _filed_by_bound(entry, bounds)]
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        uses: dict[str, int] = defaultdict(int)
        for entry in entries:
            for name in {name for test in entry.tests for name in _names(test)}:
                uses[name] += 1
        held = {name: f"v{number}" for number, name in enumerate(name for name, count in uses.items() if count > 1)}
        for entry in entries:
            alike[tuple(self._expression(test, held) for test in entry.tests)].append(entry.place)
        lines = [f" {local} = e[{name!r}]" for name, local in held.items()]
        for tests, places in alike.items():
            found = f"o.append({places[0]})" if len(places) == 1 else f"o.extend({self._constants.put(tuple(places))})"
            lines.append(f" if {' and '.join(tests)}: {found}" if tests else f" {found}")
        for (name, operator), bounded in bounds.items():
            lines += self._search(name, operator, sorted(bounded))
        return lines or [" pass"]

    def _search(self, name: str, operator: str, bounded: Sequence[tuple[float, int]]) -> list[str]:
        """Write the search for those of these bounds that a value is on the right side of; none for no number."""
        at = self._constants.put([bound for bound, _ in bounded])
        places = self._constants.put([place for _, place in bounded])
        search = {"gt": "left", "ge": "right", "lt": "right", "le": "left"}[operator]
        part = "{}[:{}]" if operator in ("gt", "ge") else "{}[{}:]"
        return [f" v = e[{name!r}]", f" if v == v: o.extend({part.format(places, f'{search}({at}, v)')})"]

    def _alternatives(self, tree: Tree) -> Sequence[tuple[Tree, ...]]:
        """Return what a rule can be filed by: its tests, or those of each alternative where the rule is a choice."""
        tests = tuple(_conjuncts(tree))
        if not any(map(self._key, tests)):
            for choice in tests:
                parts = [tuple(_conjuncts(part)) for part in choice.parts] if isinstance(choice.node, AnyOf) else []
                if parts and all(any(map(self._key, part)) for part in parts):
                    others = tuple(test for test in tests if test is not choice)
                    return [(*part, *others) for part in parts]
        return [tests]

    def _key(self, tree: Tree) -> _Key | None:
        """Return where a test can be filed, if it can."""
        try:
            return self._keys[id(tree)]
        except KeyError:
            key = self._keys[id(tree)] = _key(tree)
            return key

    def _expression(self, tree: Tree, held: dict[str, str]) -> str:
        if (test := tree.prepared) is not None:
            name = test.test.field
            value = held.get(name, f"e[{name!r}]")
            return f"({test.operator.source(value, name, test.operand, self._constants)})"
        parts = [self._expression(part, held) for part in tree.parts]
        match tree.node:
            case All():
                return f"({' and '.join(parts)})" if parts else "True"
            case AnyOf():
                return f"({' or '.join(parts)})" if parts else "False"
            case _:
                return f"(not ({' or '.join(parts)}))" if parts else "True"


def _conjuncts(tree: Tree) -> Iterable[Tree]:
    """Yield the tests and groups that must all hold."""
    if isinstance(tree.node, All) or (isinstance(tree.node, AnyOf) and len(tree.parts) == 1):
        for part in tree.parts:
            yield from _conjuncts(part)
    elif (test := tree.prepared) is not None and test.operator.name == "changed_to":
        yield Tree(tree.node, (), Prepared(test.test, OPERATORS["eq"], test.operand))
        yield Tree(tree.node, (), Prepared(test.test, OPERATORS["changed"], None))
    else:
        yield tree


def _key(tree: Tree) -> _Key | None:
    """Return where a test can be filed, if it can."""
    if (test := tree.prepared) is None:
        return None
    name, operand = test.test.field, test.operand
    match test.operator.name:
        case "eq":
            return _Key(name, (operand,), False)
        case "in":
            return _Key(name, operand, False)
        case "has":
            return _Key(name, (operand,), True)
        case "has_any":
            return _Key(name, operand, True)
        case "words":
            return _Key(name + WORDS, operand, True)
        case _:
            return None


def _names(tree: Tree) -> Iterable[str]:
    if tree.prepared is not None:
        yield tree.prepared.test.field
    for part in tree.parts:
        yield from _names(part)


def _filed_by_bound(entry: _Entry, bounds: dict[tuple[str, str], list[tuple[float, int]]]) -> bool:
    """Put an entry of one comparison with a number among its like."""
    if len(entry.tests) != 1 or (test := entry.tests[0].prepared) is None:
        return False
    if test.operator.name not in ("gt", "ge", "lt", "le"):
        return False
    bounds[test.test.field, test.operator.name].append((test.operand, entry.place))
    return True
