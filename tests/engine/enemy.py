"""An agent that says hello like any other and then does what its first argument says."""

import json
import os
import sys
import time

BASE = {"wire": 1, "agent": "", "python": "3.11", "onnxruntime": "1", "numpy": "2", "providers": [], "capabilities": {}}


def main() -> None:
    mode, folder = sys.argv[1:3]
    if mode == "banner":
        sys.stdout.write("Welcome to b0!\n\n * 3 updates are waiting\n")
    for line in sys.stdin:
        body = json.loads(line)
        if body["msg"] == "open":
            say("hello", **BASE, facts={}, boot_id=boot_id(folder))
        elif body["msg"] == "prepare":
            say("ready", missing=["0" * 64] if mode == "missing" else [])
        elif body["msg"] == "job":
            job(mode, body, folder)
        elif body["msg"] == "stop" and mode == "stubborn":
            continue


def boot_id(folder: str) -> str:
    """A new one for each agent that is started."""
    with open(os.path.join(folder, "boots"), "a+", encoding="utf-8") as file:  # noqa: PTH118, PTH123 - runs on a board
        file.write("x")
        file.seek(0)
        return f"boot-{len(file.read())}"


def job(mode: str, body: dict[str, str], folder: str) -> None:
    launch = body["launch"]
    if mode == "gone":
        sys.exit(3)
    if mode in {"silent", "stubborn"}:
        return
    if mode in {"escape", "liar", "two"} and body["kind"] == "evaluate":
        outputs(mode, launch, folder)
    elif mode in WORDS:
        WORDS[mode](launch)
    if body["kind"] == "measure":
        samples(launch)
    say("done", launch=launch, facts={})


def outputs(mode: str, launch: str, folder: str) -> None:
    scratch = os.path.join(folder, "scratch", launch)  # noqa: PTH118
    os.makedirs(scratch, exist_ok=True)  # noqa: PTH103
    with open(os.path.join(scratch, "outputs.npz"), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"12345")
    name = "../../../secret" if mode == "escape" else "outputs.npz"
    for _ in range(2 if mode == "two" else 1):
        say("outputs", launch=launch, name=name, size=5, sha256="0" * 64)


def chunks(launch: str) -> None:
    for first in range(0, 1_100_000, 100_000):
        samples(launch, first=first, latency_ns=[1] * 100_000)


def samples(launch: str, first: int = 0, latency_ns: "list[object] | None" = None, t0_ns: int = 1) -> None:
    say("samples", launch=launch, first=first, t0_ns=t0_ns, latency_ns=latency_ns or [5])


def stages(launch: str) -> None:
    for _ in range(20_001):
        say("stage", launch=launch, stage="slot", t_ns=1)


def megabytes(launch: str) -> None:
    for _ in range(140):
        say("stage", launch=launch, stage="x" * 60_000, t_ns=1, more="x" * 900_000)


def done(launch: str, **facts: object) -> None:
    samples(launch)
    say("done", launch=launch, facts=facts)


def say(msg: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"msg": msg, **fields}) + "\n")
    sys.stdout.flush()


def raw(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


READING = {"t_ns": 1, "source": "x", "value": 1.0, "unit": "C", "error": None}
WORDS = {
    "html": lambda launch: raw("<html><script>alert(1)</script>"),
    "binary": lambda launch: (sys.stdout.flush(), os.write(1, b"\xff\xfe\n")),
    "long": lambda launch: raw("x" * (2 << 20)),
    "deep": lambda launch: raw("[" * 100_000),
    "nan": lambda launch: raw('{"msg":"done","launch":"%s","facts":{"p50":NaN}}' % launch),
    "hello again": lambda launch: say("hello", **BASE, facts={}, boot_id=None),
    "job": lambda launch: raw('{"msg":"stop","reason":"you"}'),
    "foreign": lambda launch: samples("999.1"),
    "gap": lambda launch: samples(launch, first=5),
    "negative": lambda launch: samples(launch, latency_ns=[-5]),
    "too many": chunks,
    "late": lambda launch: samples(launch, t0_ns=2**80),
    "talkative": stages,
    "endless": megabytes,
    "empty": lambda launch: say("done", launch=launch, facts={}),
    "surrogate": lambda launch: done(launch, governor="\ud800"),
    "nul": lambda launch: done(launch, governor="a\0b"),
    "wide": lambda launch: done(launch, cpus=[0] * 20_000),
    "big number": lambda launch: done(launch, cpu_ns=2**70),
    "reading": lambda launch: say("readings", launch=launch, readings=[{**READING, "value": "hot"}]),
    "early outputs": lambda launch: say("outputs", launch=launch, name="a", size=1, sha256="0" * 64),
    "finding": lambda launch: say("done", launch=launch, facts={}, findings=[{"name": 5}]),
    "reboot": lambda launch: done(launch, boot_id="another"),
    "fault": lambda launch: say("failed", launch=launch, stage="slot", kind="AGENT_ERROR", detail="a bug"),
    "slow": lambda launch: time.sleep(0.5),
}

if __name__ == "__main__":
    main()
