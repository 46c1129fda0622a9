"""``chorally connectors``."""

from rich.console import Console
from rich.table import Table

from chorally_sdk.plugins import discover


def print_connectors() -> None:
    """Print what is installed."""
    table = Table("connector", "package", "channels", "can", "state", title="Installed connectors")
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
    Console().print(table)
