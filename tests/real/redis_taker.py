"""Takes from a shared rate for a while, as fast as it can, and prints how often it was let.

python -m tests.real.redis_taker URL RATE LIMIT PER_S SECONDS
"""

import asyncio
import sys

from chorally_core.adapters.local import InProcess
from chorally_core.adapters.redis import RedisCoordination, parse


async def take(url: str, rate: str, limit: int, per_s: float, seconds: float) -> None:
    """Print ``granted`` and ``degraded``, once the line ``go`` was read."""
    shared = RedisCoordination.of(parse(url), InProcess())
    await shared.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    granted, ends = 0, asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        granted += (await shared.take(rate, limit=limit, per_s=per_s)).granted
    sys.stdout.write(f"{granted} {shared.status().degraded}\n")
    await shared.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])))
