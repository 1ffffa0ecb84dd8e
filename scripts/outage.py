#!/usr/bin/env python3
"""Shows that nobody is misled while PostgreSQL is away, and that nothing that was answered is lost.

It starts a PostgreSQL of its own, which keeps what it commits, and the showcase on it. While
programs and browsers register, use their links, log in, look at their page and log out, PostgreSQL
is stopped (in order, and at once) and started again, its connections are ended, it is frozen, made
read-only, and has its table and one of its rows locked. What everybody was answered is printed, and
held against this:

- Nothing but 2xx, 3xx, 400, 429 and 503 is answered; every 503 comes within 3 s and says when to
  come back. Nobody with a live session is asked to log in or loses the cookie.
- Once PostgreSQL is back, pages, logins and registrations succeed within 2 s, without a restart.
- At the end: no address has two accounts. Every registration that was answered with success has its
  account and its mail, every account its profile in the showcase's own table. Every confirmation is
  in the table, no link worked for two clients, every session that was begun lives, and every one
  that was ended is dead.

A 503 may mean "done" or "not done"; doing it again must not do it twice.

    cargo build --no-default-features --features cli,postgres,smtp --example showcase --bin rocket-security
    scripts/outage.py                             # about 100 s
    scripts/outage.py --short                     # about 35 s
"""

import contextlib
import signal
import time
from collections import Counter
from collections import defaultdict
from dataclasses import dataclass

from databases import PostgreSQL
from server import Failed
from server import Server
from server import check
from server import parser
from server import path_of
from server import run
from server import wait_for
from traffic import Traffic
from visitor import LOCKED
from visitor import LOGIN
from visitor import PAGE
from visitor import REGISTER
from visitor import SECONDS_TO_REFUSE
from visitor import SESSION_COOKIE
from visitor import Notes

SECONDS_TO_RECOVER = 2.0
SECONDS_FOR_MAIL = 60
ROW_LOCKED = "a row locked"
CALM = "calm"
AFTERWARDS = "afterwards"
COLUMNS = ("2xx", "3xx", "400", "401", "429", "503", "other")

SECURITY = {
    # The traffic comes from one address, and is not what the limits are for; they are counted.
    "throttle": {"scale": 100_000},
    # A hash that costs next to nothing, for the machine is to be busy with the database.
    "password": {"memory": 64, "iterations": 1},
}


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--short", action="store_true", help="about 35 s, for every change")
    arguments = arguments.parse_args()
    pace = Pace(arguments.short)
    with PostgreSQL(durable=True) as postgres:
        with Server(
            arguments.binary, SECURITY, "critical", database_url=postgres.url
        ) as server:
            notes = Notes()
            notes.enter(CALM)
            traffic = Traffic(server, notes, pace.most_accounts)
            outage = Outage(postgres, server, traffic, pace)
            try:
                with traffic:
                    outage.run()
                outage.finish()
            finally:
                report(notes)
            summarize(outage)
            assess(outage)


class Pace:
    """How long everything takes, in seconds."""

    def __init__(self, is_short):
        self.is_short = is_short
        self.most_accounts = 1_000 if is_short else 4_000
        self.before = 1 if is_short else 4
        # Some wait for PostgreSQL a while before they refuse.
        self.down = 2.5 if is_short else 7
        self.nudged = 0.6 if is_short else 5
        # Longer than anybody may wait, so that it is seen who does; a lock for longer still, for
        # some wait for a connection first and for the lock then.
        self.frozen = SECONDS_TO_REFUSE + (0.3 if is_short else 5)
        self.locked = SECONDS_TO_REFUSE + (1.5 if is_short else 5)
        self.row_locked = 2.5 if is_short else 7
        self.between = 0.3 if is_short else SECONDS_TO_RECOVER + 2
        # How many ended sessions of each account are looked at.
        self.ended_sessions = 1 if is_short else 3
        self.after = SECONDS_TO_RECOVER + (0.5 if is_short else 3)


@dataclass
class Disturbance:
    name: str
    begun: float
    ended: float
    # In seconds since the end.
    recovered: float

    def explains(self, record):
        """Says whether a request may have been refused because of this."""
        if self.name == ROW_LOCKED and record.kind != LOCKED:
            return False
        return record.ended >= self.begun and record.begun <= self.ended + SECONDS_TO_RECOVER


class Outage:
    """Everything that happens to PostgreSQL, and what is found afterwards."""

    def __init__(self, postgres, server, traffic, pace):
        self.postgres = postgres
        self.server = server
        self.traffic = traffic
        self.notes = traffic.notes
        self.pace = pace
        self.disturbances = []
        self.found = Counter()

    def run(self):
        self.make_members()
        time.sleep(self.pace.before)
        down, nudged, locked = self.pace.down, self.pace.nudged, self.pace.locked
        self.disturb("stopped in order", self.stopped(signal.SIGINT), down)
        self.disturb("stopped at once", self.stopped(signal.SIGQUIT), down)
        self.disturb("connections ended", self.connections_ended(nudged), 0)
        self.disturb("frozen", self.frozen(), self.pace.frozen)
        self.disturb("read-only", self.read_only(), nudged)
        lock = "LOCK TABLE security_users IN ACCESS EXCLUSIVE MODE"
        self.disturb("a table locked", self.locked(lock), locked)
        self.disturb(ROW_LOCKED, self.row_locked(), self.pace.row_locked)
        time.sleep(max(0, self.pace.after - self.pace.between))

    def disturb(self, name, disturbance, seconds):
        """Lets something happen, and sees how soon everything works again."""
        begun = time.monotonic()
        self.notes.enter(name)
        with disturbance:
            time.sleep(seconds)
        ended = time.monotonic()
        self.notes.enter(CALM)
        recovered = self.recover(name, ended)
        self.disturbances.append(Disturbance(name, begun, ended, recovered))
        told = f"{name} for {ended - begun:.1f} s, all is well {recovered:.2f} s later"
        print(f"  {told}", flush=True)
        time.sleep(self.pace.between)

    def make_members(self):
        """Makes those who ask again as soon as PostgreSQL is back, and one whose row is locked."""
        self.member, self.returning, self.victim = [self.make_member() for _ in range(3)]
        self.session = self.traffic.log_in(self.member)
        if self.session is None:
            raise Failed("somebody can log in before anything happens")

    def make_member(self):
        account = self.traffic.new_account()
        if not self.traffic.register(account).is_success:
            raise Failed("somebody can register before anything happens")
        mail = wait_for("the first mail", lambda: self.traffic.mailbox.of(account.email), 10)[0]
        if not self.traffic.confirm(account, path_of(mail.link)):
            raise Failed("somebody can confirm before anything happens")
        return account

    def recover(self, name, returned):
        """Tries until a page, a login and a registration succeeded; gives how long that took."""
        newcomer = self.traffic.new_account()
        steps = {
            PAGE: lambda: self.traffic.look(self.member, self.session).is_success,
            LOGIN: self.log_in_and_out,
            REGISTER: lambda: newcomer is None or self.traffic.register(newcomer).is_success,
        }
        for kind, step in steps.items():
            while not step():
                waited = time.monotonic() - returned
                if waited > SECONDS_TO_RECOVER * 3:
                    break
                time.sleep(0.05)
        took = time.monotonic() - returned
        if took > SECONDS_TO_RECOVER:
            law = f"everything works again within {SECONDS_TO_RECOVER:.0f} s"
            self.notes.blame(law, f"after \"{name}\" it took {took:.1f} s")
        if newcomer and newcomer.registered["yes"]:
            self.traffic.to_confirm.append(newcomer)
        return took

    def log_in_and_out(self):
        visitor = self.traffic.log_in(self.returning)
        if visitor:
            self.traffic.log_out(self.returning, visitor)
        return visitor is not None

    @contextlib.contextmanager
    def stopped(self, how):
        self.postgres.stop(how)
        yield
        self.postgres.start()

    @contextlib.contextmanager
    def connections_ended(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.postgres.end_connections()
            time.sleep(0.1)
        yield

    @contextlib.contextmanager
    def frozen(self):
        self.postgres.freeze()
        try:
            yield
        finally:
            self.postgres.thaw()

    @contextlib.contextmanager
    def read_only(self):
        name, reload = "default_transaction_read_only", "SELECT pg_reload_conf()"
        self.postgres.query(f"ALTER SYSTEM SET {name} = on", reload)
        yield
        self.postgres.query(f"SET {name} = off", f"ALTER SYSTEM RESET {name}", reload)
        shown = lambda: self.postgres.query(f"SHOW {name}") == [["off"]]
        wait_for("PostgreSQL can be written to again", shown, 5)

    @contextlib.contextmanager
    def locked(self, statement):
        with self.postgres.session("BEGIN", statement):
            yield

    @contextlib.contextmanager
    def row_locked(self):
        email = self.victim.email
        row = f"SELECT id FROM security_users WHERE email_canonical = '{email}' FOR UPDATE"
        with self.locked(row):
            self.traffic.victim = self.victim
            yield
            self.traffic.victim = None

    def finish(self):
        """Compares what everybody was told with what is so."""
        self.notes.enter(AFTERWARDS)
        started = time.monotonic()
        self.look_at_sessions()
        self.waited_for_mail = self.wait_for_outbox()
        self.look_into_tables()
        self.look_at_mail()
        self.use_unused_links()
        self.checked_in = time.monotonic() - started

    def wait_for_outbox(self):
        started = time.monotonic()
        is_empty = lambda: self.postgres.query("SELECT count(*) FROM security_outbox") == [["0"]]
        with contextlib.suppress(Failed):
            wait_for("the outbox is empty", is_empty, SECONDS_FOR_MAIL)
        return time.monotonic() - started

    def look_into_tables(self):
        blame = self.notes.blame
        twice = self.postgres.query(
            "SELECT lower(email), count(*) FROM security_users GROUP BY 1 HAVING count(*) > 1"
        )
        for email, count in twice:
            blame("no address has two accounts", f"{email} has {count}")
        rows = self.postgres.query(
            "SELECT u.email_canonical, u.confirmed_at IS NOT NULL, count(s.id)"
            " FROM security_users u LEFT JOIN security_sessions s ON s.user_id = u.id GROUP BY u.id"
        )
        self.rows = {email: (confirmed == "t", int(count)) for email, confirmed, count in rows}
        halves = self.postgres.query(
            "SELECT email FROM security_users u WHERE NOT EXISTS"
            " (SELECT 1 FROM profiles p WHERE p.user_id = u.id)"
        )
        for (email,) in halves:
            blame("every account has what the application commits with it", email)
        known = {account.email for account in self.traffic.accounts}
        for email in self.rows.keys() - known:
            blame("nobody has an account who did not ask for one", email)
        for account in self.traffic.accounts:
            self.compare(account, *self.rows.get(account.email, (None, 0)))

    def compare(self, account, is_confirmed, sessions):
        blame, told = self.notes.blame, f"{account}"
        if account.registered["yes"] and is_confirmed is None:
            blame("every registration that was answered with success has its account", told)
        if account.confirmed["yes"] and not is_confirmed:
            blame("every confirmation that was answered with success is in the table", told)
        if is_confirmed and not account.confirmed.total():
            blame("no address is confirmed without an answer to somebody", told)
        if max(account.successes_by_link.values(), default=0) > 1:
            blame("no link works for two clients", told)
        most = len(account.live) + account.logins["unsure"]
        # A logout that was answered with 503 may have left its session.
        most += account.logins["yes"] - len(account.live) - len(account.ended)
        if not len(account.live) <= sessions <= most:
            law = "every login answered with success has one session, the others at most one"
            blame(law, f"{sessions} sessions: {told}")

    def look_at_mail(self):
        for account in self.traffic.accounts:
            mails = self.traffic.mailbox.of(account.email)
            asked, different = account.registered.total(), {mail.message_id for mail in mails}
            self.found["mails"] += len(mails)
            self.found["sent twice"] += len(mails) - len(different)
            if account.email in self.rows and not mails:
                law = "every account that was made has its mail"
                self.notes.blame(law, f"{account}")
            if len(different) > asked:
                law = "nobody gets more mails than they asked for"
                self.notes.blame(law, f"{len(different)}: {account}")

    def use_unused_links(self):
        """Confirms whoever did not, and logs everybody in once more."""
        for account in self.traffic.accounts:
            is_confirmed, _ = self.rows.get(account.email, (None, 0))
            if is_confirmed is False:
                links = [path_of(mail.link) for mail in self.traffic.mailbox.of(account.email)]
                self.found["confirmed at the end"] += 1
                if not any(self.traffic.confirm(account, link) for link in reversed(links)):
                    self.notes.blame("every account can be confirmed by its mail", f"{account}")
                if max(account.successes_by_link.values(), default=0) > 1:
                    self.notes.blame("no link works for two clients", f"{account}")

    def look_at_sessions(self):
        visitor = self.traffic.visitor()
        for account in self.traffic.accounts:
            for cookie, is_alive in sessions_of(account, self.pace.ended_sessions):
                self.found["live sessions" if is_alive else "ended sessions"] += 1
                visitor.cookies = {SESSION_COOKIE: cookie}
                visitor.session = "alive" if is_alive else "ended"
                status = self.traffic.look(account, visitor).status
                if is_alive and status != 200:
                    law = "every session that was begun and not ended lives"
                    self.notes.blame(law, f"{status}: {account.email}")
                if not is_alive and status != 401:
                    law = "every session that was ended is dead"
                    self.notes.blame(law, f"{status}: {account.email}")


def sessions_of(account, most_ended):
    ended = account.ended[-most_ended:]
    return [(cookie, True) for cookie in account.live] + [(cookie, False) for cookie in ended]


def report(notes):
    """Prints what was answered in each phase, and to each kind of request."""
    heads = "".join(f"{it:>6}" for it in COLUMNS)
    print(f"\n  {'':24}{heads}{'p50':>9}{'p99':>9}{'slowest':>9}{'slowest 503':>13}")
    by_phase, by_kind = defaultdict(list), defaultdict(list)
    for record in notes.records:
        by_phase[record.phase].append(record)
        by_kind[record.kind].append(record)
    for name in notes.phases:
        print_row(name, by_phase[name])
    print()
    for name, records in sorted(by_kind.items()):
        print_row(name, records)


def print_row(name, records):
    counts = Counter(column(record.status) for record in records)
    shown = "".join(f"{counts[it]:6}" for it in COLUMNS)
    times = sorted(record.seconds for record in records if record.is_success)
    refused = max((record.seconds for record in records if record.status == 503), default=0)
    shares = "".join(f"{share_of(times, share) * 1000:6.0f} ms" for share in (50, 99, 100))
    print(f"  {name:24}{shown}{shares}{refused * 1000:10.0f} ms")


def column(status):
    if 200 <= status < 400:
        return f"{status // 100}xx"
    return str(status) if str(status) in COLUMNS else "other"


def share_of(times, share):
    """Gives the time within which so many in a hundred were answered."""
    return times[max(0, -(-len(times) * share // 100) - 1)] if times else 0


def summarize(outage):
    """Prints how much was looked at."""
    accounts, found = outage.traffic.accounts, outage.found
    registered = sum(account.registered["yes"] > 0 for account in accounts)
    confirmed = sum(account.confirmed["yes"] > 0 for account in accounts)
    lines = [
        f"{len(accounts)} addresses: {registered} were told that they registered,"
        f" {len(outage.rows)} have an account",
        f"{confirmed} were told that they are confirmed,"
        f" {found['confirmed at the end']} of them at the end",
        f"{found['mails']} mails, {found['sent twice']} of them once more; the outbox was empty"
        f" {outage.waited_for_mail:.1f} s after everybody was looked at",
        f"{found['live sessions']} live and {found['ended sessions']} ended sessions looked at",
        f"everything compared in {outage.checked_in:.1f} s",
    ]
    print("", *lines, sep="\n  ")


def assess(outage):
    """Says everything that does not hold, and fails if there is any."""
    notes, server = outage.notes, outage.server
    refused = [record for record in notes.records if record.status == 503]
    for record in refused:
        if not any(it.explains(record) for it in outage.disturbances):
            law = f"no 503 but during a disturbance and {SECONDS_TO_RECOVER:.0f} s after it"
            notes.blame(law, f"{record.phase}: {record.kind} after {record.seconds:.2f} s")
    for name in {it.name for it in outage.disturbances} - {"connections ended"}:
        if not any(record.phase == name for record in refused):
            notes.blame("every disturbance is felt", name)
    if "panicked" in server.log.read_text(errors="replace"):
        notes.blame("nothing panics", f"see {server.log}")
    for fault in outage.traffic.faults:
        notes.blame("the traffic goes on", repr(fault))
    if server.process.poll() is not None:
        notes.blame("the application goes on", f"ended with {server.process.returncode}")
    for law, examples in notes.broken.items():
        print(f"  FAIL {law}: not so {len(examples)} times", *examples[:3], sep="\n         ")
    check(not notes.broken, "nobody was misled and nothing was lost")


if __name__ == "__main__":
    run(main)
