"""An agent that says hello like any other and then does what its first argument says."""

import json
import os
import sys
import time

BASE = {"wire": 1, "agent": "", "python": "3.11", "onnxruntime": "1", "numpy": "2", "providers": [], "capabilities": {}}
OUTPUTS = {"escape": ["../../../secret"], "liar": ["outputs.npz"], "two": ["outputs.npz"] * 2}
READING = {"t_ns": 1, "source": "x", "value": "hot", "unit": "C", "error": None}


def text(msg: str, **fields: object) -> str:
    """A line; the launch's name is put in when it is said."""
    return json.dumps({"msg": msg, "launch": "LAUNCH", **fields})


def samples(first: int = 0, count: int = 1, latency_ns: int = 5, t0_ns: int = 1) -> str:
    return text("samples", first=first, t0_ns=t0_ns, latency_ns=[latency_ns] * count)


def done(**facts: object) -> str:
    return f"{samples()}\n{text('done', facts=facts)}"


STAGE = text("stage", stage="slot", t_ns=1)
WORDS = {
    "html": "<html><script>alert(1)</script>",
    "binary": "\udcff\udcfe",
    "long": "x" * (2 << 20),
    "deep": "[" * 100_000,
    "nan": '{"msg":"done","launch":"LAUNCH","facts":{"p50":NaN}}',
    "hello again": json.dumps({"msg": "hello", **BASE, "facts": {}, "boot_id": None}),
    "job": '{"msg":"stop","reason":"you"}',
    "foreign": samples().replace("LAUNCH", "999.1"),
    "gap": samples(first=5),
    "negative": samples(latency_ns=-5),
    "too many": "\n".join(samples(first, 100_000) for first in range(0, 1_100_000, 100_000)),
    "late": samples(t0_ns=2**80),
    "talkative": "\n".join([STAGE] * 20_001),
    "endless": "\n".join([text("stage", stage="slot", t_ns=1, more="x" * 900_000)] * 150),
    "empty": text("done", facts={}),
    "zero": f"{samples(latency_ns=0)}\n{text('done', facts={})}",
    "three": f"{samples(count=3, latency_ns=4_000_000)}\n{text('done', facts={'peak_memory': 'much'})}",
    "hours": f"{samples(latency_ns=9_000_000_000_000)}\n{text('done', facts={'cpu_ns': -1})}",
    "surrogate": done(governor="\ud800"),
    "nul": done(governor="a\0b"),
    "wide": done(cpus=[0] * 20_000),
    "big number": done(cpu_ns=2**70),
    "reading": text("readings", readings=[READING]),
    "early outputs": text("outputs", name="a", size=1, sha256="0" * 64),
    "finding": f"{samples()}\n{text('done', facts={}, findings=[{'name': 5}])}",
    "reboot": done(boot_id="another"),
    "boastful": done(outputs={"file": "../../x", "sha256": "x"}, profile={"nodes": 7}, failure="none", lost=[1]),
    "fault": text("failed", stage="slot", kind="AGENT_ERROR", detail="a bug"),
}

asked: "list[str]" = []


def main() -> None:
    mode, folder = sys.argv[1:3]
    if mode == "banner":
        say("Welcome to b0!\n\n * 3 updates are waiting")
    for line in sys.stdin:
        body = json.loads(line)
        if body["msg"] == "open":
            say(json.dumps({"msg": "hello", **BASE, "facts": {}, "boot_id": boot_id(folder)}))
        elif body["msg"] == "prepare":
            say(text("ready", missing=["0" * 64] if mode == "missing" else []))
        elif body["msg"] == "clock":
            say(json.dumps({"msg": "clock", "asked_ns": body["asked_ns"], "t_ns": clock_ns(mode)}))
        elif body["msg"] == "job":
            job(mode, body, folder)
            asked.append(body["launch"])


def clock_ns(mode: str) -> "int | None":
    if mode == "no clock" or (mode == "clock stops" and asked):
        return None
    return -5 if mode == "odd clock" else time.monotonic_ns()


def boot_id(folder: str) -> str:
    """A new one for each agent that is started."""
    with open(os.path.join(folder, "boots"), "a+", encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as on a board
        file.write("x")
        file.seek(0)
        return f"boot-{len(file.read())}"


def job(mode: str, body: "dict[str, str]", folder: str) -> None:
    if mode == "gone":
        sys.exit(3)
    if mode == "silent":
        return
    if body["kind"] == "evaluate":
        for name in OUTPUTS.get(mode, []):
            say(outputs(name, body["launch"], folder), body["launch"])
        say(text("done", facts={}), body["launch"])
    else:
        say(WORDS.get(mode, done()), body["launch"])


def outputs(name: str, launch: str, folder: str) -> str:
    """A file that is there, and a digest that is not its own."""
    scratch = os.path.join(folder, "scratch", launch)  # noqa: PTH118 - as on a board
    os.makedirs(scratch, exist_ok=True)  # noqa: PTH103 - as on a board
    with open(os.path.join(scratch, "outputs.npz"), "wb") as file:  # noqa: PTH118, PTH123 - as on a board
        file.write(b"12345")
    return text("outputs", name=name, size=5, sha256="0" * 64)


def say(lines: str, launch: str = "") -> None:
    sys.stdout.buffer.write(lines.replace("LAUNCH", launch).encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
