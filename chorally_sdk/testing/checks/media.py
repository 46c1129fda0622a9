"""Checks of files that go out: shown as they were given, read in pieces, and within what the manifest declares."""

import mimetypes
import re

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure

_PIECES = 24
_PIECE_BYTES = 512 * 1024
_LARGE = 8 * 1024 * 1024  # of less, a platform may want the whole in one piece
_TYPE = re.compile(r"[a-z]+/(\*|[a-z0-9][a-z0-9.+-]*)|\*/\*")
_EXAMPLES = {"image": "image/png", "video": "video/mp4", "audio": "audio/mpeg", "*": "image/png"}


def _limits(bench: Bench) -> sdk.Limits:
    actions = bench.connector.manifest.channel(bench.channel).actions
    limits = actions.get("reply") or actions.get("send")
    if limits is None or not limits.media or not limits.max_media:
        raise NotApplied("answers on this channel carry no files")
    return limits


def _attachment(limits: sdk.Limits, size: int) -> sdk.Attachment:
    """A file of a type that is declared for files of this size."""
    fitting = [media for media, most in limits.media.items() if most >= size]
    kind, _, form = next(iter(sorted(fitting or limits.media))).partition("/")
    media = _EXAMPLES.get(kind, "application/pdf") if form == "*" else f"{kind}/{form}"
    name = f"a file{mimetypes.guess_extension(media) or ''}"
    told = {"kind": kind if kind in {"image", "video", "audio"} else "file", "media_type": media, "name": name}
    return sdk.Attachment.model_validate({**told, "external_id": "file-1", "size_bytes": size})


@check("push", "A file is shown as it was given", "Replies", "say", "made", "seen_files", may_be_exempt=False)
async def shows_files(bench: Bench) -> None:
    """A file that is cut, re-coded as text, or forgotten is an answer that the customer cannot read."""
    limits = _limits(bench)
    content = bytes(range(256)) * 64
    attachment = _attachment(limits, len(content))
    bench.files["file-1"] = [content[:1000], content[1000:1001], content[1001:]]
    asked = await bench.a_message("Do you have a map?")
    await bench.send(bench.answer(asked, "Here it is" if limits.captions else "", attachments=(attachment,)))
    seen = bench.levers.seen_files()
    ensure(content in seen, f"people see files of {[len(each) for each in seen]} bytes, not the one of {len(content)}")
    ensure(len(seen) == 1, f"people see {len(seen)} files, one was sent")


@check("push", "A large file is never held whole", "Replies", "say", "made", "seen_files", "transport")
async def streams_files(bench: Bench) -> None:
    """A few videos at once fill the memory of the process that serves every customer."""
    limits = _limits(bench)
    if max(limits.media.values()) < _LARGE:
        raise NotApplied("no file may be so large that it matters")
    pieces = [bytes([number]) * _PIECE_BYTES for number in range(_PIECES)]
    count = min(_PIECES, max(limits.media.values()) // _PIECE_BYTES)
    bench.files["file-1"] = pieces[:count]
    attachment = _attachment(limits, count * _PIECE_BYTES)
    asked = await bench.a_message("Do you have a film?")
    begun = len(bench.exchanges)
    await bench.send(bench.answer(asked, "Here it is" if limits.captions else "", attachments=(attachment,)))
    ensure(bench.levers.seen_files(), "the file is not seen")
    passed_on = 0
    for exchange, read in zip(bench.exchanges[begun:], bench.read_before[begun:], strict=True):
        held = read - passed_on
        ensure(held <= count * _PIECE_BYTES // 2, f"{held} bytes were held before {exchange.method} {exchange.url}")
        passed_on += len(exchange.body)


@check("limits", "The files that are declared are those that the platform takes", "media_limit")
async def declared_media(bench: Bench) -> None:
    """A type or size that the platform refuses is refused after the agent has gone."""
    actions = bench.connector.manifest.channel(bench.channel).actions
    for verb in ("reply", "send"):
        if verb in actions:
            told = dict(bench.levers.media_limit(verb))
            declared = dict(actions[verb].media)
            ensure(declared == told, f"for {verb} the platform takes {told}, the manifest says {declared}")


@check("limits", "What is declared of files can be sent", may_be_exempt=False)
async def sendable_media(bench: Bench) -> None:
    """Types without a number of files, or a number without types, refuse every file; a misspelt type is never sent."""
    for channel in bench.connector.manifest.channels:
        for verb, limits in channel.actions.items():
            where = f"{verb} on {channel.name}"
            ensure(bool(limits.media) == bool(limits.max_media), f"{where}: {limits.max_media} files of {limits.media}")
            odd = [media for media, most in limits.media.items() if not _TYPE.fullmatch(media) or most <= 0]
            ensure(not odd, f"{where}: no types and sizes of files are {odd}")
