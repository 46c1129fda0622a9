"""``new``: a complete repository for a connector, by the template."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from chorally_sdk.cli.telling import Told

Auth = Literal["token", "api_key", "oauth", "client_credentials"]
Ability = Literal[
    "pull", "webhooks", "subscribe", "reply", "find", "publish", "moderate",
    "handshake", "fetch", "download", "prepare", "templates", "discover",
]  # fmt: skip
ABILITIES: tuple[Ability, ...] = get_args(Ability)
AUTHS: tuple[Auth, ...] = get_args(Auth)
_VARIABLES: dict[str, str] = {"templates": "offers_templates"}  # cookiecutter keeps the word for itself
NEEDS: dict[str, tuple[str, ...]] = {
    "subscribe": ("webhooks",),
    "handshake": ("webhooks",),
    "find": ("reply",),
    "templates": ("reply",),
    "prepare": ("reply", "publish"),
    "fetch": ("pull", "webhooks"),
    "download": ("pull",),
}
"""What is of no use without another, or one of several."""


@dataclass(frozen=True)
class Wanted:
    """What the repository is to be for."""

    platform: str
    title: str
    abilities: frozenset[str]
    auth: str

    def context(self) -> dict[str, str]:
        """Return the template's variables."""
        has = {_VARIABLES.get(name, name): "yes" if name in self.abilities else "no" for name in ABILITIES}
        return {"platform": self.platform, "title": self.title, "auth": self.auth, **has}


def wanted(platform: str, title: str, abilities: Iterable[str], auth: str) -> Wanted:
    """Return what is wanted, checked.

    Raises:
        Told: A name is not one, or there is no such ability.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", platform):
        raise Told(f"{platform!r} is no name of a platform; use lower case letters, digits and _, such as guestbook")
    chosen = frozenset(abilities)
    for ability in sorted(chosen):
        if ability not in ABILITIES:
            raise Told(f"there is no ability {ability!r}; choose of {', '.join(ABILITIES)}")
    for ability, needs in NEEDS.items():
        if ability in chosen and not chosen & set(needs):
            raise Told(f"{ability} is of no use without {' or '.join(needs)}; add --ability {needs[0]}")
    if "discover" in chosen and auth != "oauth":
        raise Told("discover is of no use without a consent; add --auth oauth")
    if auth not in AUTHS:
        raise Told(f"there is no auth style {auth!r}; choose of {', '.join(AUTHS)}")
    return Wanted(platform, title or platform.replace("_", " ").title(), chosen, auth)


def template() -> Path:
    """Return the template's folder: of the installed SDK, or of its checkout.

    Raises:
        Told: It is in neither.
    """
    here = Path(__file__).resolve()
    for folder in (here.parent / "template", here.parents[2] / "cookiecutter-connector"):
        if (folder / "cookiecutter.json").is_file():
            return folder
    raise Told("the template is missing from this installation; pip install --force-reinstall 'chorally-sdk[dev]'")


def make(what: Wanted, into: Path) -> Path:
    """Write the repository below a folder and return it.

    Raises:
        Told: It is there already.
    """
    from cookiecutter.exceptions import OutputDirExistsException
    from cookiecutter.main import cookiecutter

    try:
        made = cookiecutter(str(template()), no_input=True, extra_context=what.context(), output_dir=str(into))
    except OutputDirExistsException as error:
        raise Told(f"{into}/chorally-{what.platform} is there already; name another --output, or remove it") from error
    return Path(made)
