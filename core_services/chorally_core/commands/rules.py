"""``chorally rules``: rules in YAML files, tried without a system, brought into a running one and out of it."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    help="Rules in YAML files: test, explain, import, export.", no_args_is_help=True, rich_markup_mode=None
)

Tenant = Annotated[str, typer.Option(help="Tenant whose rules they are.")]
Url = Annotated[str, typer.Option(help="URL of the running API.", envvar="CHORALLY_PUBLIC_URL")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder (CHORALLY_DATA).", show_default=False)]
Paths = Annotated[list[Path], typer.Argument(help="YAML files, in the order in which their rules are judged.")]
_URL = "http://127.0.0.1:8080"


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _client(url: str, tenant: str, data: Path | None) -> Any:
    """A client of the running system, as whoever owns it."""
    import httpx

    from chorally_core.adapters.identity.keyring import InvalidKeyring
    from chorally_core.bootstrap import operator_token
    from chorally_core.serving import run
    from chorally_core.settings import InvalidSettings, load_settings

    try:
        token = run(operator_token(load_settings(data=data), tenant, "admin"))
    except InvalidSettings as error:
        _fail(f"the settings are wrong:\n{error}")
    except InvalidKeyring as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the data folder of the running system cannot be used: {error} (--data, CHORALLY_DATA)")
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _loaded(paths: list[Path]) -> Any:
    from chorally_core.commands.rules_files.files import load
    from chorally_core.commands.rules_files.places import Mistakes

    try:
        return load(paths)
    except Mistakes as error:
        _fail(str(error))


@app.command()
def test(paths: Paths) -> None:
    """Judge the tests in the files by the rules in them, without any system; exit with 1 if one fails."""
    from chorally_core.commands.rules_files.judging import tried
    from chorally_core.commands.rules_files.telling import report

    files = _loaded(paths)
    verdicts = [tried([rule.rule for rule in files.rules], case, files.hours) for case in files.cases]
    report(verdicts, typer.echo)
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def explain(
    ticket: Annotated[str, typer.Argument(help="Id of the ticket.")],
    tenant: Tenant,
    message: Annotated[str, typer.Option(help="Id of its message; the last one that came in where left out.")] = "",
    rule: Annotated[str, typer.Option(help="Id or name of one rule; all where left out.")] = "",
    url: Url = _URL,
    data: Data = None,
) -> None:
    """Say why rules did or did not fire on a message, through the running system."""
    import httpx

    from chorally_core.commands.rules_files.explaining import explain as explained
    from chorally_core.commands.rules_files.importing import Refused

    with _client(url, tenant, data) as http:
        try:
            explained(http, ticket, message, rule, typer.echo)
        except httpx.TransportError as error:
            _fail(f"{url} cannot be reached ({type(error).__name__}); is chorally up?")
        except Refused as error:
            _fail(str(error))


@app.command("import")
def import_(
    paths: Paths,
    tenant: Tenant,
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes; without, they are only shown.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove rules that no file names.")] = False,
    url: Url = _URL,
    data: Data = None,
) -> None:
    """Make the rules of the running system those of the files; show what that changes, and do it with --apply."""
    import httpx

    from chorally_core.commands.rules_files.importing import Refused, carry_out, planned, show, stored

    files = _loaded(paths)
    with _client(url, tenant, data) as http:
        try:
            plan = planned(files.rules, stored(http), prune=prune)
            show(plan, typer.echo)
            if not plan.changes:
                return
            if apply:
                carry_out(http, plan, typer.echo)
            else:
                typer.echo("nothing was changed; add --apply to do it")
        except httpx.TransportError as error:
            _fail(f"{url} cannot be reached ({type(error).__name__}); is chorally up?")
        except Refused as error:
            _fail(str(error))


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="YAML file; where it is there, its comments and tests are kept.")],
    tenant: Tenant,
    url: Url = _URL,
    data: Data = None,
) -> None:
    """Write the rules of the running system into a file."""
    import httpx

    from chorally_core.commands.rules_files.exporting import export as exported
    from chorally_core.commands.rules_files.importing import Refused, stored
    from chorally_core.commands.rules_files.places import Mistakes

    with _client(url, tenant, data) as http:
        try:
            rules = stored(http)
            exported(path, rules)
        except httpx.TransportError as error:
            _fail(f"{url} cannot be reached ({type(error).__name__}); is chorally up?")
        except (Refused, Mistakes) as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"{path} cannot be written: {error.strerror}")
    typer.echo(f"{len(rules)} rules are in {path}")
