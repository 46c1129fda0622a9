"""What becomes a post: containers, made and filled unseen, and asked for until they are ready.

Source: "Content Publishing", "Resumable Uploads" of the Instagram Platform; ShadowIGMediaBuilder (read 2026-11-23).
Each step is one call, or two, and may be taken again: what is left over is a container that nobody sees and that ends
after 24 hours. What is prepared is::

    {"within_limit": true, "ids": [one for each file], "finished": how many of them are, "container": the carousel's,
     "sending": a video is to be uploaded to the last of ids, "polls": …, "tries": …}
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from chorally_meta.listing import path
from chorally_meta.settings import VERSION
from chorally_meta.shapes import Created, Done, inside, read

import chorally_sdk as sdk
from chorally_instagram import faults
from chorally_instagram.api import Api
from chorally_instagram.shapes import Container

UPLOADS = f"https://rupload.facebook.com/ig-api-upload/{VERSION}"
A_MINUTE = timedelta(minutes=1)
"""Time between two questions for a container ("Content Publishing")."""
PATIENCE = 5
"""Questions at that pace; then the pace is slower."""
MOST_TRIES = 3
"""Containers that may fail before the post does."""
_FULL = timedelta(hours=1)
"""When to look again where the limit of 24 hours is used up: its window moves, and Instagram does not say when."""
_OPTIONS = ("alt_text", "cover_url", "thumb_offset", "location_id")
_OF_IMAGES, _OF_VIDEOS = frozenset({"alt_text"}), frozenset({"cover_url", "thumb_offset"})


async def prepare(connector: sdk.Connector, api: Api, post: sdk.Outgoing) -> sdk.Prepared:
    """Take the next step towards a container that can be published.

    Raises:
        Rejected: The files are none that Instagram takes, or it cannot make a post of them.
        RateLimited: No more posts may be made within these 24 hours.
    """
    _judge(post)
    state: dict[str, Any] = dict(post.prepared)
    files, ids = post.attachments, list(state.get("ids", ()))
    if not state.get("within_limit"):
        await _within_limit(api)
        state["within_limit"] = True
    if state.get("sending"):
        await _upload(connector, api, str(ids[-1]), files[len(ids) - 1])
        return _next({**state, "sending": False})
    if len(ids) < len(files):
        file = files[len(ids)]
        is_sent = _is_sent(connector, file)
        if not is_sent:
            file = await _addressed(connector, file)
        fields = _of_file(post, file, is_child=len(files) > 1, is_sent=is_sent)
        return _next({**state, "ids": [*ids, await _made(api, fields)], "sending": is_sent})
    if (finished := int(state.get("finished", 0))) < len(ids):
        return await _asked(api, str(ids[finished]), state, {"finished": finished + 1}, len(files) == 1)
    if not state.get("container"):
        carousel = {"media_type": "CAROUSEL", "children": ",".join(map(str, ids)), **_of_post(post)}
        return _next({**state, "container": await _made(api, carousel)})
    return await _asked(api, str(state["container"]), state, {}, is_last=True)


def container_of(prepared: Mapping[str, Any]) -> str:
    """Return the container that is published; empty where there is none yet."""
    ids = prepared.get("ids") or ("",)
    return str(prepared.get("container") or (ids[0] if len(ids) == 1 else ""))


async def status_of(api: Api, container: str) -> Container:
    """Return how a container stands."""
    answer = await api.http.get(api.at(container), params={"fields": "id,status_code,status"})
    return read(Container, answer.content, "a container")


def is_story(post: sdk.Outgoing) -> bool:
    """Whether it is to be shown as a story."""
    return post.options.get("story") is True


def _judge(post: sdk.Outgoing) -> None:
    kinds = {file.kind for file in post.attachments}
    if not kinds or kinds - {"image", "video"}:
        raise sdk.Rejected("a post on Instagram has images or videos; add one, and leave other files out")
    if is_story(post) and (len(post.attachments) > 1 or post.body):
        raise sdk.Rejected("a story is one image or one video, without a text")


async def _within_limit(api: Api) -> None:
    answer = await api.http.get(api.own("content_publishing_limit"), params={"fields": "quota_usage,config"})
    used = faults.published(answer)
    if used is not None and used >= 1:
        why = "Instagram takes no more posts of this account within these 24 hours"
        raise sdk.RateLimited(why, wait=_FULL, scope="endpoint")


def _is_sent(connector: sdk.Connector, file: sdk.Attachment) -> bool:
    """Whether we upload a file: only videos can be; all else Instagram fetches from a public address."""
    if file.url or file.kind != "video":
        return False
    if file.size_bytes is None:
        raise sdk.Rejected("the size of a video must be known before it is sent")
    try:
        connector.media(file)
    except LookupError:
        raise sdk.Rejected("this host keeps no files, and the attachment has no url") from None
    return True


async def _addressed(connector: sdk.Connector, file: sdk.Attachment) -> sdk.Attachment:
    """The file with an address from which Instagram can fetch it."""
    try:
        return file.model_copy(update={"url": await connector.media_url(file)})
    except LookupError as error:
        raise sdk.Rejected(f"Instagram fetches images from a public address; {error}") from None


def _of_file(post: sdk.Outgoing, file: sdk.Attachment, *, is_child: bool, is_sent: bool) -> dict[str, str]:
    """What a file's container is made of."""
    fields: dict[str, str] = {}
    if file.kind == "video":
        fields["media_type"] = "STORIES" if is_story(post) else "VIDEO" if is_child else "REELS"
        fields |= {"upload_type": "resumable"} if is_sent else {"video_url": file.url or ""}
    else:
        fields |= {"image_url": file.url or "", **({"media_type": "STORIES"} if is_story(post) else {})}
    others = _OF_IMAGES if file.kind == "video" else _OF_VIDEOS
    own = {name: _written(post.options[name]) for name in _OPTIONS if post.options.get(name) is not None}
    if is_child:
        return {**fields, "is_carousel_item": "true", **{name: own[name] for name in own if name == "alt_text"}}
    fields |= {name: own[name] for name in own if name not in others}
    if file.kind == "video" and "share_to_feed" in post.options:
        fields["share_to_feed"] = _written(post.options["share_to_feed"])
    return {**fields, **_of_post(post)}


def _of_post(post: sdk.Outgoing) -> dict[str, str]:
    """What belongs to the post and not to a file of it."""
    names = ("collaborators", "user_tags")
    more = {name: _written(post.options[name]) for name in names if post.options.get(name)}
    return {**({"caption": post.body} if post.body else {}), **more}


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def _made(api: Api, fields: Mapping[str, str]) -> str:
    answer = await api.http.post(api.own("media"), data=dict(fields))
    return read(Created, answer.content, "the answer to a container").id


async def _asked(
    api: Api, container: str, state: Mapping[str, Any], when_finished: Mapping[str, Any], is_last: bool
) -> sdk.Prepared:
    """Ask how a container stands, and say what follows from it."""
    told = await status_of(api, container)
    polls, tries = int(state.get("polls", 0)), int(state.get("tries", 0))
    match told.status_code:
        case "FINISHED" | "PUBLISHED":
            return sdk.Prepared(state={**state, **when_finished, "polls": 0}, ready=is_last)
        case "ERROR" | "EXPIRED":
            if tries + 1 >= MOST_TRIES:
                why = told.status[:300] or told.status_code
                raise sdk.Rejected(f"Instagram cannot make a post of the media: {why}; change them and publish again")
            return sdk.Prepared(state={"within_limit": True, "tries": tries + 1}, ready=False, wait=A_MINUTE)
    wait = A_MINUTE if polls < PATIENCE else A_MINUTE * PATIENCE
    return sdk.Prepared(state={**state, "polls": polls + 1}, ready=False, wait=wait)


def _next(state: Mapping[str, Any]) -> sdk.Prepared:
    return sdk.Prepared(state=state, ready=False)


async def _upload(connector: sdk.Connector, api: Api, container: str, file: sdk.Attachment) -> None:
    """Send a video from where an earlier attempt ended."""
    answer = await api.http.get(api.at(container), params={"fields": "id,video_status"})
    phase = inside(read(Container, answer.content, "a container").video_status, "uploading_phase")
    if inside(phase, "status") == "complete":
        return
    done, size = inside(phase, "bytes_transferred"), file.size_bytes or 0
    offset = done if isinstance(done, int) and 0 < done < size else 0
    token = (await connector.token()).get_secret_value()
    headers = {
        "Authorization": f"OAuth {token}",
        "offset": str(offset),
        "file_size": str(size),
        "Content-Length": str(size - offset),
    }
    sent = await api.http.post(
        UPLOADS + path(container), headers=headers, content=_from(connector.media(file), offset), auth=None
    )
    if not read(Done, sent.content, "the answer to an upload").success:
        raise sdk.RetryLater("Instagram did not take the video; the upload goes on")


async def _from(content: AsyncIterator[bytes], offset: int) -> AsyncIterator[bytes]:
    """Yield a file from a byte on."""
    async for piece in content:
        if offset < len(piece):
            yield piece[offset:]
        offset = max(offset - len(piece), 0)
