"""What many installed connectors cost: help of both commands, and finding them, beside pluggy's own loader.

    python -m bench.discovery [--connectors 50] [--rounds 9]

The connectors are made up, each a package of its own with its metadata, as an installation leaves it; none but those
of the checkout is imported to find them, while pluggy's loader imports all that it finds. Times of help are CPU seconds
of a whole process; those of finding are CPU milliseconds within one, imports not counted.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.common import machine, scratch, show, spread, with_bytecode
from bench.running import CHORALLY
from bench.startup import ended

CONNECTOR = Path(sys.executable).with_name("chorally-connector")
SOURCE = """
import chorally_sdk as sdk

class Made(sdk.Connector):
    manifest = sdk.Manifest(platform={name!r}, channels=(sdk.Channel(name="{name}_note"),))

    async def check(self):
        return sdk.AccountInfo(external_id="1", name="one")

@sdk.hookimpl
def chorally_connector():
    return Made
"""
FINDING = """
import json, time
{imports}
begun = time.process_time()
found = {finding}
print(json.dumps([(time.process_time() - begun) * 1000, {count}]))
"""
WAYS: Mapping[str, tuple[str, str, str]] = {
    "finding: discover()": ("from chorally_sdk.plugins import discover", "discover()", "len(found.plugins)"),
    "finding and loading all: connectors()": (
        "import chorally_sdk as sdk\nfrom chorally_sdk.plugins import discover\nsdk.Connector",
        "discover().connectors()",
        "len(found)",
    ),
    "pluggy's loader, which imports all": (
        "import pluggy\nimport chorally_sdk as sdk\nsdk.Connector\nmanager = pluggy.PluginManager('chorally')",
        "manager.load_setuptools_entrypoints('chorally.connectors')",
        "found",
    ),
}


def make(folder: Path, count: int) -> None:
    """Write made-up connectors into a folder."""
    for number in range(count):
        name = f"made_{number}"
        (folder / f"chorally_{name}.py").write_text(SOURCE.format(name=name))
        about = folder / f"chorally_{name}-0.1.0.dist-info"
        about.mkdir()
        head = f"Metadata-Version: 2.4\nName: chorally-made-{number}\nVersion: 0.1.0\n"
        (about / "METADATA").write_text(f"{head}Requires-Dist: chorally-sdk<0.2,>=0.1\n")
        (about / "entry_points.txt").write_text(f"[chorally.connectors]\n{name} = chorally_{name}\n")


def found(way: tuple[str, str, str], environment: Mapping[str, str], least: int) -> float:
    """Return the CPU milliseconds of one way of finding them, in a process of its own."""
    imports, finding, count = way
    script = FINDING.format(imports=imports, finding=finding, count=count)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    milliseconds, number = json.loads(done.stdout)
    assert number >= least, (way, number)
    return float(milliseconds)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connectors", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    options = parser.parse_args()
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "import chorally_sdk": (sys.executable, "-c", "import chorally_sdk"),
        "import chorally_sdk, everything used": (
            *(sys.executable, "-c"),
            "import chorally_sdk as sdk; [getattr(sdk, name) for name in sdk.__all__]",
        ),
        "chorally --help": (CHORALLY, "--help"),
        "chorally-connector --help": (CONNECTOR, "--help"),
    }
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    ms: dict[str, list[float]] = {name: [] for name in WAYS}
    with scratch(options.folder) as outer:
        print(machine(outer, "chorally-sdk", "pluggy", "typer"), flush=True)
        place = outer / "site"
        place.mkdir()
        make(place, options.connectors)
        environment = with_bytecode(outer) | {"PYTHONPATH": str(place)}
        for number in range(options.rounds + 1):  # the first compiles, and does not count
            for name, command in commands.items():
                used = ended(command, environment)[0]
                cpu[name] += [used] if number else []
            for name, way in WAYS.items():
                used = found(way, environment, options.connectors)
                ms[name] += [used] if number else []
    show(("", "CPU s"), [(name, spread(values, 3)) for name, values in cpu.items()])
    show(("", "CPU ms"), [(name, spread(values, 1)) for name, values in ms.items()])


if __name__ == "__main__":
    main()
