"""Finds the mailboxes that a person's grant opens."""

from collections.abc import Sequence

import chorally_sdk as sdk
from chorally_microsoft.mail.place import Mailbox
from chorally_microsoft.mail.shapes import User, read

_FIELDS = "id,displayName,mail,userPrincipalName"


async def named(mailbox: Mailbox) -> sdk.AccountInfo:
    """Return whose mailbox it is, by one call."""
    raw = await mailbox.get(select=_FIELDS)
    user = read(User, raw, "the mailbox's owner")
    shared = {"shared": mailbox.shared} if mailbox.shared else {}
    data = {"address": mailbox.shared.lower() or user.address, **shared}
    return sdk.AccountInfo(external_id=user.id.lower(), name=user.name or user.address or user.id, data=data)


async def found(http: sdk.Http, shared: Sequence[str]) -> Sequence[sdk.AccountInfo]:
    """Return the person's own mailbox, and those of the shared ones that the person may open."""
    infos = [await named(Mailbox(http, ""))]
    for address in shared:
        mailbox = Mailbox(http, address.lower(), address)
        try:
            await mailbox.get("mailFolders", "inbox", select="id")
            infos.append(await named(mailbox))
        except sdk.Rejected as refused:  # not theirs, or no such mailbox: it is not offered
            if refused.reason not in (sdk.Reason.PERMISSION, sdk.Reason.GONE):
                raise
    return infos
