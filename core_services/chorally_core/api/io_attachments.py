"""The route of files that people send."""

from fastapi import APIRouter, Response

from chorally_core.api.content import FILE_ANSWER, content
from chorally_core.api.io_errors import told
from chorally_core.api.io_parts import Io, TicketReader
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.services.io.downloading import Downloading, TooLarge, Wanted
from chorally_core.services.io.model import Account
from chorally_core.services.message.model import Message
from chorally_sdk import Reason, Rejected


def attachments_router(io: Io, downloading: Downloading) -> APIRouter:
    """Return the routes of attachments."""
    router = APIRouter(prefix="/messages", tags=["attachments"])

    @router.get(
        "/{message_id}/attachments/{number}",
        summary="Read a file of a message",
        response_class=Response,
        responses={**FILE_ANSWER, **problems(401, 403, 404, 503)},
    )
    async def read_attachment(message_id: str, number: int, caller: TicketReader) -> Response:
        """Return a file's bytes: from its copy, or from the platform, which may take a while.

        `number` counts the message's `attachments` from 1. What is copied, and for how long, is a setting.
        """
        nothing = Problem(404, "there is no such attachment", code="unknown-attachment")
        message = await io.documents.get(Message, message_id)
        if message is None or message.tenant != caller.tenant or not 1 <= number <= len(message.attachments):
            raise nothing
        account = await io.documents.get(Account, message.account_id)
        if account is not None and (account.tenant != caller.tenant or account.state == "disconnected"):
            account = None
        if account is not None and account.platform not in io.service.directory.connectors:
            account = None
        wanted = Wanted(
            message.id, message.attachments[number - 1], message.author_id, message.origin == "here",
            message.external_created_at or message.received_at, message.channel,
        )  # fmt: skip
        try:
            with told():
                found = await downloading.open(account, caller.tenant, wanted)
                return await content(
                    found.pieces, name=found.name, media_type=found.media_type, size_bytes=found.size_bytes
                )
        except TooLarge as error:
            raise Problem(422, str(error), code="attachment-too-large") from None
        except LookupError as error:
            why = f"{error.args[0]}, and its account is not connected" if account is None else "the copy is gone"
            raise Problem(404, why, code="attachment-gone") from None
        except Problem as problem:
            if isinstance(problem.__cause__, Rejected) and problem.__cause__.reason is Reason.GONE:
                raise Problem(404, problem.detail, code="attachment-gone") from None
            raise

    return router
