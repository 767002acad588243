"""What may pass is tried again, what cannot is not, and every answer of a Hub has its words."""

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from hf_selfdemo.hub.patience import patiently, what_went_wrong


def answer(hub, status, **headers):
    """The error that an answer of this status becomes."""
    hub.fail("GET .*", status=status, headers=headers, text="because")
    with pytest.raises(HfHubHTTPError) as raised:
        HfApi().repo_info("me/x")
    return raised.value


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "the Hub rejected the request (400: because): fix what it names"),
        (401, "the Hub does not accept the token, which may have expired: log in with `hf auth login`"),
        (402, "the Hub rejected the request (402: because): fix what it names"),
        (403, "the token may not write to lab (because): log in with `hf auth login`"),
        (404, "the Hub does not find lab (because): check the name and the permissions of the token"),
        (409, "somebody else is writing to the repository: repeat the command"),
        (412, "somebody else is writing to the repository: repeat the command"),
        (429, "the Hub's rate limit is reached: later repeat the command"),
        (500, "the Hub failed (500): later repeat the command"),
        (504, "the Hub failed (504): later repeat the command"),
    ],
)
def test_every_status_has_its_words(hub, status, words):
    error = answer(hub, status)
    assert ": ".join(what_went_wrong(error, hub.url, "lab")).startswith(words)


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (401, 1), (403, 1), (404, 1), (409, 5), (429, 5), (503, 5)])
def test_only_what_may_pass_is_tried_again(hub, waits, status, tries):
    error, tried = answer(hub, status), []

    def attempt():
        tried.append(status)
        raise error

    with pytest.raises(HfHubHTTPError):
        patiently(attempt)
    assert len(tried) == tries and waits == [1, 2, 4, 8][: tries - 1]
