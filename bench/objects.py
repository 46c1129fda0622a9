"""Objects on S3 beside bare boto3: put, streamed put in parts, get; needs a server.

``CHORALLY_OBJECTS=s3://… python -m bench.objects [--rounds 5] [--small 200] [--large 3]``
"""

import argparse
import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import boto3
from botocore.config import Config
from chorally_core.adapters.local import FernetVault
from chorally_core.adapters.s3.objects import S3Objects
from chorally_core.adapters.s3.settings import S3Settings, parse
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.documents import Query
from cryptography.fernet import Fernet

from bench.common import Spent, machine, show, spread

SMALL = 64 * 1024
LARGE = 64 * 1024 * 1024
_PIECE = 256 * 1024
_TENANT = "bench"


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), _PIECE):
        yield content[at : at + _PIECE]


async def _ours(store: S3Objects, small: int, large: int) -> dict[str, Spent]:
    spent = {name: Spent() for name in ("put", "get", "put in parts", "get large")}
    content, film = os.urandom(SMALL), os.urandom(LARGE)
    for number in range(small):
        with spent["put"]:
            await store.put(_TENANT, f"files/s{number}", content)
    for number in range(small):
        with spent["get"]:
            assert await store.get(_TENANT, f"files/s{number}") == content
    for number in range(large):
        with spent["put in parts"]:
            await store.keep(_TENANT, f"files/l{number}", _pieces(film))
        with spent["get large"]:
            size = 0
            async for piece in store.pieces(_TENANT, f"files/l{number}"):
                size += len(piece)
        assert size == LARGE
    return spent


def _bare(settings: S3Settings, bucket: str, small: int, large: int) -> dict[str, Spent]:
    spent = {name: Spent() for name in ("put", "get", "put in parts", "get large")}
    s3 = boto3.client(
        "s3", endpoint_url=settings.endpoint, region_name=settings.region, aws_access_key_id=settings.key,
        aws_secret_access_key=settings.secret.get_secret_value(),
        config=Config(signature_version="s3v4", s3={"addressing_style": settings.addressing}),
    )  # fmt: skip
    content, film = os.urandom(SMALL), os.urandom(LARGE)
    for number in range(small):
        with spent["put"]:
            s3.put_object(Bucket=bucket, Key=f"bare/s{number}", Body=content, ChecksumAlgorithm="SHA256")
    for number in range(small):
        with spent["get"]:
            assert s3.get_object(Bucket=bucket, Key=f"bare/s{number}")["Body"].read() == content
    for number in range(large):
        with spent["put in parts"]:
            s3.upload_fileobj(BytesIO(film), bucket, f"bare/l{number}", ExtraArgs={"ChecksumAlgorithm": "SHA256"})
        with spent["get large"]:
            size = 0
            for piece in s3.get_object(Bucket=bucket, Key=f"bare/l{number}")["Body"].iter_chunks(_PIECE):
                size += len(piece)
        assert size == LARGE
    return spent


async def _rounds(settings: S3Settings, rounds: int, small: int, large: int) -> None:
    ours: dict[str, list[float]] = {}
    bare: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "bench.db")
        documents = SqliteDocuments(database)
        await documents.migrate([TenantBucket])
        vault = FernetVault([Fernet.generate_key().decode()])
        store = S3Objects(
            settings, documents, vault, now=lambda: datetime.now(UTC), new_id=lambda: secrets.token_hex(16)
        )
        await store.put(_TENANT, "files/first", b"x")
        (record,) = await documents.find(Query(TenantBucket, _TENANT))
        for _ in range(rounds):
            for found, spent in (
                (ours, await _ours(store, small, large)),
                (bare, _bare(settings, record.bucket, small, large)),
            ):
                for name, one in spent.items():
                    count = small if name in ("put", "get") else large
                    found.setdefault(name, []).append(1000 * one.cpu_s / count)
                    found.setdefault(f"{name} wall", []).append(1000 * one.wall_s / count)
        await store.close()
        print(machine(Path(folder), "boto3"))
        database.close()
    rows = [
        (name, spread(ours[name], 2), spread(bare[name], 2),
         spread([a / b for a, b in zip(bare[name], ours[name], strict=True)], 2))
        for name in ours
    ]  # fmt: skip
    show(("CPU ms each (wall: ms)", "ours", "bare boto3", "bare ÷ ours"), rows)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--large", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(_rounds(parse(os.environ["CHORALLY_OBJECTS"]), given.rounds, given.small, given.large))


if __name__ == "__main__":
    main()
