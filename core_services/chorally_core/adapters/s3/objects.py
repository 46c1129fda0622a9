"""Objects on S3, each tenant's in a bucket of its own: streamed both ways, with checksums."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import structlog
from botocore.exceptions import ClientError

from chorally_core.adapters.s3.buckets import INTERRUPTED, Buckets, Opened
from chorally_core.adapters.s3.calls import Calls, Refused, code_of
from chorally_core.adapters.s3.clients import Clients
from chorally_core.adapters.s3.settings import S3Settings
from chorally_core.ports.documents import Documents
from chorally_core.ports.objects import PIECE, Unavailable
from chorally_core.ports.secrets import Vault

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

log = structlog.get_logger(__name__)
T = TypeVar("T")

PART = 8 * 1024 * 1024
"""Bytes of a part; what is smaller is stored by one call. Up to 10,000 parts make 78 GiB."""

_RESUMED = 3  # times that reading goes on where it was broken off
_PLAIN = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")
_WEEK = timedelta(days=7)  # the longest that a link may last


class S3Objects:
    """Serves the objects port from S3."""

    def __init__(
        self,
        settings: S3Settings,
        documents: Documents,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """Prepare; nothing is called.

        Args:
            settings: Where objects are.
            documents: Where it is recorded which bucket is whose.
            vault: Seals the buckets' credentials.
            now: The clock.
            new_id: Gives ids that nobody else has.
        """
        self._calls = Calls()
        self._clients = Clients(settings)
        self._buckets = Buckets(settings, self._clients, self._calls, documents, vault, now=now, new_id=new_id)

    async def start(self) -> None:
        """See that S3 answers, and takes the installation's credentials.

        Raises:
            Unavailable: It does not.
        """
        await self._calls(lambda: self._clients.owner().list_buckets())

    async def close(self) -> None:
        """Make no more calls."""
        self._calls.close()

    def trouble(self) -> str:
        """Say why the server is left alone; empty where it is not."""
        return self._calls.trouble

    async def put(self, tenant: str, name: str, content: bytes) -> None:
        """Store an object durably; the same name again replaces it."""
        await self._with(tenant, lambda s3, bucket: _put(s3, bucket, _key(name), content))

    async def keep(self, tenant: str, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object durably as its pieces come, in parts where it is large; of one that breaks off none stays.

        Raises:
            LookupError: It was removed meanwhile.
        """
        parts = _parts(pieces)
        async with aclosing(parts):
            first = await anext(parts, b"")
            second = await anext(parts, None) if len(first) == PART else None
            if second is None:
                await self.put(tenant, name, first)
                return
            upload = await self._with(tenant, lambda s3, bucket: _begun(s3, bucket, _key(name)))
            try:
                await self._in_parts(tenant, name, upload, first, second, parts)
            except BaseException as error:
                await asyncio.shield(self._give_up(tenant, name, upload))
                if isinstance(error, ClientError) and code_of(error) in ("NoSuchUpload", "InvalidPart"):
                    raise LookupError(f"the object {name!r} was removed while it was written") from None
                raise

    async def _in_parts(
        self, tenant: str, name: str, upload: str, first: bytes, second: bytes, rest: AsyncIterator[bytes]
    ) -> None:
        stored: list[CompletedPartTypeDef] = []

        async def store(part: bytes) -> None:
            number = len(stored) + 1
            stored.append(
                await self._with(tenant, lambda s3, bucket: _part(s3, bucket, _key(name), upload, number, part))
            )

        await store(first)
        await store(second)
        async for part in rest:
            await store(part)
        await self._with(tenant, lambda s3, bucket: _completed(s3, bucket, _key(name), upload, stored))

    async def _give_up(self, tenant: str, name: str, upload: str) -> None:
        try:
            await self._with(tenant, lambda s3, bucket: _aborted(s3, bucket, _key(name), upload))
        except (Unavailable, ClientError) as error:
            log.warning(
                "the parts of an upload that broke off are left; they are removed later", name=name, why=str(error)
            )

    async def get(self, tenant: str, name: str) -> bytes:
        """Return an object.

        Raises:
            LookupError: There is none of that name.
        """
        return b"".join([piece async for piece in self.pieces(tenant, name)])

    async def pieces(
        self, tenant: str, name: str, *, first: int = 0, last: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield an object in pieces; where the connection breaks, reading goes on from there.

        Raises:
            LookupError: There is none of that name.
        """
        if await self._buckets.known(tenant) is None:
            raise LookupError(f"there is no object {name!r}")
        at, tag, failures = first, "", 0
        while True:
            try:
                body, tag = await self._opened(tenant, name, at, last, tag)
            except LookupError:
                raise LookupError(f"there is no object {name!r}") from None
            if body is None:
                return
            try:
                while piece := await self._calls(partial(body.read, PIECE)):
                    at += len(piece)
                    yield piece
            except Unavailable:
                failures += 1
                if failures > _RESUMED:
                    raise
                continue
            finally:
                body.close()
            return

    async def _opened(self, tenant: str, name: str, first: int, last: int | None, tag: str) -> tuple[Any, str]:
        """The body from a position on, and what tells whether the object is still the same; None behind its end."""
        wanted: dict[str, Any] = {"Key": _key(name)}
        if first or last is not None:
            wanted["Range"] = f"bytes={first}-{'' if last is None else last}"
        if tag:
            wanted["IfMatch"] = tag
        try:
            answer = await self._with(tenant, lambda s3, bucket: s3.get_object(Bucket=bucket, **wanted))
        except ClientError as error:
            if code_of(error) == "InvalidRange":
                return None, tag
            if code_of(error) == "PreconditionFailed":
                raise Unavailable("the object was replaced while it was read") from error
            raise
        return answer["Body"], answer["ETag"]

    async def delete(self, tenant: str, name: str) -> None:
        """Remove an object, and what an interrupted ``keep`` left of it; one that is not there is no error."""
        if await self._buckets.known(tenant) is not None:
            await self._with(tenant, lambda s3, bucket: _removed(s3, bucket, _key(name)))

    async def link(self, tenant: str, name: str, *, media_type: str, saved_as: str, lasts: timedelta) -> str | None:
        """Return a URL at which anybody can get an object for a while."""
        opened = await self._buckets.of(tenant)

        def signed() -> str:
            return self._clients.s3(opened.key, opened.secret, public=True).generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": opened.bucket, "Key": _key(name), "ResponseContentType": media_type,
                    "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(saved_as, safe='')}",
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=int(min(lasts, _WEEK).total_seconds()),
            )  # fmt: skip

        return await self._calls(signed)

    async def tidy(self, tenant: str, now: datetime) -> int:
        """Remove the parts of uploads that never ended, for servers that know no rule for it; return how many."""
        if await self._buckets.known(tenant) is None:
            return 0
        return await self._with(tenant, lambda s3, bucket: _tidied(s3, bucket, now - INTERRUPTED))

    async def _with(self, tenant: str, call: "Callable[[S3Client, str], T]") -> T:
        """Call with the tenant's credentials; those that are refused are looked up once more."""
        for is_last in (False, True):
            opened: Opened = await self._buckets.of(tenant)

            def made(opened: Opened = opened) -> T:
                return call(self._clients.s3(opened.key, opened.secret), opened.bucket)

            try:
                return await self._calls(made)
            except Refused:
                self._buckets.forget(tenant)
                if is_last:
                    raise
        raise AssertionError("the second try returns or raises")


def _key(name: str) -> str:
    """The object's key: its name where that is plain, as all of ours are, else what stands for it."""
    return name if _PLAIN.fullmatch(name) and len(name) < 900 else f"named/{sha256(name.encode()).hexdigest()}"


async def _parts(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what comes in parts of one size, the last of which may be smaller."""
    part = bytearray()
    async for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = rest[: PART - len(part)]
            part += taken
            rest = rest[len(taken) :]
            if len(part) == PART:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


def _put(s3: "S3Client", bucket: str, key: str, content: bytes) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256")


def _begun(s3: "S3Client", bucket: str, key: str) -> str:
    return s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]


def _part(s3: "S3Client", bucket: str, key: str, upload: str, number: int, content: bytes) -> "CompletedPartTypeDef":
    answer = s3.upload_part(
        Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=content, ChecksumAlgorithm="SHA256"
    )
    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]}


def _completed(s3: "S3Client", bucket: str, key: str, upload: str, parts: "list[CompletedPartTypeDef]") -> None:
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def _aborted(s3: "S3Client", bucket: str, key: str, upload: str) -> None:
    try:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise


def _removed(s3: "S3Client", bucket: str, key: str) -> None:
    s3.delete_object(Bucket=bucket, Key=key)
    for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", []):
        if upload["Key"] == key:
            _aborted(s3, bucket, key, upload["UploadId"])


def _tidied(s3: "S3Client", bucket: str, before: datetime) -> int:
    count = 0
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            if upload["Initiated"] < before:
                _aborted(s3, bucket, upload["Key"], upload["UploadId"])
                count += 1
    return count
