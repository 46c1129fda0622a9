"""Templates: listed, found by name and language, and filled with values."""

import json
from typing import Any

import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.sandbox import Twin
from chorally_whatsapp.sandbox.levers import a_template
from chorally_whatsapp.shapes import KnownTemplate
from chorally_whatsapp.templates import components, shown

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange

from .building import a_file, an_answer, send

SALE: dict[str, Any] = {
    **a_template("sale", "en_US", "Hello {{1}}, take {{2}}. Again: {{1}}"),
    "components": [
        {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"},
        {"type": "BODY", "text": "Hello {{1}}, take {{2}}. Again: {{1}}"},
        {"type": "FOOTER", "text": "Until Sunday"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Stop"},
                {"type": "URL", "text": "Open", "url": "https://example.org/{{1}}"},
                {"type": "COPY_CODE", "example": ["SAVE"]},
            ],
        },
    ],
}
KNOWN = KnownTemplate.model_validate(SALE)


async def test_approved_templates_of_all_pages_are_listed(whatsapp: WhatsApp, business: Twin) -> None:
    """In each of their languages, with the names of their values."""
    business.page_size(1)
    found = await whatsapp.templates()

    assert [(each.name, each.language, each.values) for each in found] == [
        ("order_ready", "en_US", ("1", "2")),
        ("order_ready", "it", ("1", "2")),
        ("opening_hours", "en_US", ()),
    ]
    assert found[0].text == "Hello {{1}}, your order {{2}} is ready."


def test_values_are_named_by_where_they_go() -> None:
    """Title, text, buttons, in this order; each name of a text once."""
    template = shown(KNOWN)

    assert template.values == ("header.1", "1", "2", "button.1.1", "button.2.code")
    assert template.text == "For {{1}}\n\nHello {{1}}, take {{2}}. Again: {{1}}\n\nUntil Sunday"


def test_values_become_components() -> None:
    """As the Cloud API takes them."""
    made = components(KNOWN, ["Ada", "Ada", "ten", "x7", "SAVE10"], None)

    assert made == [
        {"type": "header", "parameters": [{"type": "text", "text": "Ada"}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "ten"}]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "x7"}]},
        {
            "type": "button",
            "sub_type": "copy_code",
            "index": "2",
            "parameters": [{"type": "coupon_code", "coupon_code": "SAVE10"}],
        },
    ]


def test_named_values_bear_their_names() -> None:
    """In the order in which they come."""
    told = {**a_template("named", "it", "Ciao {{first_name}}, {{order}}"), "parameter_format": "NAMED"}
    (body,) = components(KnownTemplate.model_validate(told), ["Ada", "8"], None)

    assert [each["parameter_name"] for each in body["parameters"]] == ["first_name", "order"]


def test_numbered_values_are_taken_in_the_order_of_their_numbers() -> None:
    """Also where a text names the second one first."""
    template = KnownTemplate.model_validate(a_template("turned", "en", "{{2}} and {{10}} and {{1}}"))

    assert shown(template).values == ("1", "2", "10")


PICTURE = {**a_template("picture", "en_US", "Look"), "components": [{"type": "HEADER", "format": "IMAGE"}]}


def test_a_file_stands_where_the_template_wants_one() -> None:
    """And nowhere else."""
    known, file = KnownTemplate.model_validate(PICTURE), {"type": "image", "image": {"id": "7"}}

    assert components(known, [], file) == [{"type": "header", "parameters": [file]}]
    with pytest.raises(sdk.Rejected, match="attach it"):
        components(known, [], None)
    with pytest.raises(sdk.Rejected, match="takes no file"):
        components(KnownTemplate.model_validate(a_template("plain", "en", "Hi")), [], file)


async def test_a_template_is_sent_with_its_values(
    whatsapp: WhatsApp, business: Twin, exchanges: list[Exchange]
) -> None:
    """Also to who never wrote; how it takes them is read before, by a step that nobody sees."""
    template = sdk.Template(name="order_ready", language="it", values=("Ada", "8"))
    await send(whatsapp, an_answer("", template=template))

    assert [each.method for each in exchanges] == ["GET", "POST"]
    assert json.loads(exchanges[-1].body)["template"] == {
        "name": "order_ready",
        "language": {"policy": "deterministic", "code": "it"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "8"}]}
        ],
    }


async def test_a_template_with_a_file_takes_two_steps(
    whatsapp: WhatsApp, business: Twin, exchanges: list[Exchange]
) -> None:
    """First it is read, then the file is uploaded; each step is stored."""
    business.world.templates.append(PICTURE)
    template = sdk.Template(name="picture", language="en_US")
    await send(whatsapp, an_answer("", template=template, attachments=[a_file()]))

    assert [each.method for each in exchanges] == ["GET", "POST", "POST"]
    (stored,) = business.world.files
    (header,) = json.loads(exchanges[-1].body)["template"]["components"]
    assert header == {"type": "header", "parameters": [{"type": "image", "image": {"id": stored}}]}


REFUSED = [
    (sdk.Template(name="order_ready", language="it", values=("Ada",)), "takes 2 values"),
    (sdk.Template(name="order_ready", language="fr"), "approved in en_US, it"),
    (sdk.Template(name="spring_sale", language="en_US"), "is not approved"),
    (sdk.Template(name="nothing", language="en_US"), "is not approved"),
]


@pytest.mark.parametrize(("template", "why"), REFUSED)
async def test_a_template_that_would_fail_is_refused_before(
    whatsapp: WhatsApp, business: Twin, template: sdk.Template, why: str
) -> None:
    """With what is missing."""
    with pytest.raises(sdk.Rejected, match=why):
        await send(whatsapp, an_answer("", template=template))
    assert business.made() == []


async def test_components_may_be_given_as_they_are(whatsapp: WhatsApp, exchanges: list[Exchange]) -> None:
    """For templates of a kind that values do not fill; nothing is read before."""
    given = [{"type": "body", "parameters": [{"type": "currency", "currency": {"code": "EUR", "amount_1000": 1}}]}]
    template = sdk.Template(name="opening_hours", language="en_US")
    await send(whatsapp, an_answer("", template=template, options={"components": given}))

    (call,) = exchanges
    assert json.loads(call.body)["template"]["components"] == given
