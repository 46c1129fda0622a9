"""Seals everything anew under the newest key, so that an older one can be thrown away."""

from typing import Any

import msgspec

from chorally_core.bootstrap.stores import Stores
from chorally_core.bootstrap.trust import keyring_of, load
from chorally_core.bootstrap.vault import open_vault
from chorally_core.ports.buckets import TenantBucket
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.io.authorizations import Authorization
from chorally_core.services.io.grants import GrantRecord
from chorally_core.services.io.model import Account, App, Delivery, Held
from chorally_core.services.message.model import Message
from chorally_core.settings import Settings

SEALED: tuple[tuple[type[Document], str], ...] = (
    (App, "sealed"),
    (App, "hook_secret"),
    (Account, "sealed"),
    (Account, "hook_secret"),
    (GrantRecord, "sealed"),
    (Authorization, "sealed"),
    (Held, "sealed"),
    (Delivery, "route"),
    (Message, "route"),
    (TenantBucket, "sealed"),
    (Webhook, "sealed"),
)
"""Every field that is sealed at rest."""

_STEP = 500


async def reseal(settings: Settings) -> int:
    """Seal everything in the data folder under the first of the secret keys; return how many records that were.

    The folder must be free. A kill leaves some records under each key; both open while both keys are set.

    Raises:
        InUse: A process owns the folder.
        Unopenable: A record was sealed with a key that is not set any more; those before it are done.
    """
    vault = open_vault(settings)
    stores = Stores(settings)
    try:
        await stores.start()
        keyring = keyring_of(settings, vault, stores.ledger.documents if stores.shares_documents else None)
        await load(keyring, settings, vault)
        if (done_later := keyring.reseal()) is not None:
            await done_later
        done = 0
        for of, field in SEALED:
            after: tuple[Any, str] | None = None
            while found := await stores.ledger.documents.find(Query(of, None, limit=_STEP, after=after)):
                after = (found[-1].id, found[-1].id)
                anew = [
                    msgspec.structs.replace(document, **{field: vault.reseal(sealed)})
                    for document in found
                    if (sealed := getattr(document, field))
                ]
                await stores.ledger.commit(Work([Step.of([document]) for document in anew]))
                done += len(anew)
        return done
    finally:
        await stores.aclose()
