"""An authorised request beside the framework alone, and the check of a token by itself.

    python -m bench.authorised [--seconds 3] [--rounds 3]

Three servers, one after the other in each round, each in a process of its own under the same number of connections:
``GET /identity/v1/me`` of ``chorally up`` with a token; the same answer from a bare FastAPI application, validated by
the same model, on the same server (uvicorn, uvloop, httptools) without asking who calls; and that application with
joserfc verifying the token anew at each request, as one would write it first. Rates are answers per CPU second of the
server's process. Then the check of a token that was verified before, in this process, in microseconds.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from chorally_core.adapters.identity import Issuer, Keyring, TokenIdentity, Verifier
from chorally_core.adapters.identity.service_tokens import ServiceTokens
from chorally_core.bootstrap.trust import new_id, told, utc_now

from bench.common import ROOT, cpu_s_of, machine, scratch, show, spread
from bench.load import Connection, Load
from bench.running import TENANT, up

CONNECTIONS = 32
WARM_S = 0.5
_ME = "/identity/v1/me"


def bare(verifies: bool, token: str, key: str) -> None:
    """Serve the same answer without Chorally, for ever; prints the port."""
    from typing import Annotated

    import uvicorn
    from chorally_core.api.identity_views import Me
    from chorally_core.ports.permissions import ROLES
    from chorally_core.serving import listen
    from fastapi import Depends, FastAPI, Header, HTTPException
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    public = RSAKey.import_key(json.loads(key))
    app = FastAPI()
    permissions = sorted(ROLES["admin"])

    def caller(authorization: Annotated[str, Header()]) -> dict[str, Any]:
        if not verifies:
            return {"sub": "operator", "tenant": TENANT, "roles": ["admin"]}
        try:
            return dict(jwt.decode(authorization[7:], public, algorithms=["RS256"]).claims)
        except Exception as error:
            raise HTTPException(401) from error

    @app.get(_ME)
    async def me(known: Annotated[dict[str, Any], Depends(caller)]) -> Me:
        return Me(
            tenant=known["tenant"], subject=known["sub"], kind="user", name="operator", roles=known["roles"],
            permissions=permissions, user=None,
        )  # fmt: skip

    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, server_header=False, loop="uvloop")
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def bare_server(kind: str, token: str, key: str) -> Iterator[tuple[int, int]]:
    """Run the bare application; gives its port and process."""
    command = [sys.executable, "-m", "bench.authorised", "--serve", kind, "--token", token, "--key", key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


async def loaded(port: int, token: str, seconds: float) -> Load:
    """Ask as fast as is answered; return what came of it."""
    request = f"GET {_ME} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    state = Load([request], seconds, once=False, rate=0.0)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(state), "127.0.0.1", port)
    async with asyncio.timeout(seconds + 20):
        await state.ended.wait()
    return state


def rate(port: int, pid: int, token: str, seconds: float) -> float:
    """Return answers per CPU second of a server."""
    uvloop.run(loaded(port, token, WARM_S))
    before = cpu_s_of(pid)
    state = uvloop.run(loaded(port, token, seconds))
    cpu_s = cpu_s_of(pid) - before
    assert state.refused == 0 < state.answered, (state.answered, state.refused)
    return state.answered / cpu_s


def check_us(folder: Path, count: int = 200_000) -> float:
    """Return the CPU microseconds of checking a token that was verified before, with the key set's revision."""
    keyring = Keyring(folder / "keys.json", utc_now)
    issuer = Issuer(keyring, issuer="bench", audience="bench", clock=utc_now, ids=new_id)
    verifier = Verifier(keyring, issuer="bench", audience="bench", clock=utc_now)
    value = f"Bearer {told(issuer, TENANT, 'admin')}"
    identity = TokenIdentity(verifier, ServiceTokens())

    async def checked() -> float:
        await identity.authenticate(value)
        begun = time.process_time()
        for _ in range(count):
            await identity.authenticate(value)
        return time.process_time() - begun

    return uvloop.run(checked()) / count * 1e6


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=("bare", "verifying"), help=argparse.SUPPRESS)
    parser.add_argument("--token", default="", help=argparse.SUPPRESS)
    parser.add_argument("--key", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        bare(options.serve == "verifying", options.token, options.key)
        return
    rates: dict[str, list[float]] = {"Chorally": [], "FastAPI, nobody asked": [], "FastAPI, verified anew": []}
    checks = []
    with scratch(None) as place:
        print(machine(place, "uvicorn", "httptools", "fastapi", "joserfc", "uvloop"), flush=True)
        keyring = Keyring(place / "keys.json", utc_now)
        issuer = Issuer(keyring, issuer="bench", audience="bench", clock=utc_now, ids=new_id)
        token, key = told(issuer, TENANT, "admin"), json.dumps(keyring.signing.as_dict(private=False))
    for number in range(options.rounds):
        with scratch(None) as place:
            environment = {**os.environ, "CHORALLY_TOKEN_RATE": "100000000", "CHORALLY_TENANT_RATE": "100000000"}
            with up(place / "data", environment) as system:
                rates["Chorally"].append(rate(system.port, system.pid, system.token(), options.seconds))
            for name, kind in (("FastAPI, nobody asked", "bare"), ("FastAPI, verified anew", "verifying")):
                with bare_server(kind, token, key) as (port, pid):
                    rates[name].append(rate(port, pid, token, options.seconds))
            checks.append(check_us(place))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    base = rates["FastAPI, nobody asked"]
    rows = [
        [name, spread(found), spread([one / floor for one, floor in zip(found, base, strict=True)], 2)]
        for name, found in rates.items()
    ]
    show(["server", "answers per CPU s", "of the framework alone"], rows)
    show(["check of a known token"], [[f"{spread(checks, 2)} us"]])


if __name__ == "__main__":
    main()
