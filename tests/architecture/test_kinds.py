"""Every kind of document is known to whoever prepares a store for all of them."""

import ast

from chorally_core.bootstrap.kinds import kinds
from chorally_core.ports import schemas

from tests.architecture.checkout import modules, name_of


def test_every_kind_is_migrated() -> None:
    """A class that declares a kind anywhere in core is found by the registry, so that its indexes are made."""
    declared = {
        found.name
        for path in modules()
        if name_of(path).startswith("core_services/chorally_core/")
        for found in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(found, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Document" for b in found.bases)
    }
    assert "Ticket" in declared
    assert declared - {of.__name__ for of in kinds()} == set(), "add their module to chorally_core.bootstrap.kinds"


def test_every_kind_can_be_migrated() -> None:
    """No two have one name, and each has a step to each of its schemas."""
    schemas.check(kinds())
