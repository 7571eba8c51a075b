"""An HTTP proxy: which requests go over it, and the environment variables that name it to programs (pure)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORT = 80


@dataclass(frozen=True)
class HttpProxy:
    """A proxy for http and https.

    :param url: such as ``http://proxy.example.org:3128``.
    :param except_for: names, addresses, and domains with a dot in front, that are contacted directly.
    """

    url: str
    except_for: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Return the proxy's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Return the proxy's TCP port."""
        return urlsplit(self.url).port or DEFAULT_PORT

    def serves(self, target: SplitResult) -> bool:
        """Return whether requests for a URL go over the proxy; those to this machine itself never do."""
        name = (target.hostname or "").lower()
        try:
            if ipaddress.ip_address(name).is_loopback:
                return False
        except ValueError:
            pass
        direct = ("localhost", *self.except_for)
        return not any(name == entry or (entry.startswith(".") and name.endswith(entry)) for entry in direct)

    def environment(self) -> dict[str, str]:
        """Return the variables by which curl, wget, apt and Python know a proxy, in both spellings."""
        values = {"http_proxy": self.url, "https_proxy": self.url, "no_proxy": ",".join(("localhost", *self.except_for))}
        return values | {name.upper(): value for name, value in values.items()}
