"""What a check is, and the list of all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeVar, get_args

from chorally_sdk.testing.bench import Bench

Group = Literal["package", "check", "auth", "pull", "webhook", "subscription", "push", "limits", "specification"]
GROUPS: tuple[Group, ...] = get_args(Group)

Run = Callable[[Bench], Awaitable[None]]
R = TypeVar("R", bound=Run)


@dataclass(frozen=True)
class Check:
    """Something that must hold for any connector that is able to it."""

    id: str
    group: Group
    title: str
    """What holds, as a sentence."""
    proves: str
    """Which defect it would find."""
    needs: tuple[str, ...]
    """Abilities (``Pulls``), levers of the sandbox (``say``), and faults (``rate_limit/read``)."""
    may_be_exempt: bool
    """Whether a manifest may give a reason to leave it out; never where data would be lost, doubled or told."""
    run: Run

    def __str__(self) -> str:
        return self.id


CHECKS: dict[str, Check] = {}
"""All checks by id, in the order of their groups."""


class NotApplied(Exception):
    """The check does not apply; says why."""

    def __init__(self, why: str, *, is_exempt: bool = False, is_gap: bool = False) -> None:
        """Say why.

        Args:
            why: The reason.
            is_exempt: The manifest gives it.
            is_gap: The connector is able to it, and its stand-in cannot show it.
        """
        super().__init__(why)
        self.is_exempt = is_exempt
        self.is_gap = is_gap


class Failed(AssertionError):
    """A connector does not do what a check is about."""


def check(group: Group, title: str, *needs: str, may_be_exempt: bool = True) -> Callable[[R], R]:
    """Make a check of a coroutine function: its name is the id, its docstring says what it proves."""

    def register(run: R) -> R:
        name = run.__name__.replace("_", "-")
        proves = " ".join((run.__doc__ or "").split())
        assert name not in CHECKS, f"there are two checks {name!r}"
        assert proves, f"the check {name!r} does not say what it proves"
        CHECKS[name] = Check(name, group, title, proves, needs, may_be_exempt, run)
        return run

    return register


def where_people_answer(bench: Bench) -> None:
    """Go on with the check only where people can answer what people said.

    Raises:
        NotApplied: Only our account answers there.
    """
    if not bench.levers.people_answer:
        raise NotApplied("people cannot answer each other there")


def ensure(holds: object, otherwise: str) -> None:
    """Fail the check unless something holds.

    Raises:
        Failed: It does not.
    """
    if not holds:
        fail(otherwise)


def fail(why: str) -> NoReturn:
    """Fail the check.

    Raises:
        Failed: Always.
    """
    raise Failed(why)


E = TypeVar("E", bound=BaseException)


async def raised(call: Awaitable[object], kind: type[E] | tuple[type[E], ...], when: str) -> E:
    """Return the error that a call must end with.

    Raises:
        Failed: It ends otherwise.
    """
    wanted = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
    try:
        outcome = await call
    except kind as error:
        return error
    except Exception as error:
        raise Failed(f"{when}: must raise {wanted}, raised {type(error).__name__}: {error}") from error
    fail(f"{when}: must raise {wanted}, returned {outcome!r}")
