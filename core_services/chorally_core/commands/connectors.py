"""``chorally connectors``."""

from rich.console import Console
from rich.table import Column, Table

from chorally_sdk.plugins import discover

_WIDTH = 160
"""Characters of a line where no terminal says how many it has."""


def print_connectors() -> None:
    """Print what is installed; nothing is cut off, however narrow the terminal is."""
    names = [Column(name, overflow="fold") for name in ("connector", "package", "channels")]
    table = Table(*names, Column("can", overflow="fold", ratio=1), "state", title="Installed connectors")
    registry = discover()
    usable = registry.connectors()
    for plugin in sorted(registry, key=lambda plugin: plugin.name):
        connector = usable.get(plugin.name)
        package = f"{plugin.distribution} {plugin.version}"
        if connector is None:
            table.add_row(plugin.name, package, "", "", f"[red]{plugin.loaded}[/red]")
            continue
        channels = "\n".join(channel.name for channel in connector.manifest.channels)
        table.add_row(plugin.name, package, channels, ", ".join(plugin.abilities), "[green]ready[/green]")
    for plugin in registry.duplicates:
        package = f"{plugin.distribution} {plugin.version}"
        table.add_row(plugin.name, package, "", "", "[red]the name is taken by another package[/red]")
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(table)
