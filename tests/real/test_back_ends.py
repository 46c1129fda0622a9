"""The main job on the back ends of large installations, in one process, each chosen by one setting."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.back_ends import shared_back_ends

pytestmark = pytest.mark.real


@pytest.fixture
def back_ends() -> dict[str, str]:
    """Settings of a bus, documents, coordination and search of this test's own, on the servers there are."""
    return shared_back_ends()


@pytest.mark.parametrize(
    "named",
    [("documents",), ("bus",), ("coordination",), ("search",), ("bus", "documents", "coordination", "search")],
    ids=["MongoDB", "Kafka", "Redis", "OpenSearch", "all four"],
)
def test_the_demonstration_happens_on_each_back_end_and_on_all_together(
    back_ends: dict[str, str], named: tuple[str, ...], tmp_path: Path
) -> None:
    """The same services, unchanged: messages come in, are answered, confirmed, and echoes joined."""
    chosen = {f"CHORALLY_{name.upper()}": back_ends[name] for name in named}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")}
    command = Path(sys.executable).with_name("chorally")
    done = subprocess.run(
        [command, "demo", "--once"], cwd=tmp_path, env={**clean, **chosen}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
