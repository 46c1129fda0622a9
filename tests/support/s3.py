"""S3 for tests: places of their own on the server that the environment tells of."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from chorally_core.adapters.local import FernetVault
from chorally_core.ports.documents import Documents

_NEEDED = ("ENDPOINT", "IAM_ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")
VAULT = FernetVault(["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="])


def a_place(**options: str) -> str:
    """Return the URL of a place that nobody else has; without a server a test is skipped, or fails in CI."""
    missing = [f"CHORALLY_S3_{name}" for name in _NEEDED if not os.environ.get(f"CHORALLY_S3_{name}")]
    if missing:
        pytest.skip(f"no S3 server: {', '.join(missing)} not set")
    endpoint, iam, region, key, secret = (os.environ[f"CHORALLY_S3_{name}"] for name in _NEEDED)
    chosen = {"region": region, "iam": iam, "tls": "no", **options}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in chosen.items())
    own = f"{quote(key, safe='')}:{quote(secret, safe='')}"
    return f"s3://{own}@{urlsplit(endpoint).netloc}/test-{uuid4().hex[:12]}?{query}"


@asynccontextmanager
async def a_store(place: str, documents: Documents) -> AsyncIterator[Any]:
    """A store of objects as one process has it."""
    from chorally_core.adapters.s3.objects import S3Objects
    from chorally_core.adapters.s3.settings import parse

    store = S3Objects(parse(place), documents, VAULT, now=lambda: datetime.now(UTC), new_id=lambda: uuid4().hex)
    await store.start()
    try:
        yield store
    finally:
        await store.close()
