"""The Python SDK, 2.x, as a client of the hub: both eras, by `mode`."""

from mcp import Client, StdioServerParameters

from plan import follow, run, texts


async def play(plan):
    if "url" in plan:
        server = plan["url"]
    else:
        server = StdioServerParameters(command=plan["command"], args=plan["args"], env=plan["env"])
    async with Client(server, mode=plan["mode"]) as client:

        async def names():
            found, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                found += [tool.name for tool in page.tools]
                cursor = page.next_cursor
                if not cursor:
                    return found

        async def call(name, arguments):
            result = await client.call_tool(name, arguments)
            return {"text": texts(result.content), "structured": result.structured_content, "error": bool(result.is_error)}

        answer = await follow(plan, names, call)
        answer["protocol"] = str(client.protocol_version)
        return answer


run(play)
