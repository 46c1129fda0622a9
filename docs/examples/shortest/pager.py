"""The shortest connector: it only sends."""

import chorally_sdk as sdk


class Pager(sdk.Connector, sdk.Replies):
    """One pager."""

    note = sdk.Channel(name="pager_note", actions={"send": sdk.Limits(max_text=160)})
    manifest = sdk.Manifest(
        platform="pager", base_url="https://pager.example", hosts=("pager.example",), channels=(note,)
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the pager."""
        return sdk.AccountInfo.model_validate_json((await self.http.get("/me")).content)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Send a note."""
        return sdk.Receipt(external_id=(await self.http.post("/notes", json={"text": message.body})).json()["id"])
