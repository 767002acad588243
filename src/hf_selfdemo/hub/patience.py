"""Asking the Hub: again, where it may help, and in plain words what went wrong where it did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from json import JSONDecodeError
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

T = TypeVar("T")

_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Before each further try of what huggingface_hub tries but once: making the repository, and the commit itself."""

_LONGEST_WAIT_S = 300.0
"""The window of the Hub's rate limits."""

_PASSING = (408, 409, 412, 429, 500, 502, 503, 504)
"""Answers that may be others the next time. At 409 and 412 somebody else was writing to the repository."""

AGAIN = "give the same command again; what arrived is not sent a second time"
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
"""Remedies."""


class TriedAlready(RuntimeError):
    """Raised `from` an error of something that huggingface_hub has tried again already."""


def patiently(attempt: Callable[[], T]) -> T:
    """Do something that asks the Hub, again after a while where it failed in passing, at most five times.

    Waits as long as the Hub names (`Retry-After`, `ratelimit`), if that is at most five minutes, and else longer each
    time.

    Args:
        attempt: may be done twice without harm, also where it succeeded and its answer was lost.

    Raises:
        Exception: the last one of `attempt`.

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
    """What went wrong and what to do, for a `UserError`. What the HTTP client says is left out: it may quote headers.

    Args:
        error: from huggingface_hub or what it stands on.
        endpoint: the Hub's address.
        namespace: owner of the repository that was written to.

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
        return f"{endpoint} cannot be reached ({type(error).__name__})", f"see to the network, then {AGAIN}"
    if isinstance(error, JSONDecodeError):
        return f"{endpoint} does not answer as a Hub does", f"see to HF_ENDPOINT and the network, then {AGAIN}"
    return " ".join(str(error).split()) or type(error).__name__, f"fix it, then {AGAIN}"


def _refusal(error: HfHubHTTPError, namespace: str) -> tuple[str, str]:
    """The Hub's answer in words, by its status."""
    status, said = error.response.status_code, " ".join((error.server_message or "").split())
    wait = _asked_to_wait(error)
    told = {
        401: ("the Hub does not accept the token, which may have expired", LOGIN),
        403: (f"the token may not write to {namespace} ({said})", f"{LOGIN}, with one that may, or name another owner"),
        404: (f"the Hub knows no {namespace} or hides it ({said})", "see to the name and the token's rights"),
        409: ("somebody else is writing to the repository", AGAIN),
        412: ("somebody else is writing to the repository", AGAIN),
        429: ("the Hub asks to be left alone for a while", f"{f'in {wait:.0f} s' if wait else 'later'} {AGAIN}"),
    }
    failed = (f"the Hub failed ({status})", f"later {AGAIN}")
    return told.get(status) or (failed if status >= 500 else (f"the Hub refuses it ({status}: {said})", "fix it"))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    return type(error).__name__ not in ("LocalProtocolError", "UnsupportedProtocol")  # those are mistakes on this side


def _asked_to_wait(error: Exception) -> float:
    """Seconds until the Hub wants to be asked again, 0 if it does not say."""
    if not isinstance(error, HfHubHTTPError):
        return 0.0
    limit, retry = parse_ratelimit_headers(error.response.headers), error.response.headers.get("Retry-After", "")
    if limit and not limit.remaining:
        return limit.reset_in_seconds + 1.0
    return float(retry) if retry.isdigit() else 0.0


def _cause(error: Exception) -> Exception:
    """What is behind the errors that others were wrapped in."""
    behind = error.__cause__
    return _cause(behind) if isinstance(error, RuntimeError) and isinstance(behind, Exception) else error
