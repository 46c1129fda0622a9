{% set c = cookiecutter %}
"""What is {{ c.title }}'s own."""

{% if c.__reads == 'yes' %}
import json
from pathlib import Path

import pytest
{% endif %}
from chorally_sdk.testing import connect

from {{ c.__package }} import {{ c.__class }}
from {{ c.__package }}.sandbox import {{ c.__class }}Twin
{% if c.__reads == 'yes' %}
from {{ c.__package }}.translate import Said, read, to_message
{% endif %}
{% if c.__reads == 'yes' %}

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", [path.stem for path in sorted((HERE / "recorded").glob("*.json"))])
def test_a_recording_gives_what_is_expected(name: str) -> None:
    """Each answer of the platform in ``recorded`` becomes the message in ``expected``."""
    raw = (HERE / "recorded" / f"{name}.json").read_bytes()
    expected = json.loads((HERE / "expected" / f"{name}.json").read_text("utf-8"))
    assert to_message(read(Said, raw)).model_dump(mode="json", exclude_defaults=True) == expected
{% endif %}


async def test_the_account_is_named() -> None:
    """As the sandbox calls it."""
    twin = {{ c.__class }}Twin()
    account = connect({{ c.__class }}, twin.transport(), grant=twin.grant)
    assert (await account.check()).name == "Our account"
