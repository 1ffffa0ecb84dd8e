#!/usr/bin/env python3
"""Shows that a registration that was answered is never lost, whenever the server dies.

Each round registers an address over JSON, kills the server (`kill -9`) at a random moment within
--within milliseconds after the answer, and starts it again on the same database. After the last
round every address must have its account and its mail, every link must work exactly once, and
everybody must be able to log in.

An address may have got two mails only if the server died between handing the first one over and
noting that; all links but the newest must then be dead. A mail that was being sent when the server
died stays leased to the dead worker for a while: the script waits, and says how long it took.

    cargo build --example showcase
    scripts/crash.py                              # 20 rounds within 300 ms
    scripts/crash.py --rounds 60 --within 20      # aims at the moment of sending
"""

import random
import shutil
import sqlite3
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from server import Client
from server import Failed
from server import Server
from server import check
from server import parser
from server import path_of
from server import run
from server import wait_for

PASSWORD = "a ferry leaves at seven"


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=20, help="(default: %(default)s)")
    arguments.add_argument("--within", type=int, default=300, help="ms (default: %(default)s)")
    arguments.add_argument("--seed", type=int, help="repeats the moments of an earlier run")
    arguments.add_argument(
        "--wait", type=int, default=60, help="s for the last mail (default: %(default)s)"
    )
    arguments = arguments.parse_args()
    seed = random.randrange(10_000) if arguments.seed is None else arguments.seed
    print(f"{arguments.rounds} rounds, killed within {arguments.within} ms, --seed {seed}")
    moments = random.Random(seed)
    # The rounds come from one address, and are not what its limits are for.
    with Server(arguments.binary, {"throttle": {"enabled": False}}) as server:
        rounds = []
        for number in range(1, arguments.rounds + 1):
            delay = moments.uniform(0, arguments.within / 1000)
            rounds.append(register_and_kill(server, f"person-{number}@example.org", delay))
            note_states(server, rounds)
            killed = f"killed after {delay * 1000:3.0f} ms"
            print(f"  {number:3}: {killed}, {rounds[-1].found}", flush=True)
            server.start()
        wait_for_mail(server, rounds, arguments.wait)
        check_mail(server, rounds)
        check_links(server, rounds)


@dataclass
class Round:
    email: str
    answered_at: float
    found: str = ""
    may_repeat: bool = False


def register_and_kill(server, email, delay):
    answer = Client(server.url).post("/register", email=email, password=PASSWORD)
    if answer.status != 200:
        raise Failed(f"{email} registers: {answer}")
    answered_at = time.time()
    time.sleep(delay)
    server.kill()
    return Round(email, answered_at)


def note_states(server, rounds):
    """Notes what the server that was killed just now left of every mail."""
    left, mails = left_behind(server), mail_by_address(server)
    for round in rounds:
        state = state_of(left.get(round.email), mails[round.email])
        round.found = round.found or state
        round.may_repeat |= state == HANDED_OVER


def left_behind(server):
    """Gives the outbox of a dead server.

    It is read from a copy, so that the next server finds the database as the dead one left it.
    """
    with tempfile.TemporaryDirectory() as folder:
        for file in server.folder.glob(f"{server.database.name}*"):
            shutil.copy(file, folder)
        return outbox(Path(folder) / server.database.name)


def outbox(database):
    """Gives who has mail in the outbox, and whether it was being sent."""
    with closing(sqlite3.connect(database)) as opened:
        return dict(opened.execute("SELECT recipient, lease IS NOT NULL FROM security_outbox"))


def mail_by_address(server):
    mails = defaultdict(list)
    for mail in server.mail():
        mails[mail.to].append(mail)
    return mails


HANDED_OVER = "the mail was handed over, but that was not noted"


def state_of(is_leased, mails):
    match (is_leased, mails):
        case (None, []):
            return "the mail was neither in the outbox nor delivered"
        case (None, _):
            return "the mail was delivered"
        case (0, _):
            return "the mail was waiting"
        case (_, [*_, mail]) if mail.is_whole:
            return HANDED_OVER
        case _:
            return "the mail was being made"


def wait_for_mail(server, rounds, seconds):
    """Waits until the outbox is empty; says what took its time."""
    started = time.monotonic()

    def is_empty():
        time.sleep(0.5)
        return not outbox(server.database)

    wait_for("the outbox is empty", is_empty, seconds)
    print(f"the outbox was empty {time.monotonic() - started:.0f} s after the last start")
    mails = mail_by_address(server)
    for round in rounds:
        took = [f"{mail.written_at - round.answered_at:.1f} s" for mail in mails[round.email]]
        if len(took) > 1 or round.found != "the mail was delivered":
            print(f"  {round.email}: {round.found}; its mail came after {' and '.join(took)}")
    halves = sum(not mail.is_whole for mail in server.mail())
    if halves:
        print(f"  {halves} file(s) end in the middle, as the dead server left them")


def check_mail(server, rounds):
    mails = mail_by_address(server)
    counts = [sum(mail.is_whole for mail in mails[round.email]) for round in rounds]
    check(min(counts) >= 1, f"each of {len(rounds)} addresses has its mail")
    repeated = [round for round, count in zip(rounds, counts) if count > 1]
    check(
        all(round.may_repeat for round in repeated),
        f"{len(repeated)} have it twice, all of them handed over when the server died",
    )


def check_links(server, rounds):
    dead, mails = 0, mail_by_address(server)
    for round in rounds:
        *older, newest = [path_of(mail.link) for mail in mails[round.email] if mail.is_whole]
        for link in older:
            expect(server, link, 400)
            dead += 1
        expect(server, newest, 200)
        expect(server, newest, 400)
    check(True, f"every newest link works exactly once, and {dead} older ones do not work")
    for round in rounds:
        client = Client(server.url)
        answer = client.post("/login", email=round.email, password=PASSWORD)
        shown = client.get("/me").response.get("email")
        if (answer.status, shown) != (200, round.email):
            raise Failed(f"{round.email} logs in: {answer}, /me shows {shown}")
    check(True, "everybody has an account, logs in and sees their own page")


def expect(server, link, status):
    answer = Client(server.url).post(link)
    if answer.status != status:
        raise Failed(f"{link} is answered with {status}: {answer}")


if __name__ == "__main__":
    run(main)
