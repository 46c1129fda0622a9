"""Reads OpenAPI 3.0 and 3.1, and Swagger 2.0, of one file or of several."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openapi_schema_validator import OAS30Validator, OAS31Validator

from chorally_sdk.sandbox.parts import MULTIPART
from chorally_sdk.testing.specification.description import URI, Description, Operation, Parameter, pointer
from chorally_sdk.testing.specification.folder import joined
from chorally_sdk.testing.specification.forms import FORM

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_HOOKS = frozenset({"webhook", "webhooks", "callback"})


def from_openapi(files: Mapping[str, Any], folder: Path | None = None) -> Description:
    """Return what OpenAPI documents describe, by the names of their files; see ``joined``."""
    whole = joined(files, folder)
    is_31 = any(str(document.get("openapi", "")).startswith("3.1") for document in files.values())
    readers = [_Reader(whole, name) for name in sorted(files) if "paths" in files[name]]
    operations = [operation for reader in readers for operation in reader.operations()]
    hooks = [hook for reader in readers for hook in reader.hooks()]
    return Description(whole, operations, OAS31Validator if is_31 else OAS30Validator, hooks=hooks)


class _Reader:
    def __init__(self, whole: Mapping[str, Any], name: str) -> None:
        self._whole = whole
        self._name = name
        self._document = whole[name]
        self._is_2 = "swagger" in self._document

    def operations(self) -> Iterator[Operation]:
        """Yield all operations, once for each base path."""
        for base in self._bases():
            for path, item in self._document.get("paths", {}).items():
                shared = item.get("parameters", [])
                for method in _METHODS:
                    if method in item:
                        yield self._operation(base + path, method, item[method], shared, ("paths", path, method))

    def hooks(self) -> Iterator[Mapping[str, Any]]:
        """Yield the schemas of webhooks; some describe theirs as a path of ours that is called."""
        for path, item in self._document.get("paths", {}).items():
            if path.rstrip("/").rpartition("/")[2] in _HOOKS:
                for media in self._followed(item.get("post", {}).get("requestBody", {})).get("content", {}):
                    yield pointer(self._name, "paths", path, "post", "requestBody", "content", media, "schema")
        for name, item in {**self._document.get("webhooks", {}), **self._document.get("x-webhooks", {})}.items():
            for method in _METHODS:
                for media in item.get(method, {}).get("requestBody", {}).get("content", {}):
                    kind = "webhooks" if name in self._document.get("webhooks", {}) else "x-webhooks"
                    yield pointer(self._name, kind, name, method, "requestBody", "content", media, "schema")

    def _bases(self) -> list[str]:
        if self._is_2:
            return [str(self._document.get("basePath", "")).rstrip("/")]
        urls = [_filled(server) for server in self._document.get("servers", [])] or [""]
        whole = [url if "://" in url or url.startswith("/") or not url else f"//{url}" for url in urls]
        return sorted({urlsplit(url).path.rstrip("/") for url in whole})

    def _operation(
        self, path: str, method: str, told: Mapping[str, Any], shared: list[Any], at: tuple[str, ...]
    ) -> Operation:
        parameters = [self._followed(each) for each in [*shared, *told.get("parameters", [])]]
        query = {
            each["name"]: Parameter(each.get("schema") or each, bool(each.get("required")))
            for each in parameters
            if each.get("in") == "query"
        }
        body, is_required = self._body(told, parameters)
        answers = {
            str(status): self._schema(self._followed(answer)) for status, answer in told.get("responses", {}).items()
        }
        return Operation(f"{method.upper()} {path}", method.upper(), path, query, body, is_required, answers)

    def _body(self, told: Mapping[str, Any], parameters: list[Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
        if not self._is_2:
            body = self._followed(told.get("requestBody", {}))
            content = {media: kind.get("schema", {}) for media, kind in body.get("content", {}).items()}
            return content, bool(body.get("required"))
        whole = [each for each in parameters if each.get("in") == "body"]
        form = {each["name"]: each for each in parameters if each.get("in") == "formData"}
        if whole:
            return {"application/json": whole[0].get("schema", {})}, bool(whole[0].get("required"))
        if form:
            needed = [name for name, each in form.items() if each.get("required") is True]
            fields = {name: {"type": each["type"]} if each.get("type") else {} for name, each in form.items()}
            schema = {"type": "object", "properties": fields, **({"required": needed} if needed else {})}
            return dict.fromkeys((FORM, MULTIPART, "application/json"), schema), bool(needed)
        return {}, False

    def _schema(self, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if self._is_2:
            return answer.get("schema")
        for media, kind in answer.get("content", {}).items():
            if "json" in media:
                found: Mapping[str, Any] = kind.get("schema", {})
                return found
        return None

    def _followed(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, for what is no schema."""
        while "$ref" in node:
            found: Any = self._whole
            for part in node["$ref"].removeprefix(f"{URI}#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node


def _filled(server: Mapping[str, Any]) -> str:
    """A server's URL, its variables by their defaults."""
    url = str(server.get("url", ""))
    for name, told in server.get("variables", {}).items():
        url = url.replace(f"{{{name}}}", str(told.get("default", "")))
    return url
