"""Which servers may be asked: by the address that is given, then by the one it leads to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from siting.errors import OptionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE_NETWORK_OPTION = "--private-network"
_PRIVATE_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".intranet", ".home.arpa")
# Where clouds give secrets to whoever asks from inside; 169.254.169.254 is link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


class RefusedAddress(Exception):
    """A server stands at an address that may not be asked; the message says why, in French."""


def address_of(host: str) -> Address | None:
    """Read a host that is written as an IP address; None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_own_host(host: str) -> bool:
    """Tell if a host is this computer by its very name, without asking any other."""
    address = address_of(host)
    return host == "localhost" if address is None else address.is_loopback


def is_private_host(host: str) -> bool:
    """Tell if a host looks like one of a private network: by its address, or by its name."""
    address = address_of(host)
    if address is not None:
        return not address.is_global
    return "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def is_never_asked(address: Address) -> bool:
    """Tell if an address is no server of anybody's: link-local, many hosts, secrets of a cloud."""
    is_odd = address.is_link_local or address.is_multicast or address.is_unspecified
    return is_odd or address in _METADATA


def check_address(host: str, address: Address, *, allow_private: bool) -> None:
    """
    Refuse the address that a host turns out to have, unless it may be asked.

    A name that leads to this computer counts as private: only `localhost`, or an address,
    says it plainly.

    Raises
    ------
    RefusedAddress
        If it may not be asked.
    """
    if is_never_asked(address):
        raise RefusedAddress(f"son adresse {address} n'est pas celle d'un serveur")
    if not (address.is_global or allow_private or is_own_host(host)):
        raise RefusedAddress(
            f"son adresse {address} est privée ; si c'est bien un serveur de votre réseau, "
            f"ajoutez {PRIVATE_NETWORK_OPTION}"
        )


def checked_url(url: str, *, allow_private: bool = False) -> str:
    """
    Return the base URL of a service without its last slash, or refuse it.

    The address must be https; http is for this computer and for private networks, where
    one's own server is legitimate. A private network is to be allowed explicitly.
    No secret that the address may hold is repeated in a message.

    Raises
    ------
    OptionError
        Not an address, credentials in it, http to a public host, or a private host that
        was not allowed.
    """
    text = url.strip().rstrip("/")
    shown = _without_secrets(text)
    try:
        parts = urlsplit(text)
        host, has_port = parts.hostname or "", parts.port is not None
    except ValueError as error:
        raise OptionError(f"L'adresse de service {shown!r} n'est pas lisible.") from error
    if parts.username is not None or parts.password is not None:
        raise OptionError(
            "L'adresse de service contient un nom d'utilisateur ou un mot de passe : retirez-les."
        )
    if parts.scheme not in {"http", "https"} or not host or (has_port and parts.port == 0):
        raise OptionError(
            f"L'adresse de service {shown!r} n'est pas une adresse web : "
            "écrivez-la en entier, par exemple https://data.geopf.fr/geocodage."
        )
    if parts.query or parts.fragment:
        raise OptionError(f"L'adresse de service {shown!r} ne doit contenir ni « ? » ni « # ».")
    _check_host(host, shown, is_http=parts.scheme == "http", allow_private=allow_private)
    return text


def is_loopback(url: str) -> bool:
    """Tell if a URL stays on this computer."""
    return is_own_host(urlsplit(url).hostname or "")


def _check_host(host: str, shown: str, *, is_http: bool, allow_private: bool) -> None:
    address = address_of(host)
    if address is not None and is_never_asked(address):
        raise OptionError(f"L'adresse de service {shown!r} n'est pas celle d'un serveur.")
    if is_own_host(host):
        return
    if not is_private_host(host):
        if is_http:
            raise OptionError(
                f"L'adresse de service {shown!r} n'est pas protégée : utilisez https:// "
                "(http:// est accepté pour un serveur de votre propre réseau, avec "
                f"{PRIVATE_NETWORK_OPTION})."
            )
    elif not allow_private:
        raise OptionError(
            f"L'adresse de service {shown!r} est celle d'un réseau privé : si c'est bien un "
            f"serveur de votre réseau, ajoutez {PRIVATE_NETWORK_OPTION}."
        )


def _without_secrets(url: str) -> str:
    """Leave out what may be a secret: credentials before the host, parameters after it."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"[^/]*@", "", bare)
