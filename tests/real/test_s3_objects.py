"""Objects on a real S3 server: a bucket and credentials for each tenant; whole or not at all, also when it is away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.documents import Query, Write
from chorally_core.ports.objects import Unavailable
from structlog.testing import capture_logs

from tests.real.faulty_line import a_faulty_line
from tests.support import s3

pytestmark = pytest.mark.real

MIB = 1024 * 1024


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[SqliteDocuments]:
    """Where it is recorded whose bucket is which."""
    database = Database(tmp_path / "s3.db")
    store = SqliteDocuments(database)
    await store.migrate([TenantBucket])
    yield store
    database.close()


@pytest.fixture
async def store(documents: SqliteDocuments) -> AsyncIterator[Any]:
    """A store of objects at a place of its own."""
    async with s3.a_store(s3.a_place(), documents) as store:
        yield store


async def _pieces(size_bytes: int, *, piece: int = MIB, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for number in range(size_bytes // piece):
        yield bytes([number % 251]) * piece
    if then is not None:
        raise then


async def _record(documents: SqliteDocuments, tenant: str) -> TenantBucket:
    (found,) = await documents.find(Query(TenantBucket, tenant))
    assert isinstance(found, TenantBucket)
    return found


def _admin(service: str) -> Any:
    import boto3

    endpoint = os.environ["CHORALLY_S3_IAM_ENDPOINT" if service == "iam" else "CHORALLY_S3_ENDPOINT"]
    return boto3.client(
        service, endpoint_url=endpoint, region_name=os.environ["CHORALLY_S3_REGION"],  # type: ignore[call-overload]
        aws_access_key_id=os.environ["CHORALLY_S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["CHORALLY_S3_SECRET_KEY"],
    )  # fmt: skip


def _keys(user: str) -> list[str]:
    return [key["AccessKeyId"] for key in _admin("iam").list_access_keys(UserName=user)["AccessKeyMetadata"]]


def _uploads(bucket: str) -> list[Any]:
    return list(_admin("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []))


async def test_each_tenant_has_a_bucket_and_credentials_that_open_no_other(store: Any, documents: Any) -> None:
    """Held by the server, not by us: with one tenant's credentials another's bucket is refused (G7)."""
    await store.put("acme", "files/a", b"ours")
    await store.put("other", "files/a", b"theirs")
    ours, theirs = await _record(documents, "acme"), await _record(documents, "other")
    assert ours.bucket != theirs.bucket
    assert "acme" not in ours.bucket
    opened = s3.VAULT.open(ours.sealed)
    import boto3
    from botocore.exceptions import ClientError

    own = boto3.client(
        "s3", endpoint_url=os.environ["CHORALLY_S3_ENDPOINT"], region_name=os.environ["CHORALLY_S3_REGION"],
        aws_access_key_id=opened["key"], aws_secret_access_key=opened["secret"],
    )  # fmt: skip
    assert own.get_object(Bucket=ours.bucket, Key="files/a")["Body"].read() == b"ours"
    for refused in (
        lambda: own.get_object(Bucket=theirs.bucket, Key="files/a"),
        lambda: own.put_object(Bucket=theirs.bucket, Key="files/a", Body=b"x"),
        lambda: own.list_objects_v2(Bucket=theirs.bucket),
        lambda: own.list_buckets(),
        lambda: own.delete_bucket(Bucket=ours.bucket),
        lambda: own.put_bucket_policy(Bucket=ours.bucket, Policy="{}"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()  # type: ignore[no-untyped-call]


async def test_credentials_are_sealed_and_never_told(documents: Any) -> None:
    """Neither in the record nor in what is logged."""
    with capture_logs() as logged:
        async with s3.a_store(s3.a_place(), documents) as store:
            await store.put("acme", "files/a", b"ours")
    record = await _record(documents, "acme")
    opened = s3.VAULT.open(record.sealed)
    assert [entry["event"] for entry in logged] == ["made a tenant's bucket"]
    for secret in opened.values():
        assert secret not in repr(record) + repr(logged)


async def test_what_was_never_stored_makes_no_bucket(store: Any, documents: Any) -> None:
    """Reading and removing do not."""
    with pytest.raises(LookupError):
        await store.get("acme", "files/a")
    await store.delete("acme", "files/a")
    assert await documents.count(Query(TenantBucket, None)) == 0


async def test_processes_that_come_at_once_make_one_bucket_and_one_pair_of_credentials(documents: Any) -> None:
    """Whoever has the claim; the others wait and use the same."""
    place = s3.a_place()
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(s3.a_store(place, documents)) for _ in range(4)]
        puts = (
            one.put("acme", f"files/{number}-{twice}", b"x") for number, one in enumerate(processes) for twice in "ab"
        )
        await asyncio.gather(*puts)
        assert await processes[0].get("acme", "files/3-b") == b"x"
    record = await _record(documents, "acme")
    assert _keys(record.user) == [s3.VAULT.open(record.sealed)["key"]]


async def test_what_a_killed_maker_left_is_made_again(documents: Any) -> None:
    """After a minute: the bucket, the user and two keys that nobody knows are there already."""
    place = s3.a_place()
    async with s3.a_store(place, documents) as store:
        await store.put("acme", "files/a", b"x")
    made = await _record(documents, "acme")
    _admin("iam").create_access_key(UserName=made.user)
    left = msgspec.structs.replace(
        made, version=made.version + 1, is_ready=False, sealed="", claim="killed",
        claimed_at=datetime.now(UTC) - timedelta(seconds=61),
    )  # fmt: skip
    await documents.write([Write(left, made.version)])
    async with s3.a_store(place, documents) as store:
        await store.put("acme", "files/b", b"y")
        assert await store.get("acme", "files/a") == b"x"
    record = await _record(documents, "acme")
    assert _keys(record.user) == [s3.VAULT.open(record.sealed)["key"]]


async def test_a_maker_that_is_slow_takes_nothing_from_the_one_that_followed_it(documents: Any) -> None:
    """It finds that the bucket is made, and takes its own key back; the other's goes on to be good."""
    place = s3.a_place()
    async with s3.a_store(place, documents) as slow, s3.a_store(place, documents) as quick:
        asleep = datetime.now(UTC) - timedelta(seconds=61)
        claimed = await slow._buckets._claimed("acme", None, asleep)
        await quick.put("acme", "files/a", b"x")
        with pytest.raises(Unavailable, match="another process made"):
            await slow._buckets._made(claimed)
        quick._buckets.forget("acme")
        await quick.put("acme", "files/b", b"y")
        assert await slow.get("acme", "files/a") == b"x"
    record = await _record(documents, "acme")
    assert _keys(record.user) == [s3.VAULT.open(record.sealed)["key"]]


async def test_large_objects_go_in_parts_and_come_back_whole(store: Any, documents: Any) -> None:
    """With a checksum of each part; any range of them too."""
    await store.keep("acme", "files/film", _pieces(20 * MIB))
    whole = b"".join([bytes([number % 251]) * MIB for number in range(20)])
    assert await store.get("acme", "files/film") == whole
    part = [piece async for piece in store.pieces("acme", "files/film", first=9 * MIB - 5, last=9 * MIB + 4)]
    assert b"".join(part) == whole[9 * MIB - 5 : 9 * MIB + 5]
    head = _admin("s3").head_object(
        Bucket=(await _record(documents, "acme")).bucket, Key="files/film", ChecksumMode="ENABLED"
    )
    assert head["ChecksumSHA256"].endswith("-3")


@pytest.mark.parametrize("error", [OSError("left"), asyncio.CancelledError()])
async def test_of_a_large_object_that_breaks_off_no_part_is_left(
    store: Any, documents: Any, error: BaseException
) -> None:
    """Whether its sender leaves or the process is told to stop; what was there before stays."""
    await store.put("acme", "files/film", b"old")
    with pytest.raises(type(error)):
        await store.keep("acme", "files/film", _pieces(18 * MIB, then=error))
    assert await store.get("acme", "files/film") == b"old"
    assert _uploads((await _record(documents, "acme")).bucket) == []


async def test_what_is_removed_while_it_is_written_is_not_there_later(store: Any) -> None:
    """Whoever writes it is told."""

    async def removed_meanwhile() -> AsyncIterator[bytes]:
        async for piece in _pieces(17 * MIB):
            yield piece
        await store.delete("acme", "files/film")
        yield b"more"

    with pytest.raises(LookupError, match="removed while it was written"):
        await store.keep("acme", "files/film", removed_meanwhile())
    with pytest.raises(LookupError):
        await store.get("acme", "files/film")


async def test_what_killed_uploads_left_is_removed_after_some_days(store: Any, documents: Any) -> None:
    """Also on a server that has no rule for it; those under way stay."""
    await store.put("acme", "files/a", b"x")
    bucket = (await _record(documents, "acme")).bucket
    _admin("s3").create_multipart_upload(Bucket=bucket, Key="files/left")
    now = datetime.now(UTC)
    assert await store.tidy("acme", now + timedelta(days=1)) == 0
    assert await store.tidy("acme", now + timedelta(days=3)) == 1
    assert _uploads(bucket) == []
    assert await store.tidy("nobody", now) == 0


async def test_a_link_gives_one_object_to_anybody_for_a_while(store: Any) -> None:
    """As a download under its name, whatever its type; for no other object, and not for writing."""
    await store.put("acme", "files/a", b"hello")
    await store.put("acme", "files/b", b"secret")
    given: dict[str, Any] = {"media_type": "text/plain", "saved_as": "è vero.txt"}
    link = await store.link("acme", "files/a", lasts=timedelta(minutes=1), **given)
    short = await store.link("acme", "files/a", lasts=timedelta(seconds=1), **given)
    async with httpx.AsyncClient() as http:
        got = await http.get(link)
        assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"hello", "text/plain")
        assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A8%20vero.txt"
        assert (await http.get(link.replace("files/a", "files/b"))).status_code == 403
        assert (await http.get(link.replace("text%2Fplain", "text%2Fhtml"))).status_code == 403
        assert (await http.put(link, content=b"x")).status_code == 403
        assert (await http.delete(link)).status_code == 403
        async with asyncio.timeout(10):
            while (await http.get(short)).status_code == 200:  # noqa: ASYNC110 (the server's clock ends it)
                await asyncio.sleep(0.2)


async def test_links_lead_to_the_address_that_others_know(documents: Any) -> None:
    """Where they reach the server under another name."""
    async with s3.a_store(s3.a_place(public="https://files.example"), documents) as store:
        link = await store.link("acme", "files/a", media_type="a/b", saved_as="a", lasts=timedelta(days=30))
    assert link.startswith("https://files.example/")
    assert "X-Amz-Expires=604800" in link


async def test_credentials_that_another_process_renewed_are_looked_up(store: Any, documents: Any) -> None:
    """Nobody is restarted for it."""
    await store.put("acme", "files/a", b"x")
    known = await _record(documents, "acme")
    made = _admin("iam").create_access_key(UserName=known.user)["AccessKey"]
    sealed = s3.VAULT.seal({"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]})
    await documents.write(
        [Write(msgspec.structs.replace(known, version=known.version + 1, sealed=sealed), known.version)]
    )
    _admin("iam").delete_access_key(UserName=known.user, AccessKeyId=s3.VAULT.open(known.sealed)["key"])
    assert await store.get("acme", "files/a") == b"x"


async def test_wrong_credentials_are_told_at_the_start(documents: Any) -> None:
    """And not what they are."""
    place = urlsplit(s3.a_place())
    wrong = place._replace(netloc=f"chorally:canary@{place.netloc.rpartition('@')[2]}").geturl()
    with pytest.raises(Unavailable, match="refuses the credentials") as told:
        async with s3.a_store(wrong, documents):
            pass
    assert "canary" not in str(told.value)


@asynccontextmanager
async def _by_a_line(documents: Any) -> AsyncIterator[tuple[Any, Any]]:
    """A store that reaches its server by a line that can be cut."""
    place = urlsplit(s3.a_place())
    async with a_faulty_line(int(str(place.port))) as line:
        user = place.netloc.rpartition("@")[0]
        async with s3.a_store(place._replace(netloc=f"{user}@127.0.0.1:{line.port}").geturl(), documents) as store:
            yield store, line


async def test_reading_goes_on_where_the_line_was_cut(documents: Any) -> None:
    """Whoever reads notices nothing."""
    async with _by_a_line(documents) as (store, line):
        await store.keep("acme", "files/film", _pieces(24 * MIB))
        read, cuts = b"", 0
        async for piece in store.pieces("acme", "files/film"):
            read += piece
            if len(read) >= (cuts + 1) * 8 * MIB and cuts < 2:
                line.cut()
                cuts += 1
    assert read == b"".join([bytes([number % 251]) * MIB for number in range(24)])
    assert cuts == 2


async def test_while_the_server_is_away_it_is_told_and_everything_comes_back_by_itself(documents: Any) -> None:
    """No restart; soon nobody waits for it any more."""
    async with _by_a_line(documents) as (store, line):
        await store.put("acme", "files/a", b"x")
        line.refuse(True)
        line.cut()
        for _ in range(7):
            with pytest.raises(Unavailable):
                await store.get("acme", "files/a")
        assert "cannot be reached" in store.trouble()
        line.refuse(False)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await store.get("acme", "files/a") == b"x"
                except Unavailable:
                    await asyncio.sleep(0.2)
                else:
                    break
        assert store.trouble() == ""
