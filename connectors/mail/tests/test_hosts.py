"""A mailbox's servers are public ones, unless whoever runs the host says otherwise."""

import pytest
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap, FakeSmtp, a_mailbox

import chorally_sdk as sdk

REFUSED = "no public host"


def guarded(mailbox: Mail) -> Mail:
    """Return the mailbox as an installation has it that allows no private network."""
    http = sdk.Http(base_url="", hosts=Mail.manifest.hosts)
    return Mail(sdk.App(id="1"), http, mailbox.account, now=mailbox.now)


async def test_servers_in_a_private_network_are_refused(imap: FakeImap, smtp: FakeSmtp) -> None:
    """Neither of them is connected to, whatever a person fills in."""
    mailbox = guarded(a_mailbox(imap, smtp))
    with pytest.raises(sdk.Rejected, match=REFUSED):
        await mailbox.check()
    with pytest.raises(sdk.Rejected, match=REFUSED):
        await anext(mailbox.pull("inbox", None, None))
    message = sdk.OutboundMessage(
        id="1", client_ref="0" * 32, channel="mail_message", body="hello", to="ada@people.example"
    )
    with pytest.raises(sdk.Rejected, match=REFUSED):
        await mailbox.push(message)
    assert (imap.seen, smtp.seen, smtp.sent) == ([], [], [])
