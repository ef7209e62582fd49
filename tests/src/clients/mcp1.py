"""The Python SDK, 1.x, as a client of the hub: the older revisions."""

from contextlib import AsyncExitStack

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from plan import follow, run, texts


async def play(plan):
    async with AsyncExitStack() as stack:
        if "url" in plan:
            streams = await stack.enter_async_context(streamable_http_client(plan["url"]))
        else:
            parameters = StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"])
            streams = await stack.enter_async_context(stdio_client(parameters))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        hello = await session.initialize()

        async def names():
            found, cursor = [], None
            while True:
                page = await session.list_tools(cursor=cursor)
                found += [tool.name for tool in page.tools]
                cursor = page.nextCursor
                if not cursor:
                    return found

        async def call(name, arguments):
            result = await session.call_tool(name, arguments)
            return {"text": texts(result.content), "structured": result.structuredContent, "error": bool(result.isError)}

        answer = await follow(plan, names, call)
        answer["protocol"] = str(hello.protocolVersion)
        return answer


run(play)
