"""Uploading what a post shows: streamed, never held whole, and seen by nobody before the post.

Sources: "Images API", "Videos API" (read 2026-11-23); the steps of videos as integrations use them.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.names import coded
from chorally_linkedin.shapes import Id, Shape, read

POLL = timedelta(seconds=3)
OCTETS = "application/octet-stream"


class Started(Shape):
    """Where an image goes."""

    url: Id
    image: Id

    @classmethod
    def of(cls, raw: bytes) -> "Started":
        """Read the answer to the begin of an upload."""
        return read(_Value, raw, "the begin of an upload").started


class _Inner(Shape):
    uploadUrl: Id
    image: Id


class _Value(Shape):
    value: _Inner

    @property
    def started(self) -> Started:
        return Started(url=self.value.uploadUrl, image=self.value.image)


class Part(Shape):
    """A part of a video, by its first and last byte."""

    uploadUrl: Id
    firstByte: int
    lastByte: int


class _Video(Shape):
    video: Id
    uploadToken: str = ""
    uploadInstructions: tuple[Part, ...]


class _VideoValue(Shape):
    value: _Video


class Status(Shape):
    """How far LinkedIn is with a file."""

    status: str = ""
    downloadUrl: str = ""


async def prepare(connector: sdk.Connector, api: Api, outgoing: sdk.Outgoing) -> sdk.Prepared:
    """Upload the next file, or ask how far LinkedIn is with one; ready when all can be shown.

    Raises:
        Rejected: The files do not go together, or LinkedIn could not read one.
        ConnectorError: A file was not uploaded, and may be uploaded again.
    """
    files = outgoing.attachments
    if not files:
        return sdk.Prepared(state={})
    if len(files) > 1 and any(file.kind == "video" for file in files):
        raise sdk.Rejected("a post has pictures, or one video; leave some out")
    if len(files) > 1 and outgoing.options.get("link"):
        raise sdk.Rejected("an article has one picture; leave the others out")
    urns, shown = list(outgoing.prepared.get("urns", ())), int(outgoing.prepared.get("shown", 0))
    if len(urns) < len(files):
        urns.append(await _uploaded(connector, api, files[len(urns)]))
        return sdk.Prepared(state={"urns": urns, "shown": shown}, ready=False)
    if shown < len(urns):
        if not await _is_available(api, urns[shown]):
            return sdk.Prepared(state={"urns": urns, "shown": shown}, ready=False, wait=POLL)
        shown += 1
    return sdk.Prepared(state={"urns": urns, "shown": shown}, ready=shown >= len(urns))


async def _uploaded(connector: sdk.Connector, api: Api, file: sdk.Attachment) -> str:
    owner = connector.account.external_id
    if file.kind == "video":
        return await _video(connector, api, file, owner)
    begun = await api.post("/rest/images?action=initializeUpload", {"initializeUploadRequest": {"owner": owner}})
    started = Started.of(begun.content)
    await api.http.put(started.url, content=_pieces(connector, file), headers=_typed(file.size_bytes))
    return started.image


async def _video(connector: sdk.Connector, api: Api, file: sdk.Attachment, owner: str) -> str:
    """Upload a video in the parts that LinkedIn asks for."""
    if file.size_bytes is None:
        raise sdk.Rejected("the size of a video must be known before it is sent")
    asked = {"owner": owner, "fileSizeBytes": file.size_bytes, "uploadCaptions": False, "uploadThumbnail": False}
    begun = await api.post("/rest/videos?action=initializeUpload", {"initializeUploadRequest": asked})
    upload = read(_VideoValue, begun.content, "the begin of an upload").value
    source, ids = _Cut(_pieces(connector, file)), []
    for part in upload.uploadInstructions:
        size = part.lastByte - part.firstByte + 1
        answer = await api.http.put(part.uploadUrl, auth=None, content=source.take(size), headers=_typed(size))
        ids.append(answer.headers.get("etag", "").strip('"'))
    finished = {"video": upload.video, "uploadToken": upload.uploadToken, "uploadedPartIds": ids}
    await api.post("/rest/videos?action=finalizeUpload", {"finalizeUploadRequest": finished})
    return upload.video


def _pieces(connector: sdk.Connector, file: sdk.Attachment) -> AsyncIterator[bytes]:
    try:
        return connector.media(file)
    except LookupError:
        raise sdk.Rejected("this host keeps no files, and LinkedIn fetches none itself") from None


def _typed(size: int | None) -> dict[str, str]:
    return {"Content-Type": OCTETS, **({} if size is None else {"Content-Length": str(size)})}


class _Cut:
    """A stream of bytes that is taken part by part; what is held is one piece."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    async def take(self, size: int) -> AsyncIterator[bytes]:
        """Yield the next bytes.

        Raises:
            Rejected: There are not so many.
        """
        while size > 0:
            if not self._held:
                self._held = await anext(self._pieces, b"")
                if not self._held:
                    raise sdk.Rejected("the video is not as long as it was said to be")
            piece, self._held = self._held[:size], self._held[size:]
            size -= len(piece)
            yield piece


async def _is_available(api: Api, urn: str) -> bool:
    """Whether a file can be shown.

    Raises:
        Rejected: LinkedIn could not read it.
    """
    answer = await api.get(_where(urn))
    status = read(Status, answer.content, "how far a file is").status
    if status == "PROCESSING_FAILED":
        raise sdk.Rejected("LinkedIn could not read the file; send it in another format")
    return status == "AVAILABLE"


def _where(urn: str) -> str:
    return f"/rest/{'videos' if ':video:' in urn else 'images'}/{coded(urn)}"


async def download(api: Api, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield the bytes of a file that came, by a link that is asked for now where LinkedIn gives one.

    Raises:
        Rejected: It is gone, or has no link.
    """
    url, urn = attachment.url, attachment.external_id or ""
    if urn.startswith(("urn:li:image:", "urn:li:video:")):
        answer = await api.get(_where(urn))
        url = read(Status, answer.content, "a file").downloadUrl or url
    if not url:
        raise sdk.Rejected("LinkedIn gives no link to this file", reason=sdk.Reason.GONE)
    async with api.http.stream("GET", url, auth=None) as opened:
        async for piece in opened.aiter_bytes():
            yield piece


def content_of(publication: sdk.Publication) -> dict[str, Any]:
    """Return what a post shows beside its text: an article, a file, several pictures, or nothing.

    Raises:
        Rejected: An article has no title.
    """
    urns = [str(urn) for urn in publication.prepared.get("urns", ())]
    options = publication.options
    said = options.get("alts")
    alts = [str(each) for each in said] if isinstance(said, list | tuple) else []
    titled = {name: str(options[name]) for name in ("title", "description") if options.get(name)}
    link = options.get("link")
    if isinstance(link, str) and link:
        if "title" not in titled:
            raise sdk.Rejected("an article needs a title; LinkedIn reads none from the page")
        return {"article": {"source": link, **titled, **({"thumbnail": urns[0]} if urns else {})}}
    if len(urns) > 1:
        images = [{"id": urn, "altText": alt} for urn, alt in zip(urns, [*alts, *[""] * len(urns)], strict=False)]
        return {"multiImage": {"images": images}}
    if urns:
        title = {"title": titled["title"]} if "title" in titled else {}
        return {"media": {"id": urns[0], **title, **({"altText": alts[0]} if alts else {})}}
    return {}
