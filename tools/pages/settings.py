"""The page of the settings."""

from typing import Any

from chorally_core.settings import Retention, Settings

from tools.pages.reading import attributes, code, line, table

_TYPES = {
    "Path": "path",
    "str": "text",
    "SecretStr": "text, secret",
    "int": "integer",
    "float": "number",
    "float | None": "number, or not set",
    "Retention": "JSON object; see below",
    "dict[str, str]": "JSON object of text to text",
    "dict[str, Retention]": "JSON object of tenant to object; see below",
    "Annotated[list[SecretStr], BeforeValidator(_words)]": "texts parted by commas or spaces, secret",
}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"CHORALLY_{field.upper()}"


def page() -> str:
    """Return the page."""
    parts = [
        "# Settings\n\nEnvironment variables, all checked when a command starts; every mistake is told at once. The"
        " options `--data`, `--host` and `--port` win over them.\n"
    ]
    written = {attribute.name: attribute for attribute in attributes(Settings)}
    for name, field in Settings.model_fields.items():
        kind = written[name].annotation
        facts = [_TYPES.get(kind) or _choice(kind), _default(written[name].default), *_bounds(field)]
        about = line(field.description or f"{field.title}.")
        parts.append(
            f"## {variable(name)}\n\n{field.title}. {about}\n\n{'; '.join(facts)}.\n".replace(f"{about} {about}", about)
        )
    rows = [
        (code(name), code(str(field.default)), "; ".join(_bounds(field)))
        for name, field in Retention.model_fields.items()
    ]
    parts.append(
        "## Days of retention\n\nWhat `CHORALLY_RETENTION_DAYS` and each tenant of `CHORALLY_TENANT_RETENTION_DAYS` may"
        f" say; what is left out has its default.\n\n{table(('Record', 'Days', 'Bounds'), rows)}\n"
    )
    return "\n".join(parts)


def _choice(kind: str) -> str:
    return f"one of {', '.join(f'`{c.strip()}`' for c in kind[len('Literal[') : -1].replace(chr(39), '').split(','))}"


def _default(written: str | None) -> str:
    shown = {"''": "empty", "SecretStr('')": "empty", "[]": "empty", "{}": "empty", "None": "not set"}
    text = (written or "None").removeprefix("Path(").removesuffix(")") if "Path(" in (written or "") else written or ""
    if text.startswith("Retention"):
        return "default: as below"
    return f"default: {shown.get(text) or code(text.strip(chr(39)))}"


def _bounds(field: Any) -> list[str]:
    found = []
    for bound in field.metadata:
        found += [f"{word} {getattr(bound, name)}" for name, word in _BOUNDS.items() if hasattr(bound, name)]
    return found
