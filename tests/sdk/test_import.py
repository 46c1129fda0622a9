"""Importing the SDK costs little: each start of each command pays for it."""

import json
import subprocess
import sys

LOADED = """
import json, sys, chorally_sdk as sdk
from chorally_sdk import plugins
built = [name for name in sdk.__all__ if getattr(getattr(sdk, name), "__pydantic_complete__", False)]
print(json.dumps([sorted(sys.modules), built]))
"""


def test_what_is_not_needed_is_not_imported() -> None:
    """No testing kit, no core, no connector; and no model is built before it is used."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    modules, built = json.loads(done.stdout)
    packages = {name.partition(".")[0] for name in modules}
    assert not packages & {"pytest", "_pytest", "hypothesis", "chorally_core", "chorally_facebook", "chorally_mail"}
    assert "chorally_sdk.testing" not in modules
    assert built == []
