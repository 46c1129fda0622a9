"""Services of installed packages: found, checked, and kept from disturbing others."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest
from chorally_core.bootstrap import PARTS, Parts, Role, System, added, upkeep
from chorally_core.bootstrap.added import Found, Unusable, find, why_not
from chorally_core.bootstrap.services import declared
from chorally_core.commands.services import print_services
from chorally_core.ports import permissions
from chorally_core.ports.erasure import Erasure
from chorally_core.runner.erasure import CannotErase
from chorally_core.settings import Settings

HEAD = "from fastapi import FastAPI\nfrom chorally_core.bootstrap.service import Reads, Round, Service\n"
PLAIN = HEAD + "SERVICE = Service(name={name!r}, api=lambda around: FastAPI(), does='tries it'{more})\n"


class Packages:
    """Packages that lie on the path without having been installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: list[str] = []

    def add(self, name: str, source: str, *, package: str = "") -> Distribution:
        """Lay a package down whose service has a name."""
        module = f"tried_{name.replace('-', '_')}_{len(self._modules)}"
        self._modules.append(module)
        (self._folder / f"{module}.py").write_text(source, "utf-8")
        about = self._folder / f"{module}.dist-info"
        about.mkdir()
        title = package or f"chorally-{name}-service"
        (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {title}\nVersion: 1.2\n", "utf-8")
        (about / "entry_points.txt").write_text(f"[chorally.services]\n{name} = {module}:SERVICE\n", "utf-8")
        return PathDistribution(about)

    def forget(self) -> None:
        """Leave no module behind."""
        for module in self._modules:
            sys.modules.pop(module, None)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """A place for packages."""
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(permissions, "_added", {})
    laid = Packages(tmp_path / "site")
    yield laid
    laid.forget()


@pytest.fixture
def install(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lays a package down as the only one that adds services."""

    def laid(name: str, more: str = "", source: str = PLAIN) -> Found:
        found = find([packages.add(name, source.format(name=name, more=more))])
        for one in found.services.values():
            permissions.declare(one.service.permissions)
        for module in ("added", "services", "upkeep"):
            monkeypatch.setattr(f"chorally_core.bootstrap.{module}.added", lambda: found, raising=True)
        monkeypatch.setattr("chorally_core.commands.services.added", lambda: found)
        return found

    return laid


def test_a_service_is_found_with_the_roles_that_it_has(packages: Packages) -> None:
    """By what it declares."""
    more = ", reads=lambda around: Reads('gift-cards', []), rounds=lambda around: []"
    found = find([packages.add("gift-cards", PLAIN.format(name="gift-cards", more=more)),
                  packages.add("notes", PLAIN.format(name="notes", more=""))])  # fmt: skip
    assert not found.broken
    assert found.services["gift-cards"].roles == (Role.API, Role.CONSUMER, Role.WORKER)
    assert found.services["notes"].roles == (Role.API,)
    assert found.services["notes"].package == "chorally-notes-service 1.2"


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("notes", "raise SystemExit('no')\n", "SystemExit: no"),
        ("notes", "SERVICE = 'notes'\n", "names 'notes', not a Service"),
        ("notes", PLAIN.format(name="other", more=""), "declared as 'other'"),
        ("message", PLAIN.format(name="message", more=""), "reserved"),
        ("export", PLAIN.format(name="export", more=""), "reserved"),
        ("tickets", PLAIN.format(name="tickets", more=""), "name of a topic"),
        ("facebook", PLAIN.format(name="facebook", more=""), "name of a connector"),
        ("Notes", PLAIN.format(name="Notes", more=""), "is no name of a service"),
        ("notes", PLAIN.format(name="notes", more=", permissions={'tickets:read': []}"), "'tickets:read' must be"),
        ("notes", PLAIN.format(name="notes", more=", permissions={'notes:read': ['boss']}"), "no role 'boss'"),
    ],
)
def test_a_broken_one_is_listed_with_its_reason(packages: Packages, name: str, source: str, why: str) -> None:
    """And the others are there all the same."""
    broken = packages.add(name, source)
    found = find([broken, packages.add("fine", PLAIN.format(name="fine", more=""))])
    assert set(found.services) == {"fine"}
    (told,) = found.broken
    assert told.name == name
    assert why in told.reason


def test_of_two_of_one_name_the_first_by_package_serves(packages: Packages) -> None:
    """And the other says who has the name."""
    source = PLAIN.format(name="notes", more="")
    found = find([packages.add("notes", source, package="b"), packages.add("notes", source, package="a")])
    assert found.services["notes"].package == "a 1.2"
    assert [(each.package, each.reason) for each in found.broken] == [
        ("b 1.2", "ValueError: the name is taken by a 1.2")
    ]


def test_two_packages_that_cannot_be_read_disturb_nobody() -> None:
    """Whatever is wrong with their metadata."""

    class Odd(Distribution):
        def read_text(self, filename: str) -> str | None:
            raise OSError("no disk")

        def locate_file(self, path: Any) -> Any:
            raise NotImplementedError

    assert find([Odd(), Odd()]) == Found()


def test_it_is_a_part_like_ours(install: Any) -> None:
    """Of everything, and of a process of its own; its permissions go with the roles that it names."""
    more = ", permissions={'notes:read': ['agent', 'admin']}"
    install("notes", more)
    assert Parts().services == (*PARTS, "notes")
    assert Parts.named(["notes"]).of(Role.API) == ["notes"]
    assert not Parts.named(["notes"]).has("notes", Role.WORKER)
    assert [service.name for service in declared(["log", "notes"])] == ["log", "notes"]
    assert "notes:read" in permissions.permissions_of(["agent"])
    assert "notes:read" not in permissions.permissions_of(["viewer"])
    assert "notes:read" in permissions.permissions_of([permissions.INSTALLER])


def test_the_list_of_services_shows_it_or_its_reason(install: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With the package that it is of."""
    install("notes")
    print_services()
    install("broken", source="raise ImportError('[no] such thing')\n")
    print_services()
    told = capsys.readouterr().out
    assert "chorally-notes-service 1.2" in told
    assert "/notes/v1" in told
    assert "tries it" in told
    assert "ImportError: [no] such thing" in told


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (", reads=lambda around: Reads('message', [])", "its group 'message' must be 'notes'"),
        (", rounds=lambda around: [Round('message/waking', None, 5)]", "begin with 'notes/'"),
        (", rounds=lambda around: 1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_would_disturb_others_is_refused_by_name(install: Any, tmp_path: Path, more: str, why: str) -> None:
    """A group of ours would take events from us; what fails says whose it is."""
    install("notes", more)
    with pytest.raises(Unusable, match=r"chorally-notes-service 1\.2") as told:
        System(Settings(data=tmp_path / "data"))
    assert why in str(told.value)


async def test_nobody_is_erased_while_a_service_is_broken(install: Any, tmp_path: Path) -> None:
    """What it stored of them cannot be found; the erasure is tried again, and says why it waits."""
    install("notes", source="raise ImportError('gone')\n")
    system = System(Settings(data=tmp_path / "data"))
    eraser = upkeep._eraser(system.around)
    (part,) = [part for part in eraser._parts if isinstance(part, CannotErase)]
    at = datetime(2026, 11, 23, tzinfo=UTC)
    erasure = Erasure(id="a", tenant="acme", platform="wall", since=at, at=at, next_at=at)
    with pytest.raises(RuntimeError, match=r"chorally-notes-service 1\.2 is broken: ImportError: gone"):
        await part.step(erasure, "")
    system.close()


def test_names_that_nobody_has_can_be_taken() -> None:
    """Up to a length."""
    assert not why_not("gift-cards", ["facebook"])
    assert "connector" in why_not("google-business", ["google_business"])
    for wrong in ("", "a--b", "-a", "a-", "a_b", "1a", "a" * 31, "ä"):
        assert "is no name" in why_not(wrong, [])


def test_nothing_is_added_where_no_package_does() -> None:
    """The connectors of this checkout add no services."""
    assert added.find().services == {}
