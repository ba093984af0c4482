"""Which addresses are asked: those of the host that the user named, and what that user allows.

A server's word may lead elsewhere, by a link to the next page or by a redirect: to another host, to
a machine of the user's own network, or into the file system. A host on loopback or in a private
network is asked only if the user named it.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from stratus.corpora.sources.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Collection

_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LONGEST: Final = 8000
_SHOWN: Final = 120
_HEAD, _TAIL = 60, 40


class Host(NamedTuple):
    """Who is asked.

    Attributes:
        name: the host, in lower case.
        port: its port; 0 for the usual one of either scheme, which lead to the same server.
    """

    name: str
    port: int

    def __str__(self) -> str:
        """Write it as ``--allow-host`` takes it."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}" if self.port else name


def host_of(url: str) -> Host:
    """Return the host of an address.

    Raises:
        SourceError: it is no http or https address, or no address at all.
    """
    if not url.isprintable() or " " in url or len(url) > _LONGEST:
        raise SourceError(f"{shown(url)} is no address")
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"{shown(url)} is no address: {error}") from None
    if parts.scheme not in _PORTS:
        raise SourceError(f"{shown(url)} is no http or https address")
    if not name or "@" in parts.netloc:
        raise SourceError(f"{shown(url)} is no address of a host")
    usual = port is None or port == _PORTS[parts.scheme]
    return Host(name.rstrip(".").lower(), 0 if usual else int(port or 0))


def joined(url: str, link: str) -> str:
    """Return where a link of a page leads.

    Raises:
        SourceError: it is no address.
    """
    if not link.isprintable():
        raise SourceError(f"{shown(url)} leads to {shown(link)}, which is no address")
    try:
        return urljoin(url, link)
    except ValueError as error:
        raise SourceError(
            f"{shown(url)} leads to {shown(link)}, which is no address: {error}"
        ) from (None)


def require_allowed(
    url: str, home: str, allowed: Collection[str] = (), *, elsewhere: bool = False
) -> None:
    """Refuse an address that nobody asked for.

    Args:
        url: the address.
        home: the one that the user named, which led there.
        allowed: more hosts that may be asked, ``NAME`` or ``NAME:PORT``.
        elsewhere: whether any other host may be asked that is not on loopback or in a private
            network.

    Raises:
        SourceError: it is no address, or one of a host that may not be asked; says which.
    """
    try:
        host = host_of(url)
    except SourceError as error:
        if url == home:
            raise
        raise SourceError(f"{shown(home)} leads to what cannot be asked: {error}") from None
    own = host_of(home)
    if host == own or host.name in allowed or str(host) in allowed:
        return
    private = is_private(host.name)
    if elsewhere and not private:
        return
    what = "a machine of this network" if private else "another host"
    raise SourceError(
        f"{shown(home)} leads to {what}, {shown(str(host))}, which is not asked; if you trust it, "
        f"allow it with --allow-host {shown(str(host))}"
    )


def is_private(name: str) -> bool:
    """Return whether a host is on loopback or in a private network, as far as can be found out."""
    try:
        found = {str(item[4][0]) for item in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):  # it is not known here; a proxy may know it, or nobody
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))
    return any(_is_private(ipaddress.ip_address(one.split("%")[0])) for one in found)


def shown(url: object) -> str:
    """Return an address as messages show it: its middle is left out where it is long."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(url))
    return text if len(text) <= _SHOWN else f"{text[:_HEAD]}...{text[-_TAIL:]}"


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inside = address.teredo[1]
        if address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return _is_private(inside)
    return not address.is_global or address.is_multicast
