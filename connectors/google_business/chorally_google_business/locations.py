"""The locations that a person may manage, over all their accounts."""

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from pydantic import BaseModel

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import Place
from chorally_google_business.shapes import Accounts, Location, Locations

READ_MASK = "name,title,storeCode,storefrontAddress,metadata"
"""What is asked for of a location; Google answers nothing that is not named."""
_ACCOUNTS_PAGE, _LOCATIONS_PAGE = 20, 100

S = TypeVar("S", bound=BaseModel)


async def discovered(http: sdk.Http) -> Sequence[sdk.AccountInfo]:
    """Return all locations of all accounts; one that several accounts list is given once, under the first."""
    found: dict[str, sdk.AccountInfo] = {}
    async for accounts in _pages(http, Accounts, api.at(http, api.ACCOUNTS, "/v1/accounts"), _ACCOUNTS_PAGE, {}):
        for account in accounts.accounts:
            url = api.at(http, api.LOCATIONS, f"/v1/{account.name}/locations")
            async for page in _pages(http, Locations, url, _LOCATIONS_PAGE, {"readMask": READ_MASK}):
                for location in page.locations:
                    found.setdefault(location.name, info(location, account.name))
    return list(found.values())


async def looked_up(http: sdk.Http, place: Place) -> sdk.AccountInfo:
    """Return one location."""
    url = api.at(http, api.LOCATIONS, f"/v1/{place.location}")
    answer = await http.get(url, params={"readMask": READ_MASK})
    return info(api.read(Location, answer.content, "the location"), place.account)


def info(location: Location, account: str) -> sdk.AccountInfo:
    """Return a location as an account of ours; its address tells it from others of the same title."""
    address = location.storefrontAddress
    where = [part for part in (*address.addressLines[:1], address.locality) if part]
    name = ", ".join([location.title or location.name, *(where or filter(None, [location.storeCode]))])
    data = {"account": account, "maps_url": location.metadata.mapsUri, "store_code": location.storeCode}
    return sdk.AccountInfo(
        external_id=location.name, name=name, data={key: value for key, value in data.items() if value}
    )


async def _pages(http: sdk.Http, shape: type[S], url: str, size: int, asked: dict[str, str]) -> AsyncIterator[S]:
    token = ""
    while True:
        more = {"pageToken": token} if token else {}
        answer = await http.get(url, params={**asked, "pageSize": size, **more})
        page = api.read(shape, answer.content, "a listing")
        yield page
        following = getattr(page, "nextPageToken", "")
        if not following:
            return
        if following == token:
            raise sdk.Malformed("a listing leads back to the page that was asked for", answer.content)
        token = following
