"""Many visitors at once: they register, use their links, log in, look at their page, log out.

Not a program. `Traffic` remembers what everybody was told, so that it can be compared with what is
so when all is over.
"""

import random
import threading
from collections import Counter
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field

from server import path_of
from server import read_mail
from visitor import CONFIRM
from visitor import LOCKED
from visitor import LOGIN
from visitor import LOGOUT
from visitor import NOT_SENT
from visitor import PAGE
from visitor import REGISTER
from visitor import SECONDS_TO_ANSWER
from visitor import SESSION_COOKIE
from visitor import WRONG
from visitor import Visitor

PASSWORD = "a ferry leaves at seven"
WRONG_PASSWORD = "a ferry leaves at eight"

# One account is never logged in to so often that its first sessions would have to give way.
LOGINS_PER_ACCOUNT = 15
KEPT_SESSIONS = 80
PAUSE = 0.04


@dataclass
class Account:
    """Somebody, and all that they were told."""

    number: int
    email: str
    registered: Counter = field(default_factory=Counter)
    confirmed: Counter = field(default_factory=Counter)
    successes_by_link: Counter = field(default_factory=Counter)
    logins: Counter = field(default_factory=Counter)
    # Sessions that were begun and not, for all that is known, ended.
    live: list = field(default_factory=list)
    # Cookies of sessions whose end was answered with success.
    ended: list = field(default_factory=list)

    def spelt(self, attempt):
        """Gives the address as it is typed this time: another spelling, the same address."""
        name, _, host = self.email.partition("@")
        return self.email if attempt % 2 == 0 else f"{name}@{host.upper()}"


class Mailbox:
    """The mails in a folder, each read once."""

    def __init__(self, folder):
        self.folder = folder
        self.read = set()
        self.mails = {}
        self.lock = threading.Lock()

    def of(self, email):
        """Gives the mails to an address, however it is spelt, the oldest first."""
        with self.lock:
            new = set(self.folder.glob("*.eml")) - self.read
            for path in new:
                mail = read_mail(path)
                if mail.is_whole:
                    self.read.add(path)
                    self.mails.setdefault(mail.to.lower(), []).append(mail)
            return sorted(self.mails.get(email, []), key=lambda mail: mail.written_at)


class Traffic:
    """Many visitors at once; `with Traffic(…)` starts and ends them."""

    def __init__(self, server, notes, most_accounts):
        self.server = server
        self.notes = notes
        self.most_accounts = most_accounts
        self.mailbox = Mailbox(server.folder / "security-mail")
        self.accounts = []
        self.to_confirm = deque()
        self.members = deque()
        self.kept = deque()
        self.victim = None
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.threads = []
        self.faults = []

    def __enter__(self):
        work = [self.register_somebody] * 5 + [self.confirm_somebody] * 4
        work += [self.live_as_member] * 6 + [self.look_again] * 4 + [self.log_in_to_locked_row] * 2
        for number, step in enumerate(work):
            # Every third is a browser.
            arguments = (step, number % 3 == 2, random.Random(number))
            self.threads.append(threading.Thread(target=self.repeat, args=arguments, daemon=True))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(SECONDS_TO_ANSWER * 2)

    def repeat(self, step, is_browser, chance):
        try:
            while not self.is_over.wait(PAUSE):
                step(is_browser, chance)
        except Exception as fault:
            # Without this a mistake in a step would look like silence.
            self.faults.append(fault)
            raise

    def visitor(self, is_browser=False):
        return Visitor(self.server.port, self.notes, is_browser)

    def register_somebody(self, is_browser, chance):
        account = self.new_account()
        if account is None:
            self.is_over.wait(1)
            return
        # Who gets a 503 presses the button again; one in eight presses it twice at once.
        if chance.randrange(8) == 0:
            with ThreadPoolExecutor(2) as pool:
                press = lambda attempt: self.register(account, attempt, is_browser)
                list(pool.map(press, range(2)))
        for attempt in range(2, 5):
            if account.registered["yes"] or self.is_over.wait(PAUSE):
                break
            self.register(account, attempt, is_browser)
        if account.registered["yes"]:
            self.to_confirm.append(account)
        self.is_over.wait(PAUSE)

    def new_account(self):
        with self.lock:
            if len(self.accounts) >= self.most_accounts:
                return None
            number = len(self.accounts) + 1
            self.accounts.append(Account(number, f"person-{number}@example.org"))
            return self.accounts[-1]

    def register(self, account, attempt=0, is_browser=False):
        fields = {"email": account.spelt(attempt), "password": PASSWORD, "password_confirm": PASSWORD}
        visitor = self.visitor(is_browser)
        expected = {303, 503} if is_browser else {200, 503}
        reply = visitor.post(REGISTER, "/register", fields, expected)
        visitor.close()
        if reply is not NOT_SENT:
            account.registered["yes" if reply.is_success else "unsure"] += 1
        return reply

    def confirm_somebody(self, _is_browser, _chance):
        try:
            account = self.to_confirm.popleft()
        except IndexError:
            return
        mails = self.mailbox.of(account.email)
        if not mails or not self.confirm(account, path_of(mails[-1].link)):
            self.to_confirm.append(account)
            return
        self.members.append(account)

    def confirm(self, account, link, clients=3):
        """Has several clients use a link at once; says whether one was told that it worked."""
        start = threading.Barrier(clients)

        def use(_):
            visitor = self.visitor()
            start.wait(SECONDS_TO_ANSWER)
            reply = visitor.post(CONFIRM, link, {}, {200, 400, 503})
            visitor.close()
            return reply

        with ThreadPoolExecutor(clients) as pool:
            replies = list(pool.map(use, range(clients)))
        told = sum(reply.is_success for reply in replies)
        account.successes_by_link[link] += told
        account.confirmed["yes"] += told
        account.confirmed["unsure"] += sum(reply.status in (0, 503) for reply in replies)
        return account.confirmed["yes"] > 0

    def live_as_member(self, is_browser, chance):
        try:
            account = self.members.popleft()
        except IndexError:
            return
        if chance.randrange(8) == 0:
            self.log_in_wrongly(account)
        visitor = self.log_in(account, is_browser)
        if visitor:
            for _ in range(chance.randint(1, 4)):
                self.look(account, visitor)
            if len(self.kept) < KEPT_SESSIONS and chance.randrange(3) == 0:
                self.kept.append((account, visitor))
            else:
                self.log_out(account, visitor)
        if account.logins.total() < LOGINS_PER_ACCOUNT:
            self.members.append(account)

    def log_in(self, account, is_browser=False, kind=LOGIN):
        visitor = self.visitor(is_browser)
        fields = {"email": account.email, "password": PASSWORD}
        expected = {303, 503} if is_browser else {200, 503}
        reply = visitor.post(kind, "/login", fields, expected)
        account.logins["yes" if reply.is_success else "unsure"] += 1
        if not reply.is_success:
            visitor.close()
            return None
        visitor.session = "alive"
        account.live.append(visitor.cookies.get(SESSION_COOKIE))
        return visitor

    def log_in_wrongly(self, account):
        visitor = self.visitor()
        fields = {"email": account.email, "password": WRONG_PASSWORD}
        visitor.post(WRONG, "/login", fields, {400, 503})
        visitor.close()

    def look(self, account, visitor):
        expected = {401} if visitor.session == "ended" else {200, 503}
        reply = visitor.get(PAGE, "/me", expected)
        if reply.status == 200 and account.email.encode() not in reply.body.lower():
            self.notes.blame("everybody sees their own page", f"{account.email}: {reply.body}")
        return reply

    def log_out(self, account, visitor):
        cookie = visitor.cookies.get(SESSION_COOKIE)
        for _ in range(3):
            expected = {303, 503} if visitor.is_browser else {200, 503}
            reply = visitor.post(LOGOUT, "/logout", {}, expected)
            if reply.is_success:
                visitor.session = "ended"
                account.ended.append(cookie)
            elif visitor.session == "alive" and reply is not NOT_SENT:
                visitor.session = "unsure"
            if visitor.session != "alive" and cookie in account.live:
                account.live.remove(cookie)
            if reply.status != 503:
                break
            self.is_over.wait(PAUSE)
        visitor.close()

    def look_again(self, _is_browser, chance):
        """Comes back with a session that was begun some time ago."""
        try:
            account, visitor = self.kept.popleft()
        except IndexError:
            return
        self.look(account, visitor)
        if chance.randrange(40) == 0:
            self.log_out(account, visitor)
        else:
            self.kept.append((account, visitor))

    def log_in_to_locked_row(self, _is_browser, _chance):
        victim = self.victim
        if victim and victim.logins.total() < LOGINS_PER_ACCOUNT:
            visitor = self.log_in(victim, kind=LOCKED)
            if visitor:
                self.log_out(victim, visitor)
