"""The HTTP client of the calls to a server, with bounds on what a server can make it do.

The SDK's own waits anew for each byte, reads whatever comes into memory, and takes the prompts wherever a redirection
points.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

LARGEST_REPLY = 16 * 2**20
"""Bytes of a reply, unpacked: many times what any model writes."""


def bounded_client(sdk: Any, timeout_s: float) -> Any:
    """An HTTP client that gives a call up after a time, or a size, and follows no redirection.

    Args:
        sdk: the openai package.
        timeout_s: for all of one try, from the connection to the last byte.

    What takes longer is the SDK's time-out, which it tries again. A reply of more than `LARGEST_REPLY` is an
    `OpenAIError`; a redirection is an `APIStatusError` as any other bad status.
    """
    base = sdk.DefaultAsyncHttpxClient.__base__  # of httpx, or httpx2 from version 3 of the SDK on
    http = importlib.import_module(base.__module__.partition(".")[0])

    class BoundedClient(sdk.DefaultAsyncHttpxClient):
        async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            try:
                async with asyncio.timeout(timeout_s):
                    response = await super().send(request, stream=True, **options)
                    try:
                        return await whole(response)
                    finally:
                        await response.aclose()
            except TimeoutError:
                raise http.ReadTimeout(f"no whole reply within {timeout_s:g} s", request=request) from None

    async def whole(response: Any) -> Any:
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > LARGEST_REPLY:
                raise sdk.OpenAIError(f"the reply has more than {LARGEST_REPLY // 2**20} MB")
        headers = {k: v for k, v in response.headers.items() if k not in ("content-encoding", "transfer-encoding")}
        return http.Response(response.status_code, headers=headers, content=bytes(content), request=response.request)

    return BoundedClient(follow_redirects=False)
