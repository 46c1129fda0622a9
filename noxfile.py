"""The checks of the workspace: ``nox -s NAME``; ``nox`` alone runs those that need no server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.sessions = ["lint", "types", "imports", "docs", "tests", "connectors"]

ROOT = Path(__file__).parent
PACKAGES = ("chorally_sdk", "core_services/chorally_core", *sorted(map(str, Path().glob("connectors/*/chorally_*"))))
TOOLS = ("noxfile.py", "dev.py", "conftest.py", "tools")
TESTS = ("tests", "core_services/tests", *sorted(map(str, Path().glob("connectors/*/tests"))))
EVERY_CORE = ("-n", "auto", "--maxprocesses", "8", "--dist", "worksteal")
PIP_AS_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}


def as_uv() -> dict[str, str]:
    """Return the settings of pip (its files and variables) as those of uv, which does not read them."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed.stdout, re.MULTILINE)
    settings = {PIP_AS_UV[name]: re.sub(r"(\\n|\s)+", " ", value).strip() for name, value in found if name in PIP_AS_UV}
    if "UV_FIND_LINKS" in settings:
        settings["UV_FIND_LINKS"] = settings["UV_FIND_LINKS"].replace(" ", ",")
    return {name: value for name, value in settings.items() if value and name not in os.environ}


def install(session: nox.Session) -> None:
    """Install the locked versions, checked by their hashes, and the packages of this checkout on top."""
    session.env.update(as_uv())
    session.install("--quiet", "--no-deps", "--require-hashes", "-r", "requirements.lock")
    folders = [
        ".",
        "./core_services",
        *sorted(f"./{path.parent}" for path in Path().glob("connectors/*/pyproject.toml")),
    ]
    local = [part for folder in folders for part in ("-e", folder)]
    session.install("--quiet", "--no-deps", "--no-build-isolation", *local)


@nox.session(python=["3.11", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests of the SDK, of core and of the whole that need no server."""
    install(session)
    session.run("pytest", *(session.posargs or EVERY_CORE))


@nox.session(python=["3.11", "3.13"])
def connectors(session: nox.Session) -> None:
    """Run the tests of all connectors, the kit's among them."""
    install(session)
    session.run("pytest", *(session.posargs or (*EVERY_CORE, "connectors")))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, and that the code is formatted."""
    install(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, of the tests too."""
    install(session)
    session.run("mypy", *PACKAGES, *TOOLS)
    for folder in TESTS:  # one by one: modules of different packages' tests have the same names
        session.run("mypy", folder)


@nox.session
def imports(session: nox.Session) -> None:
    """Check who may import whom."""
    install(session)
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Check that the documentation tells what the code does."""
    if not (ROOT / "tests" / "docs").exists():
        session.skip("there is no tests/docs")
    install(session)
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def template(session: nox.Session) -> None:
    """Make twelve connectors, in which every two choices of abilities and auth style meet, and a service; try them."""
    install(session)
    session.run("pytest", "-m", "template", *session.posargs)


@nox.session
def template_all(session: nox.Session) -> None:
    """Make a connector of each of a few hundred choices, of the thousands that there are; takes an hour or so."""
    install(session)
    session.run("pytest", "-m", "template", *session.posargs, env={"CHORALLY_TEMPLATE": "all"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ask every operation of the API what schemathesis makes up, for a few minutes."""
    install(session)
    session.run("pytest", "-m", "fuzz", "-n", "2", *session.posargs)


@nox.session
def real(session: nox.Session) -> None:
    """Run the slow tests, and those against real servers, which the environment names."""
    install(session)
    session.run("pytest", "-m", "slow and not real", *EVERY_CORE)
    session.run("pytest", "-m", "real", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Run the long crash test of one process."""
    install(session)
    session.run("pytest", "-m", "soak", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run many processes on real servers while everything goes wrong around them; ``-- --help`` tells more."""
    install(session)
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look the locked versions up among known vulnerabilities; asks the package index, and fails where it is away."""
    session.env.update(as_uv())
    session.install("--quiet", "pip-audit>=2.9,<3")
    locked = ("--strict", "--disable-pip", "--require-hashes", "-r", "requirements.lock")
    try:
        session.run("pip-audit", "--progress-spinner", "off", *locked, *session.posargs)
    except nox.command.CommandFailed:
        session.error(
            "a locked version is vulnerable, or the index does not answer or know them: nothing is known then"
        )


@nox.session(python=False)
def lock(session: nox.Session) -> None:
    """Renew requirements.lock; ``-- --check`` only looks, ``-- --upgrade`` takes the newest versions."""
    session.run(sys.executable, "tools/lock.py", *session.posargs, env=as_uv())
