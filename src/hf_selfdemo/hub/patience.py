"""Retry requests to the Hub, and explain errors in plain words."""

from __future__ import annotations

import time
from collections.abc import Callable
from json import JSONDecodeError
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

T = TypeVar("T")

_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each retry of requests that huggingface_hub does not retry: making a repository, and a commit."""

_LONGEST_WAIT_S = 300.0
"""Longest wait that is accepted, which is the window of the Hub's rate limits."""

_PASSING = (408, 409, 412, 429, 500, 502, 503, 504)
"""Status codes that may pass. 409 and 412 mean that somebody else was writing to the repository."""

AGAIN = "repeat the command; files that have arrived are not sent again"
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
"""Remedies."""


class TriedAlready(RuntimeError):
    """Raised `from` an error of a request that huggingface_hub has already retried."""


def patiently(attempt: Callable[[], T]) -> T:
    """Make a request to the Hub, and retry it up to four times if the error may pass.

    It waits as long as the Hub asks for (`Retry-After`, `ratelimit`) if that is at most five minutes. If the Hub does
    not say, it waits longer each time.

    Args:
        attempt: makes the request. It must be harmless to repeat it, even if it succeeded and its response was lost.

    Raises:
        Exception: the last error of `attempt`.

    Example:
        >>> patiently(lambda: "done")
        'done'
    """
    for wait in _WAITS_S:
        try:
            return attempt()
        except (HTTPError, JSONDecodeError) as error:
            asked = _asked_to_wait(error)
            if not _may_pass(error) or asked > _LONGEST_WAIT_S:
                raise
            time.sleep(max(wait, asked))
    return attempt()


def what_went_wrong(error: Exception, endpoint: str, namespace: str = "your account") -> tuple[str, str]:
    """What went wrong and the remedy, for a `UserError`. The client's own message is left out, as it may quote headers.

    Args:
        error: an error of huggingface_hub or of its HTTP client.
        endpoint: the address of the Hub.
        namespace: owner of the repository.

    Example:
        >>> what_went_wrong(OfflineModeIsEnabled("..."), "https://hub.example")
        ('offline mode is on', 'unset HF_HUB_OFFLINE')
    """
    error = _cause(error)
    if isinstance(error, OfflineModeIsEnabled):
        return "offline mode is on", "unset HF_HUB_OFFLINE"
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, namespace)
    if isinstance(error, HTTPError):
        return f"{endpoint} cannot be reached ({type(error).__name__})", f"check the network, then {AGAIN}"
    if isinstance(error, JSONDecodeError):
        return f"the response of {endpoint} is not that of a Hub", f"check HF_ENDPOINT and the network, then {AGAIN}"
    return " ".join(str(error).split()) or type(error).__name__, f"fix it, then {AGAIN}"


def _refusal(error: HfHubHTTPError, namespace: str) -> tuple[str, str]:
    """Explain the response of the Hub by its status code."""
    status, said = error.response.status_code, " ".join((error.server_message or "").split())
    wait = _asked_to_wait(error)
    told = {
        401: ("the Hub does not accept the token, which may have expired", LOGIN),
        403: (
            f"the token may not write to {namespace} ({said})",
            f"{LOGIN}, with a token that may, or name another owner",
        ),
        404: (f"the Hub does not find {namespace} ({said})", "check the name and the permissions of the token"),
        409: ("somebody else is writing to the repository", AGAIN),
        412: ("somebody else is writing to the repository", AGAIN),
        429: ("the Hub's rate limit is reached", f"{f'in {wait:.0f} s' if wait else 'later'} {AGAIN}"),
    }
    failed = (f"the Hub failed ({status})", f"later {AGAIN}")
    return told.get(status) or (
        failed if status >= 500 else (f"the Hub rejected the request ({status}: {said})", "fix what it names")
    )


def _may_pass(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    return type(error).__name__ not in (
        "LocalProtocolError",
        "UnsupportedProtocol",
    )  # these two are errors of the request


def _asked_to_wait(error: Exception) -> float:
    """Seconds that the Hub asks to wait, 0 if it does not say."""
    if not isinstance(error, HfHubHTTPError):
        return 0.0
    limit, retry = parse_ratelimit_headers(error.response.headers), error.response.headers.get("Retry-After", "")
    if limit and not limit.remaining:
        return limit.reset_in_seconds + 1.0
    return float(retry) if retry.isdigit() else 0.0


def _cause(error: Exception) -> Exception:
    """The error inside the errors that wrap it."""
    behind = error.__cause__
    return _cause(behind) if isinstance(error, RuntimeError) and isinstance(behind, Exception) else error
