"""Back ends that several processes share, on the servers that the environment tells of."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from tests.support import opensearch

_NEEDED = ("CHORALLY_KAFKA_BOOTSTRAP", "CHORALLY_MONGO_URL", "CHORALLY_REDIS_URL", opensearch.URL)


def shared_back_ends() -> dict[str, str]:
    """Return settings of a bus, documents, coordination and search that nobody else has, made ready for this release.

    Skips where there are no servers.
    """
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"{', '.join(missing)} not set; start the servers before the real tests")
    if missing:
        pytest.skip(f"needs servers: {', '.join(missing)}")
    run = uuid4().hex[:8]
    mongo = urlsplit(os.environ["CHORALLY_MONGO_URL"])
    redis = os.environ["CHORALLY_REDIS_URL"]
    chosen = {
        "bus": f"kafka://{os.environ['CHORALLY_KAFKA_BOOTSTRAP']}/?partitions=4&replication=1&prefix=demo-{run}-",
        "documents": urlunsplit(mongo._replace(path=f"/demo_{run}")),
        "coordination": f"{redis}{'&' if '?' in redis else '?'}prefix=demo-{run}",
        "search": opensearch.a_setting(f"demo_{run}", refresh="interval"),
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")}
    ours = {"CHORALLY_BUS": chosen["bus"], "CHORALLY_DOCUMENTS": chosen["documents"]}
    command = [str(Path(sys.executable).with_name("chorally")), "migrate"]
    done = subprocess.run(command, env={**clean, **ours}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return chosen
