"""Tells people how tests of rules went."""

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from chorally_core.commands.rules_files.judging import Verdict, lines


def report(verdicts: Sequence[Verdict], tell: Callable[[str], object]) -> None:
    """Print what failed, with what the conditions met, and how many passed."""
    for verdict in verdicts:
        if not verdict.passed:
            for line in _failed(verdict):
                tell(line)
    passed = sum(verdict.passed for verdict in verdicts)
    tell(f"{passed} of {len(verdicts)} tests passed")


def _failed(verdict: Verdict) -> Iterator[str]:
    case, expected = verdict.case, verdict.case.case.expected
    yield f"FAILED {case.path}:{case.line} {case.case.name}"
    if list(verdict.fires) != expected.fires:
        yield "  rules that fire:"
        yield from _compared(expected.fires, verdict.fires)
    if expected.actions is not None and list(verdict.actions) != expected.actions:
        yield "  actions:"
        yield from _compared(expected.actions, verdict.actions)
    for name, conditions in verdict.why.items():
        yield f"  what {name!r} met:"
        yield from lines(conditions, "    ")
    for name in expected.fires:
        if name not in verdict.why and name not in verdict.fires:
            yield f"  there is no rule {name!r} in the files"


def _compared(expected: Sequence[str], got: Sequence[str]) -> Iterator[str]:
    for kind, a, b, c, d in SequenceMatcher(None, expected, got, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (f"      {each}" for each in expected[a:b])
            continue
        yield from (f"    - {each}   (expected)" for each in expected[a:b])
        yield from (f"    + {each}   (came)" for each in got[c:d])
