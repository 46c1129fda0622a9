"""Templates: those that the business may use, and how values become the components of a message.

Sources: "Message templates", "Template components" (read 2026-11-23). A template's values are those of its title, its
text and its buttons, in this order; a listing names them ``header.name``, ``name`` and ``button.0.name``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chorally_meta.listing import Reader, path
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_whatsapp.shapes import KnownTemplate, TemplateComponent

FIELDS = "name,language,status,parameter_format,components"
AT_ONCE = 100
USABLE = "APPROVED"
_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_FILES = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}


@dataclass(frozen=True)
class Place:
    """Where a value goes."""

    part: str
    """``header``, ``body`` or ``button``."""
    name: str
    index: int = 0
    """Of a button."""
    kind: str = "text"
    """``url`` or ``copy_code``, of a button."""

    @property
    def label(self) -> str:
        """The name of the value in a listing."""
        return {"header": f"header.{self.name}", "body": self.name, "button": f"button.{self.index}.{self.name}"}[
            self.part
        ]


async def listed(http: sdk.Http, waba: str) -> Sequence[sdk.Template]:
    """Return the approved templates of a business's account, in all their languages."""
    query = {"fields": FIELDS, "limit": str(AT_ONCE)}
    found = Reader(http).all(Listing[KnownTemplate], path(waba, "message_templates"), query)
    return [shown(each) async for each in found if each.status.upper() == USABLE]


def shown(template: KnownTemplate) -> sdk.Template:
    """Return a template as agents choose it: its texts, and the names of its values."""
    texts = [part.text for part in template.components if part.text and part.type.upper() != "BUTTONS"]
    values = tuple(place.label for place in places(template))
    return sdk.Template(name=template.name, language=template.language, text="\n\n".join(texts), values=values)


def places(template: KnownTemplate) -> list[Place]:
    """Return where the values of a template go, in their order."""
    parts = {part.type.upper(): part for part in template.components}
    return [
        *(Place("header", name) for name in _names(parts.get("HEADER"))),
        *(Place("body", name) for name in _names(parts.get("BODY"))),
        *_of_buttons(parts.get("BUTTONS")),
    ]


def needs_file(template: KnownTemplate) -> str:
    """Return the kind of file that stands above a template: ``image``, ``video`` or ``document``; or nothing."""
    header = next((part for part in template.components if part.type.upper() == "HEADER"), None)
    return _FILES.get(header.format.upper(), "") if header else ""


def _names(part: TemplateComponent | None) -> list[str]:
    """The placeholders of a text: numbers in their order, or names as they come."""
    found = list(dict.fromkeys(_PLACE.findall(part.text))) if part else []
    return sorted(found, key=int) if all(name.isdecimal() for name in found) else found


def _of_buttons(part: TemplateComponent | None) -> Iterator[Place]:
    for index, button in enumerate(part.buttons if part else ()):
        kind = str(button.get("type", "")).upper()
        if kind in {"URL", "OTP"}:
            for name in _PLACE.findall(str(button.get("url", ""))):
                yield Place("button", name, index, "url")
        elif kind == "COPY_CODE":
            yield Place("button", "code", index, "copy_code")


async def found(http: sdk.Http, waba: str, wanted: sdk.Template) -> KnownTemplate:
    """Return a template by its name and language.

    Raises:
        Rejected: There is none that may be used.
    """
    query = {"fields": FIELDS, "name": wanted.name, "limit": str(AT_ONCE)}
    reader = Reader(http).all(Listing[KnownTemplate], path(waba, "message_templates"), query)
    named = [each async for each in reader if each.name == wanted.name and each.status.upper() == USABLE]
    for each in named:
        if each.language == wanted.language or not wanted.language:
            return each
    languages = ", ".join(sorted(each.language for each in named))
    known = f"it is approved in {languages}" if named else "choose one that is"
    raise sdk.Rejected(f"the template {wanted.name!r} is not approved in {wanted.language!r}; {known}")


def components(template: KnownTemplate, values: Sequence[str], file: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the components of a message by a template.

    Args:
        template: As it is known.
        values: In the order of ``places``.
        file: ``{"type": "image", "image": {"id": …}}``, where one stands above it.

    Raises:
        Rejected: There are too few values, or too many; a file is missing, or nobody needs it.
    """
    wanted = places(template)
    if len(values) != len(wanted):
        names = ", ".join(place.label for place in wanted) or "none"
        raise sdk.Rejected(f"the template {template.name!r} takes {len(wanted)} values ({names}), not {len(values)}")
    kind = needs_file(template)
    if kind and (file is None or file["type"] != kind):
        raise sdk.Rejected(f"above the template {template.name!r} stands a file ({kind}); attach it")
    if file is not None and not kind:
        raise sdk.Rejected(f"the template {template.name!r} takes no file; leave it out")
    is_named = (template.parameter_format or "").upper() == "NAMED"
    filled = list(zip(wanted, values, strict=True))
    made: list[dict[str, Any]] = []
    for part in ("header", "body"):
        parameters = [_text(place, value, is_named) for place, value in filled if place.part == part]
        parameters = [dict(file), *parameters] if part == "header" and file else parameters
        made += [{"type": part, "parameters": parameters}] if parameters else []
    return [*made, *(_button(place, value) for place, value in filled if place.part == "button")]


def _text(place: Place, value: str, is_named: bool) -> dict[str, Any]:
    return {"type": "text", **({"parameter_name": place.name} if is_named else {}), "text": value}


def _button(place: Place, value: str) -> dict[str, Any]:
    is_code = place.kind == "copy_code"
    filling = {"type": "coupon_code", "coupon_code": value} if is_code else {"type": "text", "text": value}
    return {"type": "button", "sub_type": place.kind, "index": str(place.index), "parameters": [filling]}
