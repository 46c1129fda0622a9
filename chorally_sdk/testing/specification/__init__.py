"""Official descriptions of platforms, read where ``$CHORALLY_SPECS`` points, and never copied.

OpenAPI 3 and Swagger 2, Google's discovery documents, the AT Protocol's lexicons, and the nodes that Meta's own
SDKs are generated from become operations with JSON schemas; ``openapi-schema-validator`` (jsonschema) does the judging.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from chorally_sdk.testing.specification.description import Description
from chorally_sdk.testing.specification.discovery import from_discovery
from chorally_sdk.testing.specification.lexicon import from_lexicons
from chorally_sdk.testing.specification.nodes import from_nodes
from chorally_sdk.testing.specification.openapi import from_openapi

VARIABLE = "CHORALLY_SPECS"

__all__ = ["VARIABLE", "Description", "find", "read"]


def find(name: str) -> Path | None:
    """Return where a description is, None where the folder is not set or has none of that name."""
    folder = os.environ.get(VARIABLE)
    path = Path(folder) / name if folder and name else None
    return path if path is not None and path.exists() else None


@cache
def read(path: Path) -> Description:
    """Read a description: a file of OpenAPI or discovery, or a folder of lexicons or nodes.

    Raises:
        ValueError: It is none of these.
    """
    if path.is_dir():
        files = {each.stem: json.loads(each.read_text("utf-8")) for each in sorted(path.rglob("*.json"))}
        if any("apis" in document for document in files.values()):
            return from_nodes(files)
        return from_lexicons([json.loads(each.read_text("utf-8")) for each in sorted(path.rglob("*.json"))])
    document = _loaded(path)
    if "openapi" in document or "swagger" in document:
        return from_openapi(document)
    if "discovery" in str(document.get("kind", "")) or "rootUrl" in document:
        return from_discovery(document)
    raise ValueError(f"{path.name} is no OpenAPI, no discovery document no lexicon and no node")


def _loaded(path: Path) -> dict[str, Any]:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return dict(json.loads(text))
    import yaml  # only YAML needs it

    return dict(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 - both are safe
