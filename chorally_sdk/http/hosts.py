"""Which hosts a connector may call, judged for every request, redirects included.

A host is named in the manifest, or ``*`` stands for every public one. A name says nothing about where it
leads, so a host that only ``*`` allows is judged once more by the address of its connection, after
connecting and before anything is sent. A proxy of the environment looks names up itself: there its own
rules decide. Whoever runs the host may name networks of their own that ``*`` reaches too.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import httpx

from chorally_sdk.errors import Rejected

ANY = "*"
_INNER = (".localhost", ".local", ".internal", ".home.arpa")
"""Ends of names that lead to the own machine or network by their definition."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
"""The own machine: for tests, and for servers beside the host."""

_GLOBAL = ipaddress.IPv6Network("2000::/3")
"""All that has been given out for the public internet (RFC 4291, section 2.4; IANA's registry, read 2026-11-23)."""

_OF_CLOUDS = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("168.63.129.16/32"))
"""Where machines in clouds find their own metadata, at addresses that look public."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a translator (RFC 6052)."""


class Hosts:
    """The hosts that may be called: the base URL's own, those that are declared, and no other."""

    def __init__(self, base: httpx.URL, declared: tuple[str, ...], private: Sequence[Network] = ()) -> None:
        """Take them in.

        Args:
            base: URL that whoever runs the host has chosen; it may be ``http`` and private, as a sandbox's is.
            declared: Patterns of host names, ``*`` for every public one.
            private: Networks that ``*`` reaches too.
        """
        self._private = tuple(private)
        self._base = base
        self._declared = tuple(pattern.lower() for pattern in declared if pattern != ANY)
        self._any = ANY in declared

    async def check(self, request: httpx.Request) -> None:
        """Refuse a request that may not be made, and have its connection looked at where its name is not enough.

        Raises:
            Rejected: Its host was not declared, or it would carry the grant in clear.
        """
        if self._permit(request.url):
            request.extensions["trace"] = _Guard(request.url.raw_host.decode("ascii"), self)

    def _permit(self, url: httpx.URL) -> bool:
        """Whether only ``*`` allows the URL."""
        if not url.host:
            raise Rejected("the URL names no host; make it absolute, or give the manifest a base_url")
        if _origin(url) == _origin(self._base):
            return False
        if url.scheme != "https":
            raise Rejected(f"{url.scheme}://{url.host} would carry the grant in clear; only https is called")
        return self.guards(url.host)

    def guards(self, host: str) -> bool:
        """Whether only ``*`` allows the host, so that its addresses must be looked at.

        Raises:
            Rejected: It was not declared, or cannot be public.
        """
        host = host.lower()
        if host == self._base.host or any(fnmatchcase(host, pattern) for pattern in self._declared):
            return False
        if not self._any:
            raise Rejected(f"the connector did not declare the host {host!r}; add it to the manifest's hosts")
        if not self._private and not _may_be_public(host):
            raise Rejected(f"{host!r} is no public host; give one that is, or have the operator allow its network")
        return True

    def is_base(self, host: str, port: int) -> bool:
        """Whether this is the base URL's own place, which may be without encryption."""
        own = self._base.port or (443 if self._base.scheme == "https" else 80)
        return (host.lower(), port) == (self._base.host, own)

    def reaches(self, address: str) -> bool:
        """Whether a guarded host may lead to an address; a zone after it does not matter."""
        at = ipaddress.ip_address(address.partition("%")[0])
        return is_public(at) or any(at in network for network in self._private)


class _Guard:
    """Looks where a connection leads before anything is sent over it (httpx's request extension ``trace``)."""

    def __init__(self, host: str, hosts: Hosts) -> None:
        self._host = host
        self._hosts = hosts
        self._direct = True

    async def __call__(self, event: str, told: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._direct = told["host"] == self._host
        elif event == "connection.connect_tcp.complete" and self._direct:
            stream = told["return_value"]
            peer = stream.get_extra_info("server_addr")
            if not peer or not self._hosts.reaches(str(peer[0])):
                await stream.aclose()
                raise Rejected(f"{self._host!r} leads to an address that is not public; give another")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one machine of the public internet, also where it holds an IPv4 address within."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local:
            return False
        translated = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else None
        inner = address.ipv4_mapped or address.sixtofour or translated
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL:
            return False
    elif any(address in network for network in _OF_CLOUDS):
        return False
    return address.is_global and not address.is_multicast


def _may_be_public(host: str) -> bool:
    """Whether a host can be public as far as it tells: an address is, a name has a domain that is not a number."""
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        name = host.rstrip(".")
        return "." in name and name.rpartition(".")[2][:1].isalpha() and not name.endswith(_INNER)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
