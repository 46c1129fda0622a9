"""The bot's token, which the Bot API wants in the path of every call, and which no log line may show."""

import logging
import re
from collections.abc import Generator

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk

_FORM = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,200}")
_IN_PATH = re.compile(r"/bot[^/]+")
FILE = "/file/"
"""Where files are read: ``/file/<path>`` becomes ``/file/bot<token>/<path>``."""


class BotToken(httpx.Auth):
    """Puts the token into the path: ``/getMe`` becomes ``/bot<token>/getMe`` (Bot API 10.1, "Making requests")."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Rewrite the path.

        Raises:
            Reauthorize: This is no bot token.
        """
        token = self._token.get_secret_value()
        if not _FORM.fullmatch(token):
            raise sdk.Reauthorize("this is no bot token, which reads like 123456:ABC-def; copy it from @BotFather")
        path, mark, query = request.url.raw_path.decode("ascii").partition("?")
        head, is_file, rest = path.partition(FILE)
        if not is_file:
            head, _, method = path.rpartition("/")
            written = f"{head}/bot{token}/{method}{mark}{query}"
        else:
            written = f"{head}{FILE}bot{token}/{rest}{mark}{query}"
        request.url = request.url.copy_with(raw_path=written.encode("ascii"))
        yield request


class Hides(logging.Filter):
    """Takes the token out of the lines in which httpx tells the URL of each call."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the URLs of a line; the line stays."""
        if isinstance(record.args, tuple):
            record.args = tuple(shown(each) if isinstance(each, httpx.URL) else each for each in record.args)
        return True


def shown(url: httpx.URL) -> str:
    """Return a URL as it may be shown."""
    return _IN_PATH.sub("/bot***", str(url))


logging.getLogger("httpx").addFilter(Hides())
