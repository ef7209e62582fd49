"""What every client script is told and what it tells back.

A plan comes on stdin as JSON: where the hub is (`url`, or `command`, `args`, `env`), the `mode` of negotiation where the
client has one, how many `tools` to wait for, and the `calls` to make. The answer goes to stdout as JSON: the `protocol`
revision, the `tools` by name, and for each call its text, its structured content and whether it is an error.
Only the standard library is used here; each script adds its one client.
"""

import asyncio
import json
import sys
import time

LISTED_WITHIN_SECONDS = 60


async def follow(plan, list_names, call):
    """Waits for the tools, makes the calls, and gives the answer without its protocol."""
    end = time.monotonic() + LISTED_WITHIN_SECONDS
    while True:
        names = await list_names()
        if len(names) >= plan["tools"] or time.monotonic() > end:
            break
        await asyncio.sleep(0.1)
    calls = []
    for name, arguments in plan["calls"]:
        try:
            calls.append(await call(name, arguments))
        except Exception as error:  # Whatever a client raises is what its user would see.
            calls.append({"text": f"{type(error).__name__}: {error}", "structured": None, "error": True})
    return {"tools": names, "calls": calls}


def run(play):
    """Reads the plan, plays it, prints the answer."""
    plan = json.load(sys.stdin)
    json.dump(asyncio.run(play(plan)), sys.stdout)


def texts(blocks):
    """All text of a result."""
    return "\n".join(block.text for block in blocks if getattr(block, "text", None) is not None)
