"""An HTTP client for calls to a server, with limits on time and size.

The SDK's own client restarts its time-out with each byte, reads replies of any size into memory, and follows
redirections, so that prompts could go to another host.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

LARGEST_REPLY = 16 * 2**20
"""The most bytes of a decompressed reply. No model's reply comes near it."""


def bounded_client(sdk: Any, timeout_s: float) -> Any:
    """An HTTP client that limits the time and size of a reply and follows no redirections.

    Args:
        sdk: the openai package.
        timeout_s: seconds for one whole attempt, from the connection to the last byte.

    An attempt that takes longer raises the SDK's time-out, which the SDK retries. A reply of more than `LARGEST_REPLY`
    bytes raises an `OpenAIError`. A redirection raises an `APIStatusError`, like any other bad status.
    """
    base = sdk.DefaultAsyncHttpxClient.__base__  # from httpx, or from httpx2 since version 3 of the SDK
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
                raise http.ReadTimeout(f"no complete reply within {timeout_s:g} s", request=request) from None

    async def whole(response: Any) -> Any:
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > LARGEST_REPLY:
                raise sdk.OpenAIError(f"the reply is larger than {LARGEST_REPLY // 2**20} MB")
        headers = {k: v for k, v in response.headers.items() if k not in ("content-encoding", "transfer-encoding")}
        return http.Response(response.status_code, headers=headers, content=bytes(content), request=response.request)

    return BoundedClient(follow_redirects=False)
