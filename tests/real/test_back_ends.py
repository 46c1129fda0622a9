"""The main job on the back ends of large installations, in one process, each chosen by one setting."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

pytestmark = pytest.mark.real

_NEEDED = ("CHORALLY_KAFKA_BOOTSTRAP", "CHORALLY_MONGO_URL", "CHORALLY_REDIS_URL")


@pytest.fixture
def back_ends() -> dict[str, str]:
    """Settings of a bus, documents and coordination of this test's own, on the servers there are."""
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{', '.join(missing)} not set; start the servers before the real tests")
    if missing:
        pytest.skip(f"needs servers: {', '.join(missing)}")
    run = uuid4().hex[:8]
    mongo = urlsplit(os.environ["CHORALLY_MONGO_URL"])
    redis = os.environ["CHORALLY_REDIS_URL"]
    return {
        "bus": f"kafka://{os.environ['CHORALLY_KAFKA_BOOTSTRAP']}/?partitions=4&replication=1&prefix=demo-{run}-",
        "documents": urlunsplit(mongo._replace(path=f"/demo_{run}")),
        "coordination": f"{redis}{'&' if '?' in redis else '?'}prefix=demo-{run}",
    }


@pytest.mark.parametrize(
    "named",
    [("documents",), ("bus",), ("coordination",), ("bus", "documents", "coordination")],
    ids=["MongoDB", "Kafka", "Redis", "all three"],
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
