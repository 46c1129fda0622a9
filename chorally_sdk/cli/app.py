"""The commands. What one needs is imported when it runs, so that help comes at once."""

import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

app = typer.Typer(
    name="chorally-connector",
    help="Make, check and try connectors for Chorally, without a host.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich takes longer than all the rest of the help
)
T = TypeVar("T")

Target = Annotated[str, typer.Argument(help="An installed platform, such as facebook, or the folder of a checkout.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Its own sandbox, in this process, is the platform.")]
Url = Annotated[str, typer.Option("--url", help="Another base URL, such as that of a served sandbox.")]
Token = Annotated[str, typer.Option("--token", envvar="CHORALLY_TOKEN", help="Access token; better by its variable.")]
AccountId = Annotated[str, typer.Option("--account", envvar="CHORALLY_ACCOUNT", help="The account's id there.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, or by the variable CHORALLY_SET_NAME.")]
Settings = Annotated[Path | None, typer.Option("--settings", help="JSON file of settings by name.")]
StandIn = Annotated[str, typer.Option("--stand-in", help="module:Class, a subclass of chorally_sdk.sandbox.Levers.")]


def _fail(message: str, status: int = 2) -> NoReturn:
    typer.echo(f"chorally-connector: {message}", err=True)
    raise typer.Exit(status)


def _told(do: Callable[[], T]) -> T:
    """Do something; its mistakes end the command with what to do."""
    from chorally_sdk.cli.telling import Told

    try:
        return do()
    except Told as error:
        _fail(str(error), error.status)


def _ran(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something that talks to a platform; what that refuses ends the command with what to do."""
    import asyncio

    from chorally_sdk.cli.advice import advice
    from chorally_sdk.errors import ConnectorError

    def run() -> T:
        try:
            return asyncio.run(work())
        except ConnectorError as error:
            _fail(f"{error}\n{advice(error)}", 1)
        except KeyboardInterrupt:
            _fail("interrupted; with --cursor the next run goes on where this one was", 130)

    return _told(run)


def _access(
    found: Any, sandbox: bool, url: str, token: str, account: str, options: list[str] | None, file: Path | None
) -> Any:
    from chorally_sdk.cli.connecting import Access, settings_given
    from chorally_sdk.cli.finding import stand_in

    made = None
    if sandbox:
        made = stand_in(found)
        if made is None:
            _fail(f"{found.platform} has no sandbox with levers; leave --sandbox out, or serve one and give --url")
    from chorally_sdk.cli.consenting import folder

    grants = None if sandbox or token else folder()
    return Access(token, account, url, settings_given(options or [], file), made, grants)


@app.command()
def new(
    platform: Annotated[str, typer.Argument(help="The platform in lower case, such as guestbook.")],
    ability: Annotated[
        list[str] | None,
        typer.Option(
            help="pull, fetch, download, webhooks, handshake, subscribe, reply, find, prepare, templates, publish, "
            "moderate or discover; repeat it for several."
        ),
    ] = None,
    auth: Annotated[str, typer.Option(help="token, api_key, oauth or client_credentials.")] = "token",
    title: Annotated[str, typer.Option(help="The platform's name as people write it.")] = "",
    output: Annotated[Path, typer.Option(help="Folder to make the repository in.")] = Path(),
) -> None:
    """Make a repository: package, tests, sandbox, README, CI workflow and changelog."""
    from chorally_sdk.cli import making

    made = _told(lambda: making.make(making.wanted(platform, title, ability or ["pull", "reply"], auth), output))
    typer.echo(f"made {made}; next:\n  cd {made}\n  pip install -e '.[dev]'\n  pytest\n  chorally-connector check .")


@app.command()
def check(
    target: Target,
    stand_in: StandIn = "",
    report: Annotated[Path | None, typer.Option(help="Write what was found as JSON.")] = None,
) -> None:
    """Run the conformance checks and tell the tier of quality; exit status 1 if one fails."""
    from chorally_sdk.cli import checking, finding

    found = _told(lambda: finding.find(target))
    told = checking.checked(found, _told(lambda: finding.stand_in(found, stand_in)))
    for line in checking.lines(told):
        typer.echo(line)
    if report is not None:
        checking.save(told, report)
    if told.of("failed"):
        raise typer.Exit(1)


@app.command()
def auth(
    target: Target,
    sandbox: Sandbox = False,
    url: Url = "",
    setting: Setting = None,
    settings: Settings = None,
    hint: Annotated[str, typer.Option(help="Your handle or instance, where the platform asks for it first.")] = "",
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1 for the call-back; any free one where 0.")] = 0,
    redirect_uri: Annotated[
        str, typer.Option(help="Registered at the platform, where it takes no loopback; you paste where it leads.")
    ] = "",
) -> None:
    """Ask for consent in the browser and keep the grant, which `pull` and `push` then use and renew."""
    from chorally_sdk.cli import authorizing, finding

    found = _told(lambda: finding.find(target))
    access = _told(lambda: _access(found, sandbox, url, "", "", setting, settings))
    pasted = (lambda: typer.prompt("the whole URL that the browser was sent to", err=True)) if redirect_uri else None
    wanted = authorizing.Wanted(hint, port, redirect_uri, pasted)
    for line in _ran(lambda: authorizing.authorize(found, access, wanted, lambda page: typer.echo(page, err=True))):
        typer.echo(line)


@app.command()
def pull(
    target: Target,
    sandbox: Sandbox = False,
    url: Url = "",
    token: Token = "",
    account: AccountId = "",
    setting: Setting = None,
    settings: Settings = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream; repeat it for several.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Nothing older is wanted.")] = None,
    cursor: Annotated[Path | None, typer.Option(help="File that says where to go on; made and kept.")] = None,
    pages: Annotated[int, typer.Option(min=0, help="Most pages of each stream; 0 for all.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Read live streams on once they have caught up.")] = False,
    say: Annotated[int, typer.Option(min=0, help="With --sandbox: how many messages people say first.")] = 3,
) -> None:
    """Pull an account and print its events as JSON lines; goes on where --cursor says."""
    from chorally_sdk.cli import finding, pulling

    found = _told(lambda: finding.find(target))
    access = _told(lambda: _access(found, sandbox, url, token, account, setting, settings))
    at = since.astimezone() if since else None
    wanted = pulling.Wanted(tuple(stream or ()), at, pages, cursor, say, follow)

    def out(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()  # before the cursor says that it is out

    count = _ran(lambda: pulling.pull(found, access, wanted, out))
    typer.echo(f"{count} events", err=True)


@app.command()
def push(
    target: Target,
    body: Annotated[str, typer.Argument(help="The text.")],
    sandbox: Sandbox = False,
    url: Url = "",
    token: Token = "",
    account: AccountId = "",
    setting: Setting = None,
    settings: Settings = None,
    channel: Annotated[str, typer.Option(help="The first that takes messages, unless given.")] = "",
    to: Annotated[str | None, typer.Option(help="The person's id or address.")] = None,
    in_reply_to: Annotated[str | None, typer.Option(help="external_id of the message that it answers.")] = None,
    conversation: Annotated[str | None, typer.Option(help="conversation_id of the message that it answers.")] = None,
    route: Annotated[str, typer.Option(help="route of the message that it answers, as JSON.")] = "{}",
    client_ref: Annotated[str, typer.Option(help="Reference of an earlier try, 32 hex digits.")] = "",
) -> None:
    """Send one message that people see, and print the receipt; in the sandbox it answers somebody by itself."""
    import json
    import uuid

    from chorally_sdk.cli import finding, pushing

    found = _told(lambda: finding.find(target))
    access = _told(lambda: _access(found, sandbox, url, token, account, setting, settings))
    try:
        carried = json.loads(route)
    except ValueError as error:
        _fail(f"--route is no JSON: {error}")
    ref = client_ref or uuid.uuid4().hex
    wanted = pushing.Wanted(body, ref, channel, to, in_reply_to, conversation, carried)
    typer.echo(_ran(lambda: pushing.push(found, access, wanted)).model_dump_json(exclude_defaults=True))


@app.command()
def replay(
    target: Target,
    files: Annotated[list[Path], typer.Argument(help="Stored webhooks, recordings of the kit, or bare bodies.")],
    against: Annotated[
        str, typer.Option(help="Another version to compare with: its checkout, or results of an earlier replay.")
    ] = "",
) -> None:
    """Parse stored webhooks and print their events; with --against what differs, exit status 1 if anything does."""
    from chorally_sdk.cli import finding, replaying

    results = _told(lambda: replaying.parsed(finding.find(target), files))
    if not against:
        typer.echo(replaying.as_text(results), nl=False)
        return
    found = _told(lambda: replaying.difference(replaying.other(against, files), results))
    if found:
        typer.echo(found, nl=False)
        raise typer.Exit(1)
    typer.echo(f"{len(results)} hooks: no difference", err=True)


@app.command()
def sandbox(
    target: Target,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8765,
) -> None:
    """Serve the connector's sandbox for curl and other programs, with hints."""
    from chorally_sdk.cli import finding, serving

    found = _told(lambda: finding.find(target))
    twin = _told(lambda: serving.sandbox_of(found))
    for line in serving.hints(found, twin, f"http://{host}:{port}"):
        typer.echo(line)
    serving.serve(twin, host, port)
