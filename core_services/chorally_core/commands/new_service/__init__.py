"""``chorally new-service``: a complete package with a service of one's own, by the templates that lie here."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from chorally_core.bootstrap.added import why_not
from chorally_sdk.plugins import discover

_SUFFIX = ".tmpl"


class NotMade(Exception):
    """The package cannot be made; the message says why, and what to do."""


def package_of(name: str) -> str:
    """Return the distribution that has a service, and the folder that it is made in."""
    return f"chorally-{name}-service"


def planned(name: str, title: str = "") -> dict[str, str]:
    """Return the files of a package, by their path in it.

    Args:
        name: Of the service.
        title: As people call it; made of the name where empty.

    Raises:
        NotMade: No service can have the name.
    """
    if why := why_not(name, discover().plugins):
        raise NotMade(why)
    if any(character in title for character in '"\\{}\r\n') or len(title) > 60 or title != title.strip():
        raise NotMade(f"the title {title!r} must be at most 60 characters on one line, without quotes, \\ and braces")
    module = package_of(name).replace("-", "_")
    words = {
        "name": name,
        "kind": name.replace("-", "_"),
        "title": title or name.replace("-", " ").capitalize(),
        "package": module,
        "distribution": package_of(name),
    }
    root = files(__name__) / "template"
    return {_named(path, module): Template(text).substitute(words) for path, text in sorted(_templates(root, ""))}


def make(name: str, title: str, into: Path) -> Path:
    """Write a package into a new folder, and return that.

    Raises:
        NotMade: No service can have the name, or the folder is there already or cannot be made.
    """
    wanted = planned(name, title)
    folder = into / package_of(name)
    try:
        into.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        raise NotMade(f"{error.filename} is there already; name another --output, or remove it") from error
    except OSError as error:
        raise NotMade(f"{folder} cannot be made: {error}") from error
    for path, text in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def _named(path: str, module: str) -> str:
    return path.removesuffix(_SUFFIX).replace("package/", f"{module}/", 1)


def _templates(folder: Traversable, before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _templates(each, f"{before}{each.name}/")
        elif each.name.endswith(_SUFFIX):
            found.append((f"{before}{each.name}", each.read_text("utf-8")))
    return found
