"""Generation by a local or remote chat server with the OpenAI protocol.

vLLM, TGI, SGLang, llama.cpp, Ollama, `transformers serve` and most inference providers have this protocol. All calls of
the process run on one event loop in its own thread. So any number of threads may make calls, and a call can be
cancelled at any time, even while it waits for a retry.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import ONE_OR_MORE, POSITIVE, ZERO_OR_MORE
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.address import plain_address
from hf_selfdemo.generation.bounded import bounded_client
from hf_selfdemo.generation.chat_completions import call_arguments, json_choice, read_choice, read_reply, words
from hf_selfdemo.generation.credentials import read_key, without_key
from hf_selfdemo.generation.parameters import Parameters, left_out, refused_parameter, without

STRUCTURED_OUTPUT = ("auto", "json_schema", "choice", "none")
"""Ways of restricting a server's reply to the choices of a request."""

_CONNECT_S = 10.0
_LONGEST_LINE = 200  # characters of a server's message that are shown
_FIRST_CALLS = 16  # if so many first calls (or all calls in flight) fail with the same error, all rows would fail
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_ONLY_IN_PROCESS = ("scored", "openings", "avoid", "contrasted", "tokens", "begun", "added")
_NOT_TOLD = (
    "a server cannot score texts, return token ids or predictions of layers, avoid openings, continue a begun reply or "
    "write a method's own tokens: use a model in process"
)
_AGAIN = "finished calls are kept, and the same command continues"


class ServerGenerator:
    """The `Generator` over an OpenAI-compatible chat server.

    The SDK retries calls after temporary errors (429, 5xx, time-outs, lost connections), with exponential back-off or
    after the time that the server asks for. An error that remains becomes the row's reply. If every row would fail in
    the same way, a `UserError` stops all waiting calls, after the finished replies are returned.

    The server applies the chat template, and its control tokens are not known here. So the usual forms ("<|...|>",
    "</s>", "[INST]", "<end_of_turn>") are disarmed in every message. Settings that a request does not have (top_p,
    penalties) are the server's defaults.

    Args:
        base_url: the server's address, which usually ends in "/v1". It must not contain a user name or a query.
        model: the server's name for the model.
        concurrency: the most calls in flight, over all threads.
        timeout_s: seconds to wait for one whole reply before the call is retried.
        max_retries: the most retries of a call.
        api_key_env: the name of the environment variable with the key. If it is not set, no real key is sent.
        structured_output: how to restrict a reply to the choices of a request. "json_schema" is the protocol's own way,
            "choice" is vLLM's, and "none" relies on the prompt. "auto" tries "json_schema" once and uses "none" if the
            server rejects or ignores it. The reply is the choice if one can be read from it, otherwise the raw text.
        logprobs: ask for the log-probabilities of a reply's tokens, for its `logprob`. Servers differ in whether they
            count the stop token, and some do not report log-probabilities.
        on_notice: called with one line when the server rejects a parameter, from the thread that makes the calls.

    Error messages use the names that the arguments have in a recipe: `server_url`, `server_model`,
    `server_concurrency`, `server_timeout_s`, `server_retries`, `server_key_variable` and `server_choices`.

    Raises:
        UserError: if an argument is invalid or the openai package is missing; from `stream`, if the server cannot be
            reached, is overloaded, rejects the key or does not have the model.

    Example:
        >>> ServerGenerator("http://localhost:8000/v1", "HuggingFaceTB/SmolLM2-135M-Instruct").identity
        'server/HuggingFaceTB/SmolLM2-135M-Instruct'
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        concurrency: int = 32,
        timeout_s: float = 120.0,
        max_retries: int = 5,
        api_key_env: str = "OPENAI_API_KEY",
        structured_output: str = "auto",
        logprobs: bool = False,
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        ONE_OR_MORE.check(server_concurrency=concurrency)
        POSITIVE.check(server_timeout_s=timeout_s)
        ZERO_OR_MORE.check(server_retries=max_retries)
        if structured_output not in STRUCTURED_OUTPUT:
            raise UserError(f"unknown server_choices {structured_output!r}", f"use one of {STRUCTURED_OUTPUT}")
        self.identity = f"server/{model}"
        self.concurrency = concurrency
        self.model = model
        self.timeout_s = timeout_s
        self.api_key_env = api_key_env
        self._address = plain_address(base_url)
        self._sdk = _import_sdk()
        self._client = self._sdk.AsyncOpenAI(
            base_url=base_url,
            api_key=read_key(api_key_env),
            timeout=self._sdk.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
            max_retries=max_retries,
            http_client=bounded_client(self._sdk, timeout_s),
        )
        self._loop = _event_loop()
        self._slots = asyncio.Semaphore(concurrency)
        self._trial = asyncio.Lock()
        self._structure = structured_output
        self._logprobs = logprobs
        self._parameters = Parameters()
        self._on_notice = on_notice
        self._last_reply = float("-inf")  # by the monotonic clock
        self._answered = False
        self._failed: Counter[str] = Counter()
        self._downfall: list[UserError] = []  # shared by all waiting calls; the error in it stops them

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        calls: dict[Future[Reply], int] = {}
        failure: BaseException | None = None
        try:
            for place, request in enumerate(requests):
                calls[asyncio.run_coroutine_threadsafe(self._answer(request, self._downfall), self._loop)] = place
            for call in as_completed(calls):
                if call.cancelled():
                    continue
                if error := call.exception():
                    failure = failure or error
                    _cancel(calls)
                else:
                    yield calls[call], call.result()
        finally:  # also after an interrupt, or if the caller stops reading
            _cancel(calls)
        if failure:
            raise failure

    async def _answer(self, request: Request, downfall: list[UserError]) -> Reply:
        """Make a call when a slot is free, unless an earlier call has shown that every call would fail."""
        async with self._slots:
            if downfall:
                raise downfall[0]
            outcome = self._or_all_alike(await self._attempt(request))
            if isinstance(outcome, UserError):
                downfall.append(outcome)
                self._downfall = []
                raise outcome
            return outcome

    async def _attempt(self, request: Request) -> Reply | UserError:
        if any(getattr(request, name) for name in _ONLY_IN_PROCESS):
            return Reply("", "error", error=_NOT_TOLD)
        try:
            return await (self._choose(request) if request.choices else self._complete(request, "none"))
        except self._sdk.APIStatusError as error:
            return self._refused(error)
        except self._sdk.APITimeoutError:
            return self._timed_out()
        except self._sdk.APIConnectionError as error:
            return self._down(type(error.__cause__).__name__)
        except (self._sdk.OpenAIError, ValueError) as error:
            known = type(error) is self._sdk.OpenAIError  # from `bounded_client`
            return Reply("", "error", error=str(error) if known else "the server's answer is not a chat completion")

    async def _choose(self, request: Request) -> Reply:
        if self._structure == "auto":
            async with self._trial:
                if self._structure == "auto":
                    return read_choice(await self._try_structure(request), request.choices)
        return read_choice(await self._complete(request, self._structure), request.choices)

    async def _try_structure(self, request: Request) -> Reply:
        """Find out whether the server supports a JSON schema. A call that also fails without one decides nothing."""
        try:
            reply = await self._complete(request, "json_schema")
        except (self._sdk.BadRequestError, self._sdk.UnprocessableEntityError):
            reply = await self._complete(request, "none")
            self._structure = "none"
            return reply
        self._structure = "json_schema" if json_choice(reply.text) in request.choices else "none"
        return reply

    async def _complete(self, request: Request, structure: str) -> Reply:
        arguments = call_arguments(self.model, request, structure, self._logprobs)
        completion, sent = await self._send(arguments)
        self._last_reply = time.monotonic()
        try:
            reply = read_reply(completion)
        except (AttributeError, IndexError, TypeError):
            raise ValueError("no chat completion") from None
        return replace(reply, error=self._line(reply.error), left_out=left_out(arguments, sent))

    async def _send(self, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """What the server sent, and the arguments that it accepted. A call is repeated without a rejected parameter."""
        sent = self._parameters.fitted(arguments)
        try:
            return await self._client.chat.completions.create(**sent), sent
        except (self._sdk.BadRequestError, self._sdk.UnprocessableEntityError) as error:
            name = refused_parameter(error.body, sent)
            if not name:
                raise
        answer = await self._send(without(sent, name))
        if done := self._parameters.learn(name):
            self._on_notice(f"the server at {self._address} rejects `{name}`: {done}")
        return answer

    def _or_all_alike(self, outcome: Reply | UserError) -> Reply | UserError:
        """Turn a row's error into a `UserError` if all first calls have failed with this error."""
        if isinstance(outcome, UserError) or self._answered:
            return outcome
        if outcome.finish_reason != "error":
            self._answered = True
            return outcome
        kind = re.sub(r"[0-9]+", "0", outcome.error)  # the message may contain numbers of tokens
        self._failed[kind] += 1
        if self._failed[kind] < max(self.concurrency, _FIRST_CALLS):
            return outcome
        self._failed.clear()
        what = f"the first calls to the server at {self._address} all failed with the same error ({outcome.error})"
        return UserError(what, "fix it, then run the same command again")

    # The methods below return errors instead of raising them. An error raised in the handler would have the SDK's error
    # as its context, which contains the key.

    def _refused(self, error: Any) -> Reply | UserError:
        """The row's error reply, or a `UserError` if the server would reject every other row too."""
        server, reason = f"the server at {self._address}", self._reason(error)
        if 300 <= error.status_code < 400:
            where = urljoin(self._address, error.response.headers.get("location", "")).partition("?")[0]
            remedy = "if you trust that address with the prompts, set `server_url` to it, without /chat/completions"
            return UserError(f"{server} redirects calls to {self._line(repr(where))}", remedy)
        if error.status_code == 402 or error.code in _NO_CREDIT:
            return UserError(f"{server} requires payment ({reason})", f"add credit to your account there; {_AGAIN}")
        if error.status_code in (401, 403):
            remedy = f"put a valid key into the environment variable {self.api_key_env}"
            return UserError(f"{server} rejects the key ({reason})", remedy)
        if error.status_code in (404, 405, 501):  # also for a wrong path
            remedy = "set `server_model` to a model that it serves, and check `server_url` (most end in /v1)"
            return UserError(f"{server} has no model {self.model!r} ({reason})", remedy)
        if error.status_code == 429:
            remedy = f"wait, or lower `server_concurrency`; {_AGAIN}"
            return UserError(f"{server} accepts no more calls ({reason})", remedy)
        if error.status_code in (502, 503):  # sent by a proxy in front of the server
            return self._down(reason)
        return Reply("", "error", error=reason)

    def _timed_out(self) -> Reply | UserError:
        """The row's error reply if the server answered other calls meanwhile, otherwise a `UserError`."""
        if time.monotonic() - self._last_reply < self.timeout_s:
            return Reply("", "error", error=f"no reply within {self.timeout_s:g} s")
        return self._down(f"no reply within {self.timeout_s:g} s", "check that it runs, or raise `server_timeout_s`")

    def _down(self, reason: str, remedy: str = "check that it runs and that `server_url` is right") -> UserError:
        return UserError(f"the server at {self._address} does not answer ({reason})", f"{remedy}; {_AGAIN}")

    def _reason(self, error: Any) -> str:
        """The HTTP status and the server's message in one short line."""
        said = words(error.body or "")
        line = "" if said.startswith("<") else self._line(said)  # an HTML page is left out
        return f"HTTP {error.status_code}: {line}" if line else f"HTTP {error.status_code}"

    def _line(self, said: str) -> str:
        """A server's message, shortened and without the key."""
        return without_key(said, self._client.api_key)[:_LONGEST_LINE]


def _import_sdk() -> Any:
    try:
        import openai
    except ImportError:
        raise UserError("the openai package is not installed", "run: pip install 'hf-selfdemo[server]'") from None
    return openai


@lru_cache(maxsize=1)
def _event_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="server-calls", daemon=True).start()
    return loop


def _cancel(calls: Iterable[Future[Reply]]) -> None:
    for call in reversed(list(calls)):  # waiting calls first, since a cancelled call in flight would start the next
        call.cancel()
