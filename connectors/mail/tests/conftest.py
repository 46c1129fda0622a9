"""What the tests of the mail connector share."""

from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap, FakeSmtp, a_mailbox


@pytest.fixture
async def imap() -> AsyncIterator[FakeImap]:
    """An IMAP server."""
    async with FakeImap() as server:
        yield server


@pytest.fixture
async def smtp() -> AsyncIterator[FakeSmtp]:
    """An SMTP server."""
    async with FakeSmtp() as server:
        yield server


@pytest.fixture
def mailbox(imap: FakeImap, smtp: FakeSmtp) -> Callable[..., Mail]:
    """A connector whose mailbox is on the two servers; settings may be changed."""
    return partial(a_mailbox, imap, smtp)
