"""How requests carry the grant, and how a call can know which scopes it had."""

from collections.abc import Generator

import httpx

import chorally_sdk as sdk

_SCOPES = "chorally_linkedin.scopes"


class Carries(sdk.Bearer):
    """The token in the header; the grant's scopes stay beside the request, and are never sent."""

    def __init__(self, grant: sdk.Grant) -> None:
        super().__init__(grant.access)
        self._scopes = grant.scopes

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put both there."""
        request.extensions = {**request.extensions, _SCOPES: self._scopes}
        yield from super().auth_flow(request)


def scopes_of(answer: httpx.Response) -> frozenset[str]:
    """Return the scopes of the grant by which something was asked; empty where it does not say."""
    found = answer.request.extensions.get(_SCOPES, frozenset())
    return found if isinstance(found, frozenset) else frozenset()
