"""The client of `fastmcp` as a client of the hub."""

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from plan import follow, run, texts


async def play(plan):
    if "url" in plan:
        transport = StreamableHttpTransport(plan["url"])
    else:
        transport = StdioTransport(plan["command"], plan["args"], env=plan["env"], keep_alive=False)
    async with Client(transport, mode=plan["mode"]) as client:

        async def names():
            return [tool.name for tool in await client.list_tools()]

        async def call(name, arguments):
            result = await client.call_tool(name, arguments, raise_on_error=False)
            return {"text": texts(result.content), "structured": result.structured_content, "error": bool(result.is_error)}

        answer = await follow(plan, names, call)
        answer["protocol"] = str(client.protocol_version) if hasattr(client, "protocol_version") else ""
        return answer


run(play)
