"""Calls of boto3, which waits for its answers: made by a bounded number of threads, and judged."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.exceptions import ConnectionError as Unconnected

from chorally_core.ports.objects import Unavailable

T = TypeVar("T")

THREADS = 16
"""How many calls are made at a time."""

_FAILURES = 5  # in a row after which the server is left alone for a while
_ALONE_S = 5.0
_BUSY = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "ThrottlingException", "Throttling"}
REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "403", "Forbidden"}
"""Codes by which credentials are refused."""
_GONE = {"NoSuchKey", "404", "NotFound"}


class Refused(Unavailable):
    """The credentials are refused."""


class Calls:
    """Makes calls, and none for a while once the server does not answer."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, threads: int = THREADS) -> None:
        """Begin with a server that is taken to answer."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._monotonic = monotonic
        self._failures = 0
        self._alone_until = 0.0
        self.trouble = ""
        """Why the server is left alone; empty while it answers."""

    async def __call__(self, call: Callable[[], T]) -> T:
        """Return what a call gives.

        Raises:
            LookupError: There is no such object.
            Unavailable: The server does not answer, or not now, or refuses the credentials.
            ClientError: It refuses anything else.
        """
        if self.trouble and self._monotonic() < self._alone_until:
            raise Unavailable(self.trouble)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except ClientError as error:
            self._judge(error)
        except (Unconnected, HTTPClientError, IncompleteReadError, FlexibleChecksumError) as error:
            self._failed(type(error).__name__)
            raise Unavailable(f"S3 cannot be reached: {type(error).__name__}") from error
        except NoCredentialsError as error:
            raise Refused(
                "S3 is called without credentials: name them in CHORALLY_OBJECTS, or as boto3 does"
            ) from error
        except BotoCoreError as error:
            raise Unavailable(f"S3 cannot be used: {type(error).__name__}") from error
        self._failures, self.trouble = 0, ""
        return found

    def _judge(self, error: ClientError) -> NoReturn:
        code = code_of(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if (status >= 500 and code != "NotImplemented") or code in _BUSY:
            self._failed(code)
            raise Unavailable(f"S3 does not do it now: {code}") from error
        self._failures, self.trouble = 0, ""
        if code in _GONE:
            raise LookupError(code) from error
        if code in REFUSED:
            raise Refused(f"S3 refuses the credentials: {code}") from error
        raise error

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures >= _FAILURES:
            self.trouble = f"S3 cannot be reached: {why}"
            self._alone_until = self._monotonic() + _ALONE_S

    def close(self) -> None:
        """Make no more calls."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def code_of(error: ClientError) -> str:
    """Return the server's word for what is wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))
