#!/usr/bin/env python3
"""Shows that a flood of logins neither stops the other pages nor eats the memory.

It starts the showcase without limits on attempts and sends, at fixed times whether or not the
answers keep up, --rate logins a second (three of four with the right password) and beside them 20
requests a second for the front page. Latencies count from the time at which a request was due. More
logins than the machine can hash are to be turned away with 503, quickly.

    cargo build --release --example showcase
    scripts/load.py target/release/examples/showcase
    scripts/load.py target/release/examples/showcase --rate 50 --seconds 60
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections import defaultdict
from dataclasses import dataclass

from server import Server
from server import check
from server import parser
from server import run

EMAIL = "ann@example.org"
PASSWORD = "a ferry leaves at seven"
FRONT = "GET /"
RIGHT = "POST /login, right password"
WRONG = "POST /login, wrong password"
ALLOWED = {200, 400, 503}
PAGE_RATE = 20
PAGE_P99_MS = 100
SECONDS_TO_ANSWER = 30


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--rate", type=int, default=200, help="a second (default: %(default)s)")
    arguments.add_argument("--seconds", type=int, default=20, help="(default: %(default)s)")
    arguments.add_argument(
        "--growth", type=int, default=32, help="MiB allowed, at most (default: %(default)s)"
    )
    arguments = arguments.parse_args()
    with Server(arguments.binary, {"throttle": {"enabled": False}}, "critical") as server:
        server.make_account(EMAIL, PASSWORD)
        # All hash threads get their memory before it is measured.
        asyncio.run(flood(server, rate=50, seconds=2))
        before, _ = server.resident_mib()
        cpu = cpu_seconds(server)
        results = asyncio.run(flood(server, arguments.rate, arguments.seconds))
        cpu = cpu_seconds(server) - cpu
        after, most = server.resident_mib()
    report(results, arguments, cpu)
    print(f"memory: {before:.0f} MiB before, {most:.0f} at most, {after:.0f} after")
    assess(results)
    check(most - before < arguments.growth, f"memory grows by less than {arguments.growth} MiB")


def cpu_seconds(server):
    fields = open(f"/proc/{server.process.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    kind: str
    outcome: str
    status: int
    milliseconds: float


async def flood(server, rate, seconds):
    """Sends everything at its time, and gives what came of it."""
    connections = Connections(server.port)
    start = asyncio.get_running_loop().time()
    logins = [(number / rate, login(number)) for number in range(rate * seconds)]
    pages = [(number / PAGE_RATE, page()) for number in range(PAGE_RATE * seconds)]
    work = [connections.ask(start + due, *what) for due, what in sorted(logins + pages)]
    results = await asyncio.gather(*work)
    connections.close()
    return results


def page():
    return (FRONT, b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")


def login(number):
    kind, password = (WRONG, "a ferry leaves at eight") if number % 4 == 0 else (RIGHT, PASSWORD)
    body = json.dumps({"email": EMAIL, "password": password})
    head = (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (kind, (head + body).encode())


class Connections:
    """Connections that are kept open and used again."""

    def __init__(self, port, source="127.0.0.1"):
        self.port = port
        self.source = source
        self.idle = []

    async def ask(self, due, kind, request):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(due - loop.time())
        try:
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                status, body = await self.exchange(request)
        except (OSError, EOFError, TimeoutError) as fault:
            status, body = 0, type(fault).__name__.encode()
        return Result(kind, outcome(status, body), status, (loop.time() - due) * 1000)

    async def exchange(self, request):
        reader, writer = await self.connection()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("\r\ncontent-length:")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
        self.idle.append((reader, writer))
        return int(head.split()[1]), body

    async def connection(self):
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                return reader, writer
        source = (self.source, 0)
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=source)

    def close(self):
        for _, writer in self.idle:
            writer.close()


def outcome(status, body):
    """Says what an answer was, with the reason of a refusal."""
    if status == 0:
        return body.decode()
    reasons = json.loads(body)["response"].get("reasons", []) if body[:1] == b"{" else []
    return " ".join([str(status), *reasons])


def report(results, arguments, cpu):
    print(f"{arguments.rate} logins and {PAGE_RATE} pages a second for {arguments.seconds} s")
    kinds = defaultdict(list)
    for result in results:
        kinds[f"{result.kind}: {result.outcome}"].append(result.milliseconds)
    for kind, times in sorted(kinds.items()):
        print(f"  {len(times):5} {kind:54} {percentiles(times)}")
    hashed = sum(it.kind != FRONT and it.status in (200, 400) for it in results)
    print(f"{hashed / arguments.seconds:.0f} logins a second were decided, the others turned away")
    print(f"the server used {cpu / arguments.seconds:.2f} of {os.cpu_count()} cores")


def percentiles(times):
    shares = (50, 90, 99, 100)
    return "  ".join(f"p{share} {percentile(times, share):4.0f}" for share in shares) + " ms"


def percentile(times, share):
    ordered = sorted(times)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def assess(results):
    pages = [result for result in results if result.kind == FRONT]
    logins = [result for result in results if result.kind != FRONT]
    others = Counter(it.outcome for it in logins if it.status not in ALLOWED)
    check(not others, f"every login is answered with 200, 400 or 503 {dict(others) or ''}")
    failed = sum("unavailable" in result.outcome for result in logins)
    check(not failed, f"no 503 but for a full queue ({failed} for the database)")
    lies = sum((it.kind, it.status) in {(RIGHT, 400), (WRONG, 200)} for it in logins)
    check(not lies, f"no right password is refused and no wrong one taken ({lies})")
    check(all(it.status == 200 for it in pages), "every front page is answered with 200")
    p99 = percentile([it.milliseconds for it in pages], 99)
    check(p99 < PAGE_P99_MS, f"the front page's p99 is {p99:.0f} ms, below {PAGE_P99_MS}")


if __name__ == "__main__":
    run(main)
