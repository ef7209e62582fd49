"""A scripted MCP server for the tests of this crate: plain JSON lines, so that it can misbehave in ways that no SDK would.

Its one argument is a JSON object; every method it receives is appended to the file LOG, behind its process id."""

import json, os, signal, subprocess, sys, threading, time

plan = json.loads(sys.argv[1])
discover = plan.get("discover", "legacy")
tools = plan.get("tools", [{"name": "echo", "inputSchema": {"type": "object"}}])
discovered = False
write_lock = threading.Lock()


def log(text):
    with open(os.environ["LOG"], "a") as file:
        file.write(f"{os.getpid()} {text}\n")


def send(message):
    with write_lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def answer(id, result):
    send({"id": id, "result": result})


def refuse(id, code, message, data=None):
    send({"id": id, "error": {"code": code, "message": message, **({"data": data} if data else {})}})


def modern(result):
    return {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result}


def on_discover(id):
    global discovered
    if discover == "legacy":
        refuse(id, -32601, "method not found")
    elif discover == "unsupported":
        discovered = True
        refuse(id, -32022, "unsupported protocol version", {"supported": ["2025-11-25"], "requested": "2026-07-28"})
    elif discover == "die":
        os._exit(3)
    elif discover != "silent":
        time.sleep(plan.get("delay", 0))
        discovered = True
        capabilities = {"tools": {"listChanged": True}}
        answer(id, modern({"supportedVersions": ["2026-07-28"], "capabilities": capabilities, "instructions": "be modern"}))


def on_initialize(id, params):
    if discovered:
        return refuse(id, -32022, "no initialize after discover")
    time.sleep(plan.get("delay_initialize", 0))
    answer(id, {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "scripted", "version": "1"},
        "instructions": "be old",
    })


def on_call(id, params):
    name, meta = params["name"], params.get("_meta", {})
    if name == "crash":
        print("boom: no more disk", file=sys.stderr, flush=True)
        os._exit(7)
    elif name == "hang":
        pass
    elif name == "refuse":
        refuse(id, -32602, "bad arguments", {"why": "because"})
    elif name == "ask":
        send({"id": "mine-1", "method": "roots/list"})
        send({"id": "mine-2", "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}})
        send({"id": "mine-3", "method": "ping"})
        send({"id": "mine-4", "method": "no/such", "params": {"a": 1}})
    elif name == "input":
        answer(id, {"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create", "params": {}}}})
    elif name == "progress":
        def run():
            for step in range(1, 6):
                time.sleep(0.15)
                send({"method": "notifications/progress", "params": {
                    "progressToken": meta["progressToken"], "progress": step, "total": 5, "message": f"step {step}"}})
            answer(id, {"content": []})
        threading.Thread(target=run).start()
    elif name == "burst":
        for step in range(1, 31):
            send({"method": "notifications/progress", "params": {"progressToken": meta["progressToken"], "progress": step}})
        answer(id, {"content": []})
    elif name == "change":
        tools.append({"name": f"new{len(tools)}", "inputSchema": {}})
        for _ in range(500):
            send({"method": "notifications/tools/list_changed"})
        answer(id, {"content": []})
    elif name == "long":
        answer(id, {"content": [{"type": "text", "text": "x" * params["arguments"]["length"]}]})
    else:
        answer(id, {"content": [{"type": "text", "text": json.dumps(params)}], "future": {"z": 1, "a": [1.5]}})


if plan.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
    log(f"grandchild {child.pid}")
for line in plan.get("garbage", []):
    print(line, flush=True)
if "say" in plan:
    print(plan["say"], file=sys.stderr, flush=True)
if "exit" in plan:
    sys.exit(plan["exit"])

asked = {}
for line in sys.stdin:
    message = json.loads(line)
    id, params = message.get("id"), message.get("params") or {}
    method = message.get("method")
    if method is None:
        asked[id] = message.get("result", message.get("error"))
        if len(asked) == 4:
            log("answers " + json.dumps(asked, sort_keys=True))
        continue
    log(method)
    if method == "server/discover":
        on_discover(id)
    elif method == "initialize":
        on_initialize(id, params)
    elif method == "tools/list":
        size, start = plan.get("page", len(tools)), int(params.get("cursor", 0))
        result = {"tools": tools[start:start + size]}
        if start + size < len(tools):
            result["nextCursor"] = str(start + size)
        answer(id, modern(result) if discovered else result)
    elif method == "tools/call":
        on_call(id, params)
    elif method == "subscriptions/listen":
        meta = {"io.modelcontextprotocol/subscriptionId": id}
        send({"method": "notifications/subscriptions/acknowledged", "params": {"notifications": params["notifications"], "_meta": meta}})
        if plan.get("listen_change"):
            tools.append({"name": "heard", "inputSchema": {}})
            send({"method": "notifications/tools/list_changed", "params": {"_meta": meta}})
if plan.get("stubborn"):
    time.sleep(600)
