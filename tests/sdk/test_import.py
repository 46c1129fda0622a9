"""Importing the SDK costs little: each start of each command pays for it."""

import json
import subprocess
import sys

import pytest

import chorally_sdk as sdk

LOADED = """
import json, sys, chorally_sdk as sdk
from chorally_sdk import plugins
built = [name for name in sdk.__all__ if getattr(getattr(sdk, name), "__pydantic_complete__", False)]
print(json.dumps([sorted(sys.modules), built]))
"""


LISTED = """
import json, sys, chorally_sdk
from chorally_sdk import plugins
plugins.discover()
print(json.dumps(sorted(sys.modules)))
"""


def test_who_only_lists_connectors_imports_no_http_client() -> None:
    """It takes as long as all the rest, and every command would pay for it."""
    done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not packages & {"httpx", "tenacity", "authlib", "joserfc", "cryptography", "websockets", "regex", "rich"}


def test_a_name_that_is_not_there_is_told_of() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="'chorally_sdk' has no attribute 'nonsense'"):
        sdk.nonsense  # type: ignore[attr-defined]  # noqa: B018  # asking is the point


def test_what_is_not_needed_is_not_imported() -> None:
    """No testing kit, no core, no connector; and no model is built before it is used."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    modules, built = json.loads(done.stdout)
    packages = {name.partition(".")[0] for name in modules}
    assert not packages & {"pytest", "_pytest", "hypothesis", "chorally_core", "chorally_facebook", "chorally_mail"}
    assert "chorally_sdk.testing" not in modules
    assert built == []
