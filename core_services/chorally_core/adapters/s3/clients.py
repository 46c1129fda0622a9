"""Clients of S3 and IAM, made once for each pair of credentials."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chorally_core.adapters.s3.calls import THREADS
from chorally_core.adapters.s3.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_s3.client import S3Client

_KEPT = 64  # clients of tenants, the least used are made anew


class Clients:
    """Makes clients; they may be used by any thread."""

    def __init__(self, settings: S3Settings) -> None:
        """Prepare; nothing is called."""
        self._settings = settings
        self._session = boto3.session.Session()
        self._making = threading.Lock()  # a session is not for several threads
        self._kept: OrderedDict[tuple[str, str], S3Client] = OrderedDict()

    def owner(self) -> "S3Client":
        """Return the client of the installation's own credentials."""
        return self.s3(self._settings.key, self._settings.secret.get_secret_value())

    def iam(self) -> "IAMClient":
        """Return the client that makes users."""
        with self._making:
            own = self._credentials(self._settings.key, self._settings.secret.get_secret_value())
            config = Config(**_CALLS)
            return self._session.client("iam", endpoint_url=self._settings.iam, config=config, **own)

    def s3(self, key: str, secret: str, *, public: bool = False) -> "S3Client":
        """Return a client with some credentials; boto3's own where they are empty.

        Args:
            key: The access key.
            secret: Its secret.
            public: It only signs links, for the endpoint that others know.
        """
        endpoint = (self._settings.public if public else None) or self._settings.endpoint
        name = (key, endpoint or "")
        with self._making:
            known = self._kept.get(name)
            if known is None:
                config = Config(
                    **_CALLS, signature_version="s3v4", s3={"addressing_style": self._settings.addressing},
                    max_pool_connections=THREADS,
                )  # fmt: skip
                known = self._session.client(
                    "s3", endpoint_url=endpoint, config=config, **self._credentials(key, secret)
                )
                self._kept[name] = known
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return known

    def _credentials(self, key: str, secret: str) -> dict[str, Any]:
        given = {"aws_access_key_id": key, "aws_secret_access_key": secret} if key else {}
        return {"region_name": self._settings.region, **given}


_CALLS: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "tcp_keepalive": True,
    "user_agent_extra": "chorally",
}
"""What holds for every call: no answer within half a minute is a failure, tried three times."""
