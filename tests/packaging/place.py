"""A place to install into, apart from the checkout and without a network."""

import os
import re
import subprocess
import sys
import sysconfig
import textwrap
import tomllib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECTS = (ROOT, ROOT / "core_services", *sorted(path.parent for path in ROOT.glob("connectors/*/pyproject.toml")))
NOT_LINKED = re.compile(
    r"^(chorally|_chorally|_editable|__editable__|__pycache__|pip)|\.(pth|egg-link)$", re.IGNORECASE
)


def name_of(project: Path) -> str:
    """Return the name of the package in a folder."""
    return str(tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["name"])


def is_connector(project: Path) -> bool:
    """Whether the package in a folder is a connector; some are libraries that several connectors share."""
    about = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    return "chorally.connectors" in about.get("entry-points", {})


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Return what a command prints; a failing one fails the test with all that it said."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CHORALLY", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Place:
    """A virtual environment whose only packages of ours are those installed here."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Place":
        """Make it; packages of others are those of the running interpreter, by links and so without their `.pth`."""
        run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
        others = folder / "others"
        others.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not NOT_LINKED.search(entry.name):
                (others / entry.name).symlink_to(entry)
        place = cls(folder)
        site = run(place.bin / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
        (Path(site.strip()) / "others.pth").write_text(f"{others}\n", "utf-8")
        return place

    @property
    def bin(self) -> Path:
        """Where the programs are."""
        return self.folder / "venv" / "bin"

    def install(self, *wheels: Path) -> None:
        """Install wheels, as they are."""
        self._uv("install", "--no-deps", "--no-index", "--offline", *map(str, wheels))

    def uninstall(self, name: str) -> None:
        """Remove a package."""
        self._uv("uninstall", name)

    def _uv(self, command: str, *arguments: str) -> None:
        pip = (sys.executable, "-m", "uv", "--no-cache", "pip", command, "--quiet", "--python", self.bin / "python")
        run(*pip, *arguments, cwd=self.folder)

    def chorally(self, *arguments: str, beside: Path | None = None) -> str:
        """Return what the command prints, with a folder of further packages beside the installed ones."""
        variables = {"COLUMNS": "1000", "PYTHONPATH": str(beside or "")}
        return run(self.bin / "chorally", *arguments, cwd=self.folder, **variables)

    def rows(self, beside: Path | None = None) -> dict[str, str]:
        """Return the rows of `chorally connectors` by package, with the rows that continue one joined to it."""
        rows: dict[str, list[list[str]]] = {}
        package = ""
        for line in self.chorally("connectors", beside=beside).splitlines():
            cells = [cell.strip() for cell in re.split("[│┃|]", line)]
            if len(cells) < 5 or cells[1] == "connector":
                continue
            package = cells[2].rpartition(" ")[0] or package
            rows.setdefault(package, []).append(cells)
        # column by column, so that it does not matter where a cell is wrapped
        return {name: " ".join(filter(None, chain(*zip(*lines, strict=True)))) for name, lines in rows.items()}


def a_distribution(folder: Path, package: str, source: str, *, name: str, requires: str = "chorally-sdk>=0.1") -> None:
    """Write a package as an installation leaves it: a module, and what it says of itself."""
    module = package.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(source), "utf-8")
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{needs}", "utf-8")
    (about / "entry_points.txt").write_text(f"[chorally.connectors]\n{name} = {module}\n", "utf-8")
