"""Under which names a started site is reached."""

from __future__ import annotations

import socket

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 — compared with, not bound to


def own_address() -> str:
    """This machine's address in its network, as another machine there would call it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # a documentation address: it only makes the system choose a route
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def name_of(host: str) -> str:
    """What to type into a browser for a server that listens on `host`."""
    if host in LOOPBACK:
        return "localhost"
    return own_address() if host in EVERYWHERE else host


def allowed_hosts(host: str) -> dict[str, str]:
    """The environment in which a site listening on `host` accepts that name; {} where the default will do.

    A person who starts it for the phones in the house need not know of SORTYARD_ALLOWED_HOSTS.
    """
    if host in LOOPBACK:
        return {}
    names = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        socket.gethostname(),
        f"{socket.gethostname()}.local",
        name_of(host),
    ]
    return {"SORTYARD_ALLOWED_HOSTS": ",".join(dict.fromkeys(names))}
