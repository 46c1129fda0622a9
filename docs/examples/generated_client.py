"""Answers the oldest ticket, with a client that `openapi-python-client` made of `/openapi.json`."""

import os
import time
import uuid

from chorally_client import AuthenticatedClient, Client
from chorally_client.api.messages import message_show_message
from chorally_client.api.sign_in import identity_sign_in
from chorally_client.api.tickets import message_add_message, message_list_messages, message_list_tickets
from chorally_client.models import (
    AccessToken,
    Credentials,
    MessageAdd,
    MessageView,
    PageMessageView,
    PageTicketView,
    ProblemDocument,
)


def good(answer):
    """Return what was asked for, or say what is wrong."""
    if answer is None or isinstance(answer, ProblemDocument):
        raise SystemExit(f"not done: {answer.detail if answer else 'an answer that is not documented'}")
    return answer


url = os.environ["CHORALLY_API"]
who = Credentials(tenant=os.environ["TENANT"], email=os.environ["EMAIL"], password=os.environ["PASSWORD"])
token: AccessToken = good(identity_sign_in.sync(client=Client(base_url=url), body=who))
client = AuthenticatedClient(base_url=url, token=token.access_token)

tickets: PageTicketView = good(message_list_tickets.sync(client=client, limit=10))
ticket = tickets.items[-1]
messages: PageMessageView = good(message_list_messages.sync(ticket.id, client=client))
print(f"#{ticket.number} {ticket.author_name}: {messages.items[0].body}")

answer = MessageAdd(body="It is on its way, it arrives tomorrow.")
key = str(uuid.uuid4())  # sent again after an error, the answer is still written once
sent: MessageView = good(message_add_message.sync(ticket.id, client=client, body=answer, idempotency_key=key))
again: MessageView = good(message_add_message.sync(ticket.id, client=client, body=answer, idempotency_key=key))
if again.id != sent.id:
    raise SystemExit("it was written twice")

while sent.status in ("queued", "sending"):
    time.sleep(0.2)
    sent = good(message_show_message.sync(sent.id, client=client))
print(f"{sent.status}: {sent.external_id}")
