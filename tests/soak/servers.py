"""Kafka, Redis with Sentinels, and a stand-in for MongoDB: of this run alone, on ports and in folders of its own."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PASSWORD = "soak-secret"
KINDS = ("kafka", "redis", "mongo")


class NoServers(Exception):
    """A server cannot be started; the message says why."""


def scripts() -> Path:
    """Return the folder of the scripts that start servers: ``services`` in CHORALLY_SHARED."""
    return Path(os.environ.get("CHORALLY_SHARED") or _ROOT.parent / "shared") / "services"


class Servers:
    """The servers of one run."""

    def __init__(self, folder: Path, *, kinds: tuple[str, ...] = KINDS) -> None:
        self._folder = folder
        self._kinds = kinds
        kafka, redis, mongo = _free_ports(3), _row_of_ports(5), _free_ports(1)
        self.bootstrap = f"127.0.0.1:{kafka[0]}"
        self.redis_port, self.mongo_port = redis, mongo[0]
        self._environment = {
            **os.environ,
            "CHORALLY_SERVICES_STATE": str(folder / "state"),
            "CHORALLY_KAFKA_PORT": str(kafka[0]),
            "CHORALLY_KAFKA_CONTROLLER_PORT": str(kafka[1]),
            "CHORALLY_KAFKA_SASL_PORT": str(kafka[2]),
            "CHORALLY_KAFKA_DATA": str(folder / "kafka"),
            "CHORALLY_REDIS_PORT": str(redis),
            "CHORALLY_REDIS_PASSWORD": _PASSWORD,
            "CHORALLY_MONGO_PORT": str(mongo[0]),
            "CHORALLY_MONGO_SERVER": os.environ.get("CHORALLY_MONGO_SERVER", "java"),
        }

    @property
    def documents(self) -> str:
        """The setting of the documents."""
        if self._environment["CHORALLY_MONGO_SERVER"] == "java":
            return f"mongodb://127.0.0.1:{self.mongo_port}/soak?directConnection=true&retryWrites=false"
        user = "chorally:chorally-secret@127.0.0.1"
        options = "authSource=admin&authMechanism=SCRAM-SHA-256&directConnection=true"
        return f"mongodb://{user}:{self.mongo_port}/soak?{options}"

    def bus(self, partitions: int) -> str:
        """Return the setting of the bus."""
        return f"kafka://{self.bootstrap}/?partitions={partitions}&replication=1&prefix=soak-"

    def coordination(self, processes: int) -> str:
        """Return the setting of coordination, by way of the Sentinels."""
        sentinels = ",".join(f"127.0.0.1:{self.redis_port + n}" for n in (2, 3, 4))
        return f"redis+sentinel://:{_PASSWORD}@{sentinels}/chorally/0?prefix=soak&workers={processes}"

    def pids(self, kind: str) -> list[int]:
        """Return the processes of one of them."""
        notes = (self._folder / "state" / kind).glob("*.pid")
        return [int(note.read_text().split()[0]) for note in notes]

    async def do(self, kind: str, what: str) -> None:
        """Have one of them start, stop or fail.

        Raises:
            NoServers: It did not.
        """
        script = scripts() / kind
        process = await asyncio.create_subprocess_exec(
            script, what, env=self._environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
        if process.returncode:
            raise NoServers(f"{script} {what} ended with {process.returncode}: {told.decode()[-2000:]}")

    async def start(self) -> None:
        """Start them all."""
        await asyncio.gather(*(self.do(kind, "start") for kind in self._kinds))

    async def stop(self) -> None:
        """Stop them all."""
        await asyncio.gather(*(self.do(kind, "stop") for kind in self._kinds))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Servers]:
    """Give servers that are stopped at the end, whatever happens.

    Raises:
        NoServers: There are no scripts, or a server does not start.
    """
    if not (scripts() / "kafka").exists():
        raise NoServers(f"there are no scripts to start servers in {scripts()}: set CHORALLY_SHARED")
    servers = Servers(folder)
    try:
        await servers.start()
        yield servers
    finally:
        await servers.stop()


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in held]
    for listener in held:
        listener.close()
    return ports


def _row_of_ports(count: int) -> int:
    """The first of some free ports in a row."""
    for first in range(21_000 + os.getpid() % 5_000, 32_000, count):
        try:
            held = [socket.create_server(("127.0.0.1", first + n)) for n in range(count)]
        except OSError:
            continue
        for listener in held:
            listener.close()
        return first
    raise NoServers(f"there are no {count} free ports in a row")
