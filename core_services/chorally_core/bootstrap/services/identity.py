"""Declares the identity service."""

from fastapi import FastAPI

from chorally_core.api import identity as api
from chorally_core.api.identity_users import LocalUsers
from chorally_core.bootstrap.service import Around, Service
from chorally_core.services.identity import Passwords, SignIn


def _api(around: Around) -> FastAPI:
    documents, passwords = around.documents, Passwords()
    users = LocalUsers(
        documents=documents,
        actions=around.actions,
        sign_in=SignIn(documents=documents, actions=around.actions, passwords=passwords, clock=around.now),
        passwords=passwords,
        standing=around.trust.standing,
        tokens=around.trust.issuer,
        outside=around.settings.keycloak and f"{around.settings.keycloak}/realms/{{tenant}}",
        clock=around.now,
        ids=around.ids,
    )
    return api.create_app(around.identity, users)


SERVICE = Service(name="identity", api=_api)
