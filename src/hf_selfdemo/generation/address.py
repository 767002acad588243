"""Checks the address of a server, which messages show."""

from __future__ import annotations

from urllib.parse import urlsplit

from hf_selfdemo.core.errors import UserError


def plain_address(base_url: str) -> str:
    """The address of a server, if it contains no secret.

    Args:
        base_url: the address.

    Raises:
        UserError: if it is not an http address, or contains a user name, a password or a query. The error does not show
            the address, since it may contain a secret.

    Example:
        >>> plain_address("http://localhost:8000/v1")
        'http://localhost:8000/v1'
    """
    try:
        url = urlsplit(base_url)
        plain = url.scheme in ("http", "https") and url.hostname and not (url.username or url.password or url.query)
    except ValueError:
        plain = None
    if not plain:
        remedy = "write it like http://localhost:8000/v1; put a key into an environment variable (server_key_variable)"
        raise UserError("server_url is not a plain http address", remedy)
    return base_url
