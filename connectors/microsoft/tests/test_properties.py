"""Whatever a webhook or a page holds, it is read, or is malformed."""

import contextlib
import json
from typing import Any

from chorally_microsoft import Microsoft
from chorally_microsoft.bot.ids import Place
from chorally_microsoft.html import from_text, to_text
from chorally_microsoft.mail.quoting import split
from chorally_microsoft.mail.shapes import Mail, shaped
from chorally_microsoft.mail.translate import to_message
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ACTIVITY = {
    "type": "message",
    "id": "1",
    "timestamp": "2026-11-23T09:00:00Z",
    "serviceUrl": "https://smba.trafficmanager.net/teams/",
    "channelId": "msteams",
    "from": {"id": "29:ada", "name": "Ada"},
    "conversation": {"id": "a:1", "tenantId": "t"},
    "recipient": {"id": "28:bot"},
    "text": "<at>Bot</at> hi",
    "entities": [{"type": "mention", "mentioned": {"id": "28:bot"}, "text": "<at>Bot</at>"}],
    "attachments": [{"contentType": "image/*", "contentUrl": "https://x/", "content": {"downloadUrl": "https://x/"}}],
    "channelData": {"tenant": {"id": "t"}, "eventType": "editMessage"},
}
HOOKS: list[dict[str, Any]] = [
    ACTIVITY,
    {**ACTIVITY, "type": "messageUpdate"},
    {**ACTIVITY, "type": "conversationUpdate", "membersAdded": [{"id": "29:bob"}]},
    {"value": [{"clientState": "u.x", "changeType": "created", "resourceData": {"id": "1"}}, {"lifecycleEvent": "x"}]},
]
MAIL = {
    "id": "1",
    "subject": "Hi",
    "body": {"contentType": "html", "content": "<p>a</p>"},
    "from": {"emailAddress": {"address": "ada@example.com", "name": "Ada"}},
    "toRecipients": [{"emailAddress": {"address": "us@example.com"}}],
    "internetMessageHeaders": [{"name": "Auto-Submitted", "value": "no"}],
    "receivedDateTime": "2026-11-23T09:00:00Z",
}
MICROSOFT = connect(Microsoft)


@st.composite
def nearly_right(draw: st.DrawFn, value: Any) -> Any:
    """A right body in which any part may be replaced by anything, or be left out."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 11))]
        return {name: draw(nearly_right(value[name])) for name in kept}
    return [draw(nearly_right(part)) for part in value] if isinstance(value, list) else value


@given(st.sampled_from(HOOKS).flatmap(nearly_right) | JSON)
def test_any_json_is_read_or_is_malformed(told: Any) -> None:
    """No body makes ``parse`` raise anything but ``Malformed``, and none that is read gives fewer events than items."""
    with contextlib.suppress(sdk.Malformed):
        events = MICROSOFT.parse(a_hook(json.dumps(told)))
        assert len(events) >= (1 if "type" in told else len(told["value"]))


@given(st.binary(), st.dictionaries(st.sampled_from(["authorization", "content-type"]), st.text(max_size=50)))
def test_any_bytes_are_judged_and_read(raw: bytes, headers: dict[str, str]) -> None:
    """Or are refused, and kept aside."""
    hook = a_hook(raw, headers=headers)

    assert MICROSOFT.verify(hook, sdk.Keys()).kind == "reject"
    with contextlib.suppress(sdk.Malformed):
        MICROSOFT.parse(hook)


@given(nearly_right(MAIL))
def test_any_mail_is_a_message_or_is_malformed(told: Any) -> None:
    """Whatever Graph leaves out of it, or adds to it."""
    with contextlib.suppress(sdk.Malformed):
        assert to_message(shaped(Mail, told, "a mail", b""), "us@example.com").external_id


@given(JSON)
def test_an_unknown_field_changes_nothing_that_is_known(more: Any) -> None:
    """What Microsoft adds tomorrow to an activity is kept beside the rest."""
    (known,), (found,) = (MICROSOFT.parse(a_hook(json.dumps(told))) for told in (ACTIVITY, {**ACTIVITY, "x_new": more}))

    assert isinstance(known, sdk.Message)
    assert isinstance(found, sdk.Message)
    assert found.model_copy(update={"extra": known.extra}) == known
    assert "x_new" in found.extra


@given(st.text(min_size=1).filter(lambda text: not text.isspace()), st.text(min_size=1))
def test_an_id_leads_back_to_its_message(conversation: str, activity: str) -> None:
    """Whatever ids of conversations and activities look like."""
    with contextlib.suppress(UnicodeEncodeError):  # half a surrogate pair is in no id
        place = Place(conversation, activity)
        assert Place.of(place.external_id) == place


LINES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=40).map(str.strip)


@given(st.lists(LINES.filter(bool), min_size=1, max_size=5))
def test_a_text_that_is_written_as_html_is_read_as_it_was(lines: list[str]) -> None:
    """Line by line, whatever looks like markup."""
    text = "\n".join(lines)

    assert to_text(f"<div>{from_text(text)}</div>") == text


@given(st.text())
def test_nothing_of_a_mail_is_lost_by_telling_what_it_quotes(text: str) -> None:
    """What is new and what is quoted are all of it, but for empty space."""
    parts = split(text)

    assert "".join((parts.new + parts.quoted).split()) == "".join(text.split())


@given(st.text())
def test_any_html_is_text(source: str) -> None:
    """However broken it is."""
    assert isinstance(to_text(source), str)
