"""Generation by a chat server, near or far, that speaks the OpenAI protocol.

vLLM, TGI, SGLang, llama.cpp, Ollama, `transformers serve` and most inference providers do. All calls of the process
run on one event loop in a thread of its own: any number of threads may ask, and a call can be cancelled at any moment,
even while it waits to be tried again.
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
"""Ways of holding a server to the choices of a request."""

_CONNECT_S = 10.0
_LONGEST_LINE = 200  # of a server's words
_FIRST_CALLS = 16  # so many that fail alike, or as many as are in flight at once, and it is not the rows
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_ONLY_IN_PROCESS = ("scored", "openings", "avoid", "contrasted", "tokens", "begun", "added")
_NOT_TOLD = (
    "a server does not tell how likely a given text is, token ids or what layers predict, nor avoids a text, goes on "
    "from a begun reply or writes a method's own tokens"
)
_AGAIN = "every finished call is kept and the same command goes on"


class ServerGenerator:
    """The `Generator` over an OpenAI-compatible chat server.

    What the server cannot take for the moment (429, 5xx, time-outs, lost connections) is tried again by the SDK, with
    exponential back-off or after the time that the server names. What still fails is the row's own error, or, where
    every row would fail alike, a `UserError` that stops all calls that wait; replies that are there by then are handed
    over first.

    The server applies the chat template, and which tokens are control tokens there is not known here. The usual forms
    ("<|...|>", "</s>", "[INST]", "<end_of_turn>") are therefore disarmed in every message. What a request does not
    say (top_p, penalties) is as the server sets it.

    Args:
        base_url: where the server listens, mostly with "/v1" at the end; no user name, no query.
        model: the name under which the server knows the model.
        concurrency: calls in flight, over all threads.
        timeout_s: how long to wait for one whole reply, in seconds, before the call is tried again.
        max_retries: how often a call is tried again.
        api_key_env: name of the environment variable that holds the key; if it is unset, no real key is sent.
        structured_output: how to hold the model to the choices of a request. "json_schema" is the protocol's own way,
            "choice" is vLLM's, "none" trusts the prompt; "auto" tries the first one once and, where the server refuses
            or ignores it, goes on with "none". The reply is the choice if one can be read from it, else the raw text.
        logprobs: ask how likely the tokens of a reply were, for its `logprob`. Servers differ in whether they count the
            stop token, and some do not tell it.
        on_notice: called with a line when a parameter is found to be refused, from the thread that makes the calls.

    In a recipe the arguments have names of their own, and the errors speak of those: `server_url`, `server_model`,
    `server_concurrency`, `server_timeout_s`, `server_retries`, `server_key_variable` and `server_choices`.

    Raises:
        UserError: if an argument is unusable or the openai package is missing; from `stream`, if the server cannot be
            reached, is overrun, refuses the key or does not have the model.

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
        self._downfall: list[UserError] = []  # shared by all calls that fall together, replaced once they have

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
        finally:  # an interrupt, or nobody wants the rest
            _cancel(calls)
        if failure:
            raise failure

    async def _answer(self, request: Request, downfall: list[UserError]) -> Reply:
        """One call when its turn comes, unless one that was queued with it has found that none can succeed."""
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
        """Find out whether the server holds itself to a schema. A request that fails either way decides nothing."""
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
        """What the server sent, and with which arguments: where it refuses a parameter, once more without that one."""
        sent = self._parameters.fitted(arguments)
        try:
            return await self._client.chat.completions.create(**sent), sent
        except (self._sdk.BadRequestError, self._sdk.UnprocessableEntityError) as error:
            name = refused_parameter(error.body, sent)
            if not name:
                raise
        answer = await self._send(without(sent, name))
        if done := self._parameters.learn(name):
            self._on_notice(f"the server at {self._address} refuses `{name}`: {done}")
        return answer

    def _or_all_alike(self, outcome: Reply | UserError) -> Reply | UserError:
        """A row's error becomes that of all where the first calls have failed alike and none was answered."""
        if isinstance(outcome, UserError) or self._answered:
            return outcome
        if outcome.finish_reason != "error":
            self._answered = True
            return outcome
        kind = re.sub(r"[0-9]+", "0", outcome.error)  # it may count tokens
        self._failed[kind] += 1
        if self._failed[kind] < max(self.concurrency, _FIRST_CALLS):
            return outcome
        self._failed.clear()
        what = f"the first calls of the server at {self._address} failed alike ({outcome.error})"
        return UserError(what, "fix that first; the same command asks again")

    # Errors are made here but raised outside the handlers: the SDK's hold the key in their request and must not come
    # along as the context of ours.

    def _refused(self, error: Any) -> Reply | UserError:
        """The row's own error, or why the server would refuse every other row as well."""
        server, reason = f"the server at {self._address}", self._reason(error)
        if 300 <= error.status_code < 400:
            where = urljoin(self._address, error.response.headers.get("location", "")).partition("?")[0]
            remedy = "if it may have the prompts, give that as `server_url`, up to before /chat/completions"
            return UserError(f"{server} sends calls elsewhere ({self._line(repr(where))})", remedy)
        if error.status_code == 402 or error.code in _NO_CREDIT:
            return UserError(f"{server} wants to be paid ({reason})", f"add credit to the account there; {_AGAIN}")
        if error.status_code in (401, 403):
            remedy = f"put one that is good there into the environment variable {self.api_key_env}"
            return UserError(f"{server} refuses the key ({reason})", remedy)
        if error.status_code in (404, 405, 501):  # a path that is none there
            remedy = "name one that it serves as `server_model`; see also that `server_url` is whole (most end in /v1)"
            return UserError(f"{server} has no model {self.model!r} ({reason})", remedy)
        if error.status_code == 429:
            remedy = f"wait, or lower `server_concurrency`; {_AGAIN}"
            return UserError(f"{server} takes no more calls ({reason})", remedy)
        if error.status_code in (502, 503):  # said by what stands before the server
            return self._down(reason)
        return Reply("", "error", error=reason)

    def _timed_out(self) -> Reply | UserError:
        """It is the request if others were answered meanwhile, else the server."""
        if time.monotonic() - self._last_reply < self.timeout_s:
            return Reply("", "error", error=f"no reply within {self.timeout_s:g} s")
        return self._down(f"no reply within {self.timeout_s:g} s", "see that it runs, or raise `server_timeout_s`")

    def _down(self, reason: str, remedy: str = "see that it runs and that `server_url` is right") -> UserError:
        return UserError(f"the server at {self._address} does not answer ({reason})", f"{remedy}; {_AGAIN}")

    def _reason(self, error: Any) -> str:
        """Status and the server's own words in one short line."""
        said = words(error.body or "")
        line = "" if said.startswith("<") else self._line(said)  # a page for people
        return f"HTTP {error.status_code}: {line}" if line else f"HTTP {error.status_code}"

    def _line(self, said: str) -> str:
        """A server's words, short and without the key."""
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
    for call in reversed(list(calls)):  # those that wait first: one in flight makes room for the next when it goes
        call.cancel()
