"""OpenSearch for tests: the server that the environment tells of, with indexes of a test's own."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

URL = "CHORALLY_OPENSEARCH_URL"


def server_url() -> str:
    """Return the server's URL as a setting takes it; without it a test is skipped, or fails in CI."""
    url = os.environ.get(URL, "")
    if not url:
        pytest.skip(f"no OpenSearch server: {URL} not set")
    split = urlsplit(url)
    return f"opensearch{'s' if split.scheme == 'https' else ''}://{split.netloc}/"


def a_setting(prefix: str = "", **options: Any) -> str:
    """Return the setting of indexes that nobody else has, where what is indexed is found at once."""
    given = {"prefix": prefix or f"test_{uuid4().hex[:12]}", "replicas": 0, "refresh": "now", **options}
    return f"{server_url()}?{'&'.join(f'{name}={value}' for name, value in given.items())}"


@asynccontextmanager
async def indexes(**options: Any) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Any]]]:
    """Give what opens an index again, as a new process would; nothing of it stays."""
    from chorally_core.adapters.opensearch import OpenSearchIndex, parse

    settings = parse(a_setting(**options))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        index = OpenSearchIndex(settings)
        try:
            await index.start()
            yield index
        finally:
            await index.aclose()

    try:
        yield opened
    finally:
        await remove(settings.prefix)


async def remove(prefix: str) -> None:
    """Remove the indexes of a prefix, and their template."""
    from chorally_core.adapters.opensearch import OpenSearchIndex, parse

    index = OpenSearchIndex(parse(a_setting(prefix)))
    try:
        found = await index.client.indices.get(index=f"{prefix}-*")
        if found:
            await index.client.indices.delete(index=",".join(found))
        await index.client.indices.delete_index_template(name=f"{prefix}-search", params={"ignore": 404})
    finally:
        await index.aclose()
