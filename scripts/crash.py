#!/usr/bin/env python3
"""Shows that a server that dies leaves nothing by halves, loses no mail, and lets no link work twice.

Each round a person does one thing, in turn: they register, confirm their address, ask for a reset,
reset their password, ask to change their address, change it, and undo the change. The server is
killed (`kill -9`) at a random moment during that request or shortly after its answer, and is started
again on the same database. Then must hold:

- what was answered has happened; what was not has happened wholly or not at all: the account with
  its profile in the showcase's own table, the password or the address, each together with every mail
  that goes with it;
- what has not happened can be done now, by the same link; a link that was used is dead;
- the right passwords and addresses log in, and only they.

After the last round every mail must have arrived, the link of every one must work exactly once, and
the journal must be whole.

A mail may have come twice only if the server died between handing it over and noting that; both then
have one Message-ID, and all links but the newest are dead. A mail that was being sent when the
server died stays leased to the dead worker for a while: the script waits for it at the end.

    cargo build --example showcase && cargo build --features cli --bin rocket-security
    scripts/crash.py                               # 100 rounds, two or three minutes
    scripts/crash.py --rounds 20 --seed 7          # the moments of that seed
"""

import http.client
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from server import Client
from server import Failed
from server import Server
from server import check
from server import parser
from server import path_of
from server import run
from server import wait_for

FIRST = "a ferry leaves at seven"
SECOND = "the harbour sleeps till noon"


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=100, help="(default: %(default)s)")
    arguments.add_argument(
        "--within", type=int, default=100, help="ms after the answer (default: %(default)s)"
    )
    arguments.add_argument("--seed", type=int, help="repeats the moments of an earlier run")
    arguments.add_argument(
        "--wait", type=int, default=60, help="s for the last mail (default: %(default)s)"
    )
    arguments = arguments.parse_args()
    seed = random.randrange(10_000) if arguments.seed is None else arguments.seed
    print(f"{arguments.rounds} rounds, --seed {seed}")
    moments, begun = random.Random(seed), time.monotonic()
    # The rounds come from one address, and are not what its limits are for.
    with Server(arguments.binary, {"throttle": {"enabled": False}}) as server:
        harbour = Harbour(server)
        harbour.rehearse()
        for number in range(1, arguments.rounds + 1):
            step = STEPS[(number - 1) % len(STEPS)]
            harbour.play(number, step, moments, arguments.within / 1000)
        harbour.wait_for_mail(arguments.wait)
        harbour.check_mail()
        harbour.check_links()
        harbour.check_journal()
        harbour.tell_figures()
        print(f"done in {time.monotonic() - begun:.0f} s")


# What people do.

CONFIRM = "Confirm your email address"
RESET = "Choose a new password"
CHANGE = "Confirm your new email address"
PASSWORD_CHANGED = "Your password was changed"
ADDRESS_CHANGED = "Your email address was changed"
UNDONE = "Your email address change was undone"


class Person:
    def __init__(self, server, name):
        self.server = server
        self.old, self.new = f"{name}@example.org", f"{name}@example.net"
        self.client = None
        self.hash = None

    def log_in(self, email):
        self.client = Client(self.server.url)
        expect(self.client.post("/login", email=email, password=FIRST), 200, f"{email} logs in")

    def can_log_in(self, email, password):
        client = Client(self.server.url)
        if client.post("/login", email=email, password=password).status != 200:
            return False
        shown = client.get("/me").response.get("email")
        if shown != email:
            raise Failed(f"{email} sees their own page, not that of {shown}")
        return True


@dataclass
class Step:
    """What somebody does by one request: at a path, or by the link of a mail."""

    name: str
    # What has been done before.
    before: list
    # The path; or to whom the mail with the link went, and its subject.
    path: str = None
    link: tuple = None
    fields: dict = field(default_factory=dict)
    is_logged_in: bool = False
    # To whom mail goes, and its subjects.
    mail: list = field(default_factory=list)
    # Tells from the accounts whether it has happened; an ask leaves nothing but its mail.
    is_done: object = None
    # Who can log in afterwards, and who cannot.
    opens: list = field(default_factory=list)
    shuts: list = field(default_factory=list)

    def wait_for_path(self, person):
        if self.path:
            return self.path
        to, subject = self.link
        return path_of(person.server.wait_for_link(getattr(person, to), subject))

    def ask(self, person, path):
        """Sends the request."""
        own = {name: getattr(person, text, text) for name, text in self.fields.items()}
        client = person.client if self.is_logged_in else Client(person.server.url)
        return client.post(path, **own)

    def mails(self, person):
        return [(getattr(person, to), subject) for to, subject in self.mail]

    def prove(self, person):
        for to, password in self.opens:
            if not person.can_log_in(getattr(person, to), password):
                raise Failed(f"{self.name}: {getattr(person, to)} logs in with {password!r}")
        for to, password in self.shuts:
            if person.can_log_in(getattr(person, to), password):
                raise Failed(f"{self.name}: {getattr(person, to)} does not log in any more")


REGISTER = Step(
    "register",
    before=[],
    path="/register",
    fields={"email": "old", "password": FIRST},
    mail=[("old", CONFIRM)],
    is_done=lambda person, accounts: person.old in accounts,
)
CONFIRM_ADDRESS = Step(
    "confirm the address",
    before=[REGISTER],
    link=("old", CONFIRM),
    is_done=lambda person, accounts: accounts[person.old].is_confirmed,
    opens=[("old", FIRST)],
)
ASK_RESET = Step(
    "ask for a reset",
    before=[REGISTER, CONFIRM_ADDRESS],
    path="/reset",
    fields={"email": "old"},
    mail=[("old", RESET)],
)
RESET_PASSWORD = Step(
    "reset the password",
    before=[REGISTER, CONFIRM_ADDRESS, ASK_RESET],
    link=("old", RESET),
    fields={"password": SECOND},
    mail=[("old", PASSWORD_CHANGED)],
    is_done=lambda person, accounts: accounts[person.old].hash != person.hash,
    opens=[("old", SECOND)],
    shuts=[("old", FIRST)],
)
ASK_CHANGE = Step(
    "ask to change the address",
    before=[REGISTER, CONFIRM_ADDRESS],
    path="/change-email",
    fields={"email": "new"},
    is_logged_in=True,
    mail=[("new", CHANGE)],
)
CHANGE_ADDRESS = Step(
    "change the address",
    before=[REGISTER, CONFIRM_ADDRESS, ASK_CHANGE],
    link=("new", CHANGE),
    is_logged_in=True,
    mail=[("old", ADDRESS_CHANGED), ("new", ADDRESS_CHANGED)],
    is_done=lambda person, accounts: person.new in accounts,
    opens=[("new", FIRST)],
    shuts=[("old", FIRST)],
)
UNDO_CHANGE = Step(
    "undo the change",
    before=[REGISTER, CONFIRM_ADDRESS, ASK_CHANGE, CHANGE_ADDRESS],
    link=("old", ADDRESS_CHANGED),
    mail=[("old", UNDONE), ("new", UNDONE)],
    is_done=lambda person, accounts: person.old in accounts,
    shuts=[("old", FIRST), ("new", FIRST)],
)

STEPS = [
    REGISTER,
    CONFIRM_ADDRESS,
    ASK_RESET,
    RESET_PASSWORD,
    ASK_CHANGE,
    CHANGE_ADDRESS,
    UNDO_CHANGE,
]
# What the link is for that a step's mail carries.
NEXT = {
    REGISTER.name: CONFIRM_ADDRESS,
    ASK_RESET.name: RESET_PASSWORD,
    ASK_CHANGE.name: CHANGE_ADDRESS,
    CHANGE_ADDRESS.name: UNDO_CHANGE,
}


def expect(answer, status, claim):
    if answer.status != status:
        raise Failed(f"{claim}: answered with {status}, not {answer}")


# What a dead server left.


@dataclass
class Account:
    hash: str | None
    is_confirmed: bool
    # The showcase's own row, of the transaction that made the account.
    has_profile: bool


@dataclass
class Left:
    """Accounts by address, mail in the outbox by Message-ID, and which of it was being sent."""

    accounts: dict
    outbox: dict
    leased: set


def left_behind(server):
    """Reads the database of a dead server.

    It is read from a copy, so that the next server finds it as the dead one left it.
    """
    with tempfile.TemporaryDirectory() as folder:
        for file in server.folder.glob(f"{server.database.name}*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / server.database.name)) as database:
            users = database.execute(
                "SELECT email, password_hash, confirmed_at IS NOT NULL, user_id IS NOT NULL"
                " FROM security_users LEFT JOIN profiles ON user_id = id"
            )
            accounts = {email: Account(hash, bool(c), bool(p)) for email, hash, c, p in users}
            rows = database.execute(
                "SELECT id, recipient, subject, lease IS NOT NULL FROM security_outbox"
            ).fetchall()
    outbox = {str(uuid.UUID(bytes=id)): (to, subject) for id, to, subject, _ in rows}
    return Left(accounts, outbox, {str(uuid.UUID(bytes=id)) for id, *_, it in rows if it})


def id_of(mail):
    """Gives the identifier in a Message-ID, which is that of the outbox."""
    return mail.message_id.strip("<>").partition("@")[0]


# The rounds.

HANDED_OVER = "handed over, and not noted"


@dataclass
class Round:
    step: Step
    person: Person
    is_answered: bool
    is_done: bool


class Harbour:
    """A server, the people who use it, and what is known about both."""

    def __init__(self, server):
        self.server = server
        self.rounds = []
        self.seconds = defaultdict(list)
        self.may_repeat = Counter()
        self.states = {"waiting": set(), "being made": set(), HANDED_OVER: set()}

    def rehearse(self):
        """Does everything once while the server lives, to learn how long it takes."""
        for number, last in enumerate((RESET_PASSWORD, UNDO_CHANGE)):
            person = Person(self.server, f"rehearsal-{number}")
            for step in (*last.before, last):
                self.do(step, person)
        for step in STEPS:
            print(f"  {step.name} takes {self.typical(step) * 1000:.0f} ms")

    def typical(self, step):
        return statistics.median(self.seconds[step.name])

    def do(self, step, person):
        """Does something while the server lives."""
        path = self.make_ready(step, person)
        begun = time.monotonic()
        answer = step.ask(person, path)
        self.seconds[step.name].append(time.monotonic() - begun)
        expect(answer, 200, f"{person.old}: {step.name}")

    def make_ready(self, step, person):
        """Gives the path at which a step is done, by somebody who is logged in if need be."""
        if step.is_logged_in and not person.client:
            person.log_in(person.old)
        return step.wait_for_path(person)

    def play(self, number, step, moments, within):
        person = Person(self.server, f"person-{number}")
        for earlier in step.before:
            self.do(earlier, person)
        path = self.make_ready(step, person)
        person.hash = self.hash_of(person)
        typical = self.typical(step)
        # Within the request, about its end, or behind its answer.
        spans = [(0, typical), (0.7 * typical, 1.3 * typical), (typical, typical + within)]
        delay = moments.uniform(*moments.choice(spans))
        answer = self.ask_and_kill(lambda: step.ask(person, path), delay)
        if answer:
            expect(answer, 200, f"{person.old}: {step.name}")
        left = left_behind(self.server)
        self.note_states(left)
        is_done = self.look(step, person, left, answer is not None)
        self.rounds.append(Round(step, person, answer is not None, is_done))
        answered = "answered" if answer else "not answered"
        happened = "has happened" if is_done else "has not happened"
        print(f"  {number:3}: {step.name}, killed after {delay * 1000:.0f} ms: ", end="")
        print(f"{answered}, {happened}", flush=True)
        self.server.start()
        self.go_on(step, person, path, is_done)

    def hash_of(self, person):
        with closing(sqlite3.connect(self.server.database)) as database:
            select = "SELECT password_hash FROM security_users WHERE email = ?"
            found = database.execute(select, [person.old]).fetchone()
        return found and found[0]

    def ask_and_kill(self, ask, delay):
        """Kills the server while it is asked or afterwards; gives the answer if there was one."""
        answers = []

        def ask_quietly():
            try:
                answers.append(ask())
            except (OSError, http.client.HTTPException):
                pass

        asking = threading.Thread(target=ask_quietly)
        asking.start()
        time.sleep(delay)
        self.server.kill()
        asking.join()
        return answers[0] if answers else None

    def note_states(self, left):
        """Notes the mails that were handed over when the server died, which it could not note."""
        whole = {id_of(mail) for mail in self.server.mail() if mail.is_whole}
        handed_over = left.leased & whole
        self.may_repeat.update(handed_over)
        self.states[HANDED_OVER] |= handed_over
        self.states["being made"] |= left.leased - whole
        self.states["waiting"] |= left.outbox.keys() - left.leased

    def look(self, step, person, left, is_answered):
        """Looks whether a step has happened, and that it has done so wholly or not at all."""
        kept = {id_of(mail): (mail.to, mail.subject) for mail in self.server.mail() if mail.is_whole}
        counts = Counter((kept | left.outbox).values())
        found = [counts[mail] for mail in step.mails(person)]
        claim = f"{person.old}: {step.name}"
        accounts = [address for address in (person.old, person.new) if address in left.accounts]
        if len(accounts) > 1 or not (accounts or step is REGISTER):
            raise Failed(f"{claim}: one person has one account, not {accounts}")
        if not all(left.accounts[address].has_profile for address in accounts):
            raise Failed(f"{claim}: an account has the profile that was committed with it")
        is_done = step.is_done(person, left.accounts) if step.is_done else found == [1]
        if found != [int(is_done)] * len(found):
            raise Failed(f"{claim}: happened: {is_done}; of its mails there are {found}")
        if is_answered and not is_done:
            raise Failed(f"{claim}: was answered, and has happened")
        return is_done

    def go_on(self, step, person, path, is_done):
        """Does what has not happened yet, now; then a link must be dead."""
        claim = f"{person.old}: {step.name}"
        if step.is_logged_in:
            person.log_in(person.new if step is CHANGE_ADDRESS and is_done else person.old)
        if not is_done:
            expect(step.ask(person, path), 200, f"{claim}, after the restart")
        if step.link:
            expect(step.ask(person, path), 400, f"{claim}, by a link that was used")
        step.prove(person)

    # After the last round.

    def wait_for_mail(self, seconds):
        """Waits until the outbox is empty."""
        started = time.monotonic()

        def is_empty():
            time.sleep(0.5)
            with closing(sqlite3.connect(self.server.database)) as database:
                return not database.execute("SELECT 1 FROM security_outbox").fetchall()

        wait_for("the outbox is empty", is_empty, seconds)
        print(f"the outbox was empty {time.monotonic() - started:.0f} s after the last round")

    def check_mail(self):
        whole = [mail for mail in self.server.mail() if mail.is_whole]
        ids = {id_of(mail): (mail.to, mail.subject) for mail in whole}
        counts = Counter(ids.values())
        wanted = [mail for it in self.rounds for mail in it.step.mails(it.person)]
        amiss = [f"{to}: {subject} ({counts[to, subject]})" for to, subject in wanted
                 if counts[to, subject] != 1]
        check(not amiss, f"each of {len(wanted)} mails of the rounds has arrived" + listed(amiss))
        deliveries = Counter(map(id_of, whole))
        repeated = {id: times for id, times in deliveries.items() if times > 1}
        check(
            all(times <= 1 + self.may_repeat[id] for id, times in repeated.items()),
            f"of {len(ids)} mails {len(repeated)} came twice, all of them handed over when the "
            "server died",
        )

    def check_links(self):
        newest, older = 0, 0
        for it in self.rounds:
            step = NEXT.get(it.step.name)
            if step is None:
                continue
            to, subject = step.link
            mails = [mail for mail in self.server.mail(getattr(it.person, to))
                     if mail.is_whole and mail.subject == subject]
            *dead, alive = [path_of(mail.link) for mail in mails]
            claim = f"{it.person.old}: {step.name}"
            for path in dead:
                expect(step.ask(it.person, path), 400, f"{claim}, by an older link")
                older += 1
            expect(step.ask(it.person, alive), 200, claim)
            expect(step.ask(it.person, alive), 400, f"{claim}, by a link that was used")
            step.prove(it.person)
            newest += 1
        check(True, f"{newest} newest links work exactly once, and {older} older ones do not work")
        used = sum(it.step.link is not None for it in self.rounds)
        check(True, f"{used} links that were used when the server died worked exactly once")

    def check_journal(self):
        self.server.command("audit", "verify")
        check(True, "the journal of all that is whole, without a gap")

    def tell_figures(self):
        print("                             answered   not answered   not answered")
        print("                           and happened   but happened   nor happened")
        for step in STEPS:
            its = [it for it in self.rounds if it.step is step]
            answered = sum(it.is_answered for it in its)
            happened = sum(it.is_done and not it.is_answered for it in its)
            print(f"  {step.name:27}{answered:10}{happened:15}{len(its) - answered - happened:15}")
        halves = sum(not mail.is_whole for mail in self.server.mail())
        states = ", ".join(f"{len(mails)} {state}" for state, mails in self.states.items())
        print(f"mails at the kills: {states}; {halves} files end in the middle")


def listed(texts):
    return f": {', '.join(texts)}" if texts else ""


if __name__ == "__main__":
    run(main)
