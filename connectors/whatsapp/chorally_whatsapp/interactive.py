"""Buttons, lists and links below a text, as the Cloud API takes them; checked before any call.

Sources: "Interactive reply buttons messages", "Interactive list messages", "Interactive call-to-action URL button
messages" (read 2026-11-23).
"""

from collections.abc import Mapping
from typing import Any

import chorally_sdk as sdk
from chorally_whatsapp.limits import MAX_CAPTION

MAX_BUTTONS, MAX_ROWS, MAX_SECTIONS = 3, 10, 10
MAX_TITLE, MAX_BUTTON_ID, MAX_ROW_ID, MAX_ROW_TITLE, MAX_DETAIL, MAX_LINE = 20, 256, 200, 24, 72, 60
_KINDS = ("buttons", "list", "url", "interactive")


def is_interactive(options: Mapping[str, Any]) -> bool:
    """Whether options ask for something to press."""
    return any(name in options for name in _KINDS)


def interactive(body: str, options: Mapping[str, Any], header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the interactive object of a message.

    Args:
        body: The text above what can be pressed.
        options: Those of the message.
        header: A file in place of a title.

    Raises:
        Rejected: Something is too long, too many, or missing.
    """
    asked = [name for name in _KINDS if name in options]
    if len(asked) > 1:
        raise sdk.Rejected(f"a message has {asked[0]} or {asked[1]}, not both; send two")
    if len(body) > MAX_CAPTION:
        raise sdk.Rejected(
            f"a text above something to press has at most {MAX_CAPTION} characters, this has {len(body)}; shorten it"
        )
    kind = asked[0]
    if kind == "interactive":
        return _given(body, _object(options["interactive"], "interactive"))
    if not body.strip():
        raise sdk.Rejected("what can be pressed stands below a text; write one")
    action = {"buttons": _buttons, "list": _list, "url": _url}[kind](options[kind])
    names = {"buttons": "button", "list": "list", "url": "cta_url"}
    title = header or ({"type": "text", "text": _line(options["header"], "header")} if options.get("header") else None)
    if kind == "list" and header is not None:
        raise sdk.Rejected("a list takes a title and no file; send the file before it")
    return {
        "type": names[kind],
        **({"header": dict(title)} if title else {}),
        "body": {"text": body},
        **({"footer": {"text": _line(options["footer"], "footer")}} if options.get("footer") else {}),
        "action": action,
    }


def _given(body: str, told: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(told.get("type"), str):
        raise sdk.Rejected("an interactive object says its type, such as flow or product_list")
    return {**told, **({"body": {"text": body}} if body else {})}


def _buttons(told: object) -> dict[str, Any]:
    found = [_button(each) for each in _many(told, "buttons", MAX_BUTTONS)]
    _different([each["id"] for each in found], "ids of buttons")
    _different([each["title"] for each in found], "titles of buttons")
    return {"buttons": [{"type": "reply", "reply": each} for each in found]}


def _button(told: object) -> dict[str, str]:
    if isinstance(told, str):
        return {"id": _words(told, "a button's title", MAX_TITLE), "title": told}
    each = _object(told, "a button")
    title = _words(each.get("title"), "a button's title", MAX_TITLE)
    return {"id": _words(each.get("id", title), "a button's id", MAX_BUTTON_ID), "title": title}


def _list(told: object) -> dict[str, Any]:
    asked = _object(told, "list")
    sections = [_section(each) for each in _many(asked.get("sections"), "sections", MAX_SECTIONS)]
    rows = [row for section in sections for row in section["rows"]]
    if len(rows) > MAX_ROWS:
        raise sdk.Rejected(f"a list has at most {MAX_ROWS} rows, this has {len(rows)}; leave some out")
    if len(sections) > 1 and not all(section.get("title") for section in sections):
        raise sdk.Rejected("of several sections each has a title; add it")
    _different([row["id"] for row in rows], "ids of rows")
    return {"button": _words(asked.get("button"), "a list's button", MAX_TITLE), "sections": sections}


def _section(told: object) -> dict[str, Any]:
    each = _object(told, "a section")
    title = {"title": _words(each["title"], "a section's title", MAX_ROW_TITLE)} if each.get("title") else {}
    return {**title, "rows": [_row(row) for row in _many(each.get("rows"), "rows", MAX_ROWS)]}


def _row(told: object) -> dict[str, str]:
    each = _object(told, "a row")
    title = _words(each.get("title"), "a row's title", MAX_ROW_TITLE)
    row = {"id": _words(each.get("id", title), "a row's id", MAX_ROW_ID), "title": title}
    if each.get("description"):
        row["description"] = _words(each["description"], "a row's description", MAX_DETAIL)
    return row


def _url(told: object) -> dict[str, Any]:
    asked = _object(told, "url")
    url = asked.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise sdk.Rejected("a link leads to an address that begins with https://")
    shown = _words(asked.get("text"), "a link's text", MAX_TITLE)
    return {"name": "cta_url", "parameters": {"display_text": shown, "url": url}}


def _line(told: object, what: str) -> str:
    return _words(told, f"a {what}", MAX_LINE)


def _words(told: object, what: str, most: int) -> str:
    if not isinstance(told, str) or not told.strip():
        raise sdk.Rejected(f"{what} is a text; write one")
    if len(told) > most:
        raise sdk.Rejected(f"{what} has at most {most} characters, this has {len(told)}; shorten it")
    return told


def _object(told: object, what: str) -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise sdk.Rejected(f"{what} is an object; see the options of the channel")
    return told


def _many(told: object, what: str, most: int) -> list[Any]:
    if not isinstance(told, list | tuple) or not told:
        raise sdk.Rejected(f"{what} is a list, and not empty")
    if len(told) > most:
        raise sdk.Rejected(f"there are at most {most} {what}, here are {len(told)}; leave some out")
    return list(told)


def _different(told: list[str], what: str) -> None:
    if len(set(told)) < len(told):
        raise sdk.Rejected(f"{what} differ from each other; change one")
