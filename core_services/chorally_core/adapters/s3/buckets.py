"""Buckets of tenants, made when the first object is stored: each with a user who may use it and nothing else.

Several processes may want the same at once. The record says who makes it; a maker that is killed is followed by
another after a minute, who makes the same again: every step may be repeated.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec
import structlog
from botocore.exceptions import ClientError

from chorally_core.adapters.s3.calls import Calls, Refused, code_of
from chorally_core.adapters.s3.clients import Clients
from chorally_core.adapters.s3.settings import S3Settings
from chorally_core.events.ids import derived
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.documents import Conflict, Documents, Write
from chorally_core.ports.objects import Unavailable
from chorally_core.ports.secrets import Vault

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

log = structlog.get_logger(__name__)

INTERRUPTED = timedelta(days=2)
"""After which the parts of an upload that never ended are removed."""

_LEASE = timedelta(minutes=1)
_PATIENCE = 150  # looks at what another makes
_LOOKS_S = 0.2
_SETTLES = 60  # tries of new credentials: AWS makes them known within some seconds
_KEYS = 2  # of a user, at the most
_POLICY = "own-bucket"


class Opened(NamedTuple):
    """A tenant's bucket."""

    bucket: str
    key: str
    secret: str


class Buckets:
    """Knows the tenants' buckets, and makes those that are not there."""

    def __init__(
        self,
        settings: S3Settings,
        clients: Clients,
        calls: Calls,
        documents: Documents,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """Prepare; nothing is called.

        Args:
            settings: Where buckets are.
            clients: Makes the clients.
            calls: Makes the calls.
            documents: Where it is recorded which bucket is whose.
            vault: Seals the credentials.
            now: The clock.
            new_id: Gives ids that nobody else has.
        """
        self._settings = settings
        self._clients = clients
        self._calls = calls
        self._documents = documents
        self._vault = vault
        self._now = now
        self._new_id = new_id
        self._known: dict[str, Opened] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def of(self, tenant: str) -> Opened:
        """Return a tenant's bucket, made where there is none.

        Raises:
            Unavailable: It cannot be made now.
        """
        if (known := self._known.get(tenant)) is not None:
            return known
        async with self._turns.setdefault(tenant, asyncio.Lock()):
            if tenant not in self._known:
                self._known[tenant] = self._opened(await self._record(tenant))
        self._turns.pop(tenant, None)
        return self._known[tenant]

    async def known(self, tenant: str) -> Opened | None:
        """Return a tenant's bucket; None where there is none, and so no object."""
        if tenant in self._known:
            return self._known[tenant]
        record = await self._documents.get(TenantBucket, self._id(tenant))
        return await self.of(tenant) if record is not None and record.is_ready else None

    def forget(self, tenant: str) -> None:
        """Look the credentials up again at the next use, such as because they are refused."""
        self._known.pop(tenant, None)

    def _id(self, tenant: str) -> str:
        return derived("bucket", self._settings.place, tenant)

    def _opened(self, record: TenantBucket) -> Opened:
        if not record.sealed:
            return Opened(record.bucket, self._settings.key, self._settings.secret.get_secret_value())
        found = self._vault.open(record.sealed)
        return Opened(record.bucket, found["key"], found["secret"])

    async def _record(self, tenant: str) -> TenantBucket:
        """The record of a bucket that is ready, made by whoever gets the claim."""
        for _ in range(_PATIENCE):
            known = await self._documents.get(TenantBucket, self._id(tenant))
            if known is not None and known.is_ready:
                return known
            now = self._now()
            if known is None or not known.claim or now - known.claimed_at > _LEASE:
                claimed = await self._claimed(tenant, known, now)
                if claimed is not None:
                    return await self._made(claimed)
            await asyncio.sleep(_LOOKS_S)
        raise Unavailable("the tenant's bucket is being made; try again in a minute")

    async def _claimed(self, tenant: str, known: TenantBucket | None, now: datetime) -> TenantBucket | None:
        digest = sha256(f"{self._settings.place} {tenant}".encode()).hexdigest()[:24]
        expected = known.version if known is not None else 0
        wanted = TenantBucket(
            id=self._id(tenant), tenant=tenant, version=expected + 1, bucket=f"{self._settings.prefix}-{digest}",
            claim=self._new_id(), claimed_at=now,
        )  # fmt: skip
        try:
            await self._documents.write([Write(wanted, expected)])
        except Conflict:
            return None
        stored = await self._documents.get(TenantBucket, wanted.id)  # an addition that came second changes nothing
        return stored if stored is not None and stored.claim == wanted.claim else None

    async def _made(self, claimed: TenantBucket) -> TenantBucket:
        bucket, key = claimed.bucket, ""
        try:
            await self._calls(lambda: self._make_bucket(self._clients.owner(), bucket))
            ready = msgspec.structs.replace(claimed, version=claimed.version + 1, is_ready=True, claim="")
            if self._settings.has_users:
                key, secret = await self._calls(lambda: self._make_user(bucket))
                await self._settled(bucket, key, secret)
                ready = msgspec.structs.replace(
                    ready, user=bucket, sealed=self._vault.seal({"key": key, "secret": secret})
                )
            await self._documents.write([Write(ready, claimed.version)])
        except Conflict as error:
            if key:
                await self._calls(lambda: self._remove_keys(bucket, lambda known: known == key))
            raise Unavailable("another process made the tenant's bucket meanwhile; try again") from error
        except (ClientError, Unavailable) as error:
            why = code_of(error) if isinstance(error, ClientError) else str(error)
            log.error("the bucket of a tenant could not be made", tenant=claimed.tenant, bucket=bucket, why=why)
            await self._let_go(claimed)
            raise Unavailable(f"the tenant's bucket cannot be made: {why}") from error
        if key:
            await self._tidied(bucket, key)
        log.info("made a tenant's bucket", tenant=claimed.tenant, bucket=bucket)
        return ready

    async def _tidied(self, bucket: str, key: str) -> None:
        """Remove what makers left who were killed or too slow; it can wait for the next one."""
        try:
            await self._calls(lambda: self._remove_keys(bucket, lambda known: known != key))
        except (ClientError, Unavailable) as error:
            log.warning("keys of a bucket that nobody uses could not be removed", bucket=bucket, error=str(error))

    async def _let_go(self, claimed: TenantBucket) -> None:
        with suppress(Conflict):
            free = msgspec.structs.replace(claimed, version=claimed.version + 1, claim="")
            await self._documents.write([Write(free, claimed.version)])

    def _make_bucket(self, s3: "S3Client", bucket: str) -> None:
        region = self._settings.region
        with _unless("BucketAlreadyOwnedByYou"):
            if self._settings.endpoint is None and region != "us-east-1":
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=_placed(region))
            else:
                s3.create_bucket(Bucket=bucket)
        with _unless("NotImplemented"):
            s3.put_public_access_block(
                Bucket=bucket,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
                    "RestrictPublicBuckets": True,
                },
            )  # fmt: skip
        with _unless("NotImplemented"):
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket,
                LifecycleConfiguration={
                    "Rules": [
                        {
                            "ID": "interrupted-uploads", "Status": "Enabled", "Filter": {"Prefix": ""},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": INTERRUPTED.days},
                        }
                    ]
                },
            )  # fmt: skip

    def _make_user(self, bucket: str) -> tuple[str, str]:
        """Make the user with a pair of credentials.

        Others may be somebody's by now, and stay until it is recorded whose count; a user has two at the most, so the
        oldest, which a maker who was killed left, makes room.
        """
        iam = self._clients.iam()
        with _unless("EntityAlreadyExists"):
            iam.create_user(UserName=bucket)
        iam.put_user_policy(UserName=bucket, PolicyName=_POLICY, PolicyDocument=json.dumps(_policy(bucket)))
        there = sorted(iam.list_access_keys(UserName=bucket)["AccessKeyMetadata"], key=lambda one: one["CreateDate"])
        for left in there[: max(0, len(there) - _KEYS + 1)]:
            iam.delete_access_key(UserName=bucket, AccessKeyId=left["AccessKeyId"])
        made = iam.create_access_key(UserName=bucket)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def _remove_keys(self, bucket: str, is_left: Callable[[str], bool]) -> None:
        iam = self._clients.iam()
        for known in iam.list_access_keys(UserName=bucket)["AccessKeyMetadata"]:
            if is_left(known["AccessKeyId"]):
                iam.delete_access_key(UserName=bucket, AccessKeyId=known["AccessKeyId"])

    async def _settled(self, bucket: str, key: str, secret: str) -> None:
        """Return once the credentials are known everywhere, or after a while."""
        for _ in range(_SETTLES):
            with suppress(Refused):
                await self._calls(lambda: self._clients.s3(key, secret).head_bucket(Bucket=bucket))
                return
            await asyncio.sleep(_LOOKS_S)
        raise Unavailable("the credentials of the tenant's bucket are not known to S3 yet")


class _unless:
    """Passes over one answer of the server, which says that nothing is to be done."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, ClientError) and code_of(error) == self._code


def _placed(region: str) -> "CreateBucketConfigurationTypeDef":
    return {"LocationConstraint": cast("BucketLocationConstraintType", region)}


def _policy(bucket: str) -> dict[str, object]:
    whole = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"]
    each = [
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
    ]  # fmt: skip
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": whole, "Resource": [f"arn:aws:s3:::{bucket}"]},
            {"Effect": "Allow", "Action": each, "Resource": [f"arn:aws:s3:::{bucket}/*"]},
        ],
    }
