"""The command ``chorally``. What a subcommand needs is imported when it runs, so that help comes at once."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from chorally_core.commands.rules import app as rules_app

app = typer.Typer(
    name="chorally",
    help="Conversations of many platforms become tickets, are answered and confirmed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich takes longer than all the rest of the help
)

search_app = typer.Typer(help="The search index.", no_args_is_help=True)
app.add_typer(search_app, name="search")

app.add_typer(rules_app, name="rules")

objects_app = typer.Typer(help="Files and large webhook bodies.", no_args_is_help=True)
app.add_typer(objects_app, name="objects")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder (CHORALLY_DATA).", show_default=False)]
Host = Annotated[str | None, typer.Option(help="Address to listen on (CHORALLY_HOST).", show_default=False)]
Port = Annotated[int | None, typer.Option(help="Port, 0 for a free one (CHORALLY_PORT).", show_default=False)]


def _fail(message: str) -> NoReturn:
    typer.echo(f"chorally: {message}", err=True)
    raise typer.Exit(2)


def _settings(**options: Any) -> Any:
    from chorally_core.settings import InvalidSettings, load_settings

    try:
        return load_settings(**options)
    except InvalidSettings as error:
        _fail(f"the settings are wrong:\n{error}")


@app.command()
def up(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Each service as a process of its own, over shared back ends.")
    ] = False,
    split: Annotated[bool, typer.Option("--split", help="With --cluster: each role as a process, too.")] = False,
) -> None:
    """Run the whole system on a data folder, for real accounts; or as several processes, to try that."""
    from chorally_core.commands.running import Refused

    if split and not cluster:
        _fail("--split goes with --cluster")
    if cluster and data is not None:
        _fail("--data goes without --cluster, where nothing is kept in a data folder")
    settings = _settings(data=data, host=host, port=port)
    try:
        if cluster:
            from chorally_core.commands.cluster import cluster as run_cluster

            run_cluster(settings, split=split)
        else:
            from chorally_core.commands.up import up as run_up

            run_up(settings)
    except Refused as error:
        _fail(str(error))


@app.command()
def service(
    names: Annotated[list[str], typer.Argument(help="Services of this process, as `chorally services` lists them.")],
    role: Annotated[
        list[str] | None, typer.Option(help="api, consumer or worker; repeat it for several; all without it.")
    ] = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Run some of the services, as one process of several that share their back ends."""
    from chorally_core.commands.service import Refused
    from chorally_core.commands.service import service as run_service

    try:
        run_service(_settings(host=host, port=port), names, role or [])
    except Refused as error:
        _fail(str(error))


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the show; exit status 0 if all of it happened.")
    ] = False,
    data: Data = None,
    port: Annotated[int, typer.Option(help="Port of the API, 0 for a free one.")] = 8080,
) -> None:
    """Show the whole flow with a sandbox platform in place of the real one."""
    from chorally_core.demo.show import Failed, show

    try:
        show(once=once, data=data, port=port)
    except Failed as error:
        _fail(str(error))


@app.command()
def token(
    tenant: Annotated[str, typer.Option(help="Tenant that the token is for.")],
    role: Annotated[str, typer.Option(help="viewer, agent, supervisor or admin.")] = "agent",
    data: Data = None,
) -> None:
    """Print an access token of the built-in issuer; for whoever owns the data folder."""
    from chorally_core.commands.token import print_token

    problem = print_token(_settings(data=data), tenant, role)
    if problem:
        _fail(problem)


@app.command()
def connectors() -> None:
    """List the installed connectors, what each can do, and why one cannot be used."""
    from chorally_core.commands.connectors import print_connectors

    print_connectors()


@app.command()
def services() -> None:
    """List the services by kind."""
    from chorally_core.commands.services import print_services

    print_services()


@app.command()
def new_service(
    name: Annotated[str, typer.Argument(help="Name of the service, such as gift-cards; its routes are at /NAME/v1.")],
    title: Annotated[str, typer.Option(help="As people call it; made of the name where left out.")] = "",
    output: Annotated[Path, typer.Option(help="Folder in which the package is made.")] = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
) -> None:
    """Make a package with a service of one's own, complete and tested, to be changed into what it shall be."""
    from chorally_core.commands.new_service import NotMade, make, package_of, planned

    try:
        if dry_run:
            for path in planned(name, title):
                typer.echo(output / package_of(name) / path)
            return
        folder = make(name, title, output)
    except NotMade as error:
        _fail(str(error))
    typer.echo(f"{folder} is made; try it: cd {folder} && pip install -e '.[dev]' && pytest && chorally services")


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is missing; exit status 1 if something is.")
    ] = False,
) -> None:
    """Make documents and topics that processes share ready for this release; may be repeated at any time."""
    from chorally_core.commands.migrate import Lacking, migrate_back_ends

    try:
        problem = migrate_back_ends(_settings(), only_check=check)
    except Lacking:
        raise typer.Exit(1) from None
    if problem:
        _fail(problem)


@app.command()
def reseal(data: Data = None) -> None:
    """Seal all secrets anew under the first of CHORALLY_SECRET_KEYS, while nothing runs on the folder."""
    from chorally_core.commands.reseal import reseal_folder

    problem = reseal_folder(_settings(data=data))
    if problem:
        _fail(problem)


@objects_app.command("copy")
def objects_copy(
    source: Annotated[Path, typer.Option("--from", help="Folder in which the objects were.")],
    data: Data = None,
) -> None:
    """Copy files and large webhook bodies from a folder to where CHORALLY_OBJECTS says; again, it goes on."""
    from chorally_core.commands.objects import copy_from

    problem = copy_from(_settings(data=data), source)
    if problem:
        _fail(problem)


@app.command()
def replay(
    hook_ids: Annotated[list[str], typer.Argument(help="Ids of stored webhooks, as /io/v1/hooks lists them.")],
    tenant: Annotated[str, typer.Option(help="Tenant whose webhooks they are.")],
    url: Annotated[
        str, typer.Option(help="URL of the running API.", envvar="CHORALLY_PUBLIC_URL")
    ] = "http://127.0.0.1:8080",
    diff: Annotated[bool, typer.Option("--diff", help="Only show what would differ from what is stored.")] = False,
    data: Data = None,
) -> None:
    """Read stored webhooks again, through the running system."""
    from chorally_core.commands.replay import replay_hooks

    problem = replay_hooks(_settings(data=data), url, tenant, hook_ids, diff=diff)
    if problem:
        _fail(problem)


@search_app.command("reindex")
def search_reindex(
    url: Annotated[
        str, typer.Option(help="URL of the running API.", envvar="CHORALLY_PUBLIC_URL")
    ] = "http://127.0.0.1:8080",
    wait: Annotated[bool, typer.Option(help="Tell how far it is until it is done.")] = True,
    data: Data = None,
) -> None:
    """Make the search index anew from the documents, while the old one serves."""
    from chorally_core.commands.search import reindex

    problem = reindex(_settings(data=data), url, wait=wait)
    if problem:
        _fail(problem)


@app.command()
def auth(
    connector: Annotated[str, typer.Argument(help="Platform to connect, as /io/v1/connectors lists them.")],
    tenant: Annotated[str, typer.Option(help="Tenant that the accounts are for.")],
    account: Annotated[
        list[str] | None, typer.Option(help="External id to connect; again for more, or all. Without, they are listed.")
    ] = None,
    again: Annotated[str | None, typer.Option(help="Id of an account to connect again.", show_default=False)] = None,
    hint: Annotated[str, typer.Option(help="Handle or server, where the platform asks for one.")] = "",
    url: Annotated[
        str, typer.Option(help="URL of the running API.", envvar="CHORALLY_PUBLIC_URL")
    ] = "http://127.0.0.1:8080",
    data: Data = None,
) -> None:
    """Connect accounts by consent in the browser, through the running system."""
    from chorally_core.commands.auth import authorize_with

    problem = authorize_with(_settings(data=data), url, tenant, connector, again, hint, tuple(account or ()))
    if problem:
        _fail(problem)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
