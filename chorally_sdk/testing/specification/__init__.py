"""Official descriptions of platforms, read where ``$CHORALLY_SPECS`` points, and never copied.

OpenAPI 3 and Swagger 2 (of one file, or of a folder whose files refer to each other), Google's discovery documents,
the AT Protocol's lexicons, Telegram's methods and types, OData's CSDL, and the nodes that Meta's own SDKs are
generated from become operations with JSON schemas; ``openapi-schema-validator`` (jsonschema) does the judging.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from chorally_sdk.testing.specification.csdl import from_csdl
from chorally_sdk.testing.specification.description import Description
from chorally_sdk.testing.specification.discovery import from_discovery
from chorally_sdk.testing.specification.folder import loaded
from chorally_sdk.testing.specification.lexicon import from_lexicons
from chorally_sdk.testing.specification.methods import from_methods
from chorally_sdk.testing.specification.nodes import from_nodes
from chorally_sdk.testing.specification.openapi import from_openapi
from chorally_sdk.testing.specification.several import Described, Several

VARIABLE = "CHORALLY_SPECS"

__all__ = ["VARIABLE", "Described", "Description", "Several", "find", "names_of", "read", "read_all"]


def names_of(told: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of descriptions as a twin says them: none, one, or several."""
    return tuple(filter(None, (told,) if isinstance(told, str) else told))


def find(name: str) -> Path | None:
    """Return where a description is, None where the folder is not set or has none of that name."""
    folder = os.environ.get(VARIABLE)
    path = Path(folder) / name if folder and name else None
    return path if path is not None and path.exists() else None


def read_all(told: str | Sequence[str]) -> Described:
    """Read the descriptions that a twin names.

    Raises:
        LookupError: One of them is not there, or none is named.
        ValueError: One of them cannot be read.
    """
    found = {name: find(name) for name in names_of(told)}
    missing = [name for name, path in found.items() if path is None]
    if missing or not found:
        raise LookupError(f"there is no description {', '.join(missing) or 'named'}")
    parts = [read(path) for path in found.values() if path is not None]
    return parts[0] if len(parts) == 1 else Several(parts)


@cache
def read(path: Path) -> Description:
    """Read a description: a file, or a folder of lexicons, of nodes or of OpenAPI.

    Raises:
        ValueError: It is none of the kinds that can be read.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.suffix == ".xml":
        return from_csdl(path.read_text("utf-8"))
    document = loaded(path)
    if "openapi" in document or "swagger" in document:
        return from_openapi({path.name: document}, path.parent)
    if "discovery" in str(document.get("kind", "")) or "rootUrl" in document:
        return from_discovery(document)
    if {"methods", "types"} <= set(document):
        return from_methods(document)
    raise ValueError(f"{path.name} is no OpenAPI, no discovery document, no lexicon, no node, no method and no CSDL")


def _of_folder(folder: Path) -> Description:
    files = {
        path.relative_to(folder).as_posix(): loaded(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".json", ".yaml", ".yml"}
    }
    described = {name: each for name, each in files.items() if isinstance(each, dict)}
    if any("openapi" in each or "swagger" in each for each in described.values()):
        named = {name: each for name, each in described.items() if "openapi" in each or "swagger" in each}
        return from_openapi(named, folder)
    if any("apis" in each for each in described.values()):
        return from_nodes({Path(name).stem: each for name, each in described.items()})
    if any("lexicon" in each for each in described.values()):
        return from_lexicons(list(described.values()))
    raise ValueError(f"the folder {folder.name} holds no OpenAPI, no node and no lexicon")
