#!/usr/bin/env python3
"""Shows that two processes on one database are one application.

It starts two showcases with the same keys on one database, as behind a load balancer, and sends
the requests of each browser to one and to the other in turns. Whatever one of them is told counts
at the other with the next request: logins and logouts, roles and what they include, sessions that
are ended, a new password, an account that is locked. What a browser holds is good at both:
anti-forgery tokens, what is kept with the session, sentences that are shown once. Then the keys are
replaced, one process after the other, and nobody notices.

The database is a SQLite file, or the one that SECURITY_TEST_DATABASE_URL names, for which the
showcase and the command line have to be built.

    cargo build --example showcase && cargo build --features cli --bin rocket-security
    scripts/instances.py                                        # about 20 s

    cargo build --no-default-features --features cli,postgres,smtp --example showcase --bin rocket-security
    scripts/with_database.py postgres -- scripts/instances.py
"""

import base64
import copy
import os
import secrets
import urllib.parse
import urllib.request

from server import Client
from server import Server
from server import check
from server import parser
from server import run

ANN = "ann@example.org"
PASSWORD = "a ferry leaves at seven"
NEW_PASSWORD = "a ferry leaves at eight"

SECURITY = {
    # Everything comes from one address, and in a hurry.
    "throttle": {"scale": 1_000},
    "password": {"memory": 64, "iterations": 1},
}


def main():
    arguments = parser(__doc__).parse_args()
    database_url = os.environ.get("SECURITY_TEST_DATABASE_URL")
    with Server(arguments.binary, SECURITY, "critical", database_url) as first:
        shared = {name: first.security[name] for name in ("base_url", "keys")}
        # Either may send a mail, wherever it was asked for.
        mail = first.security["mail"] | {"url": f"file:{first.folder}/security-mail"}
        shared["mail"] = mail
        database_url = database_url or f"sqlite:{first.database}"
        second = Server(arguments.binary, SECURITY | shared, "critical", database_url)
        with second:
            first.make_account(ANN, PASSWORD)
            instances = Instances(first, second)
            for claims in (
                logins_and_logouts,
                tokens_against_forgery,
                session_data,
                roles,
                sessions_that_are_ended,
                a_new_password,
                a_locked_account,
                new_keys,
                one_journal,
            ):
                print(claims.__name__.replace("_", " "))
                claims(instances)


class Instances:
    def __init__(self, first, second):
        self.first = first
        self.second = second
        self.both = (first, second)

    def browser(self):
        return Browser(self.first)

    def logged_in(self, at=None, password=PASSWORD):
        browser = self.browser().at(at or self.first)
        name = "first" if browser.url == self.first.url else "second"
        same(browser.log_in(password), 200, f"a login at the {name} succeeds")
        return browser

    def is_in(self, browser, claim):
        self.answers(browser, "/me", 200, claim)

    def answers(self, browser, path, status, claim):
        """Checks what a browser is answered, at both and in turns."""
        found = [browser.at(server).get(path).status for server in self.both * 2]
        same(found, [status] * 4, f"{claim}, at both")

    def is_out(self, browser, claim):
        """Checks that a session is over at both; each looks at it for the first time."""
        twin = browser.twin()
        browsers = zip((browser, twin), self.both)
        found = [browser.at(server).get("/me").status for browser, server in browsers]
        same(found, [401, 401], f"{claim}, at both")

    def command(self, *arguments):
        return self.second.command(*arguments)


class Browser(Client):
    """A browser that is led to one process or the other: its cookies know no ports."""

    def __init__(self, server):
        super().__init__(server.url)

    def at(self, server):
        self.url = server.url
        return self

    def log_in(self, password):
        self.get("/login")
        return self.post("/login", email=ANN, password=password).status

    def add(self, title):
        """Puts a title on the reading list, by a form with the anti-forgery token that it has."""
        fields = {"csrf_token": self.csrf_token or "", "title": title}
        body = urllib.parse.urlencode(fields).encode()
        return self.send(urllib.request.Request(self.url + "/list", body)).status

    def list(self):
        """Looks at the reading list: its titles, and the sentences that are shown."""
        response = self.get("/list").response
        return response["titles"], [flash["text"] for flash in response["flashes"]]

    def twin(self):
        """Gives a browser with the same cookies."""
        twin = copy.copy(self)
        Client.__init__(twin, self.url)
        twin.csrf_token = self.csrf_token
        for cookie in self.cookies:
            twin.cookies.set_cookie(copy.copy(cookie))
        return twin

    def sessions(self):
        return self.get("/sessions").response["sessions"]


def same(found, wanted, claim):
    check(found == wanted, claim + ("" if found == wanted else f": {found}"))


def logins_and_logouts(instances):
    for at, other in (instances.both, instances.both[::-1]):
        browser = instances.logged_in(at)
        instances.is_in(browser, "whoever logged in there is in")
        held = browser.twin()
        same(browser.at(other).post("/logout").status, 200, "a logout at the other succeeds")
        instances.is_out(held, "a cookie of before the logout opens nothing")
        instances.is_out(browser, "and the browser is a stranger's")


def tokens_against_forgery(instances):
    first, second = instances.both
    browser = instances.browser()
    browser.at(first).get("/login")
    status = browser.at(second).post("/login", email=ANN, password=PASSWORD).status
    same(status, 200, "a stranger's token of the first is accepted by the second")
    browser.at(second).get("/sessions")
    same(browser.at(first).add("Dune"), 303, "a token of the second is accepted by the first")
    token, browser.csrf_token = browser.csrf_token, None
    same(browser.at(second).add("Emma"), 400, "without one, nothing is done")
    stranger = instances.browser()
    stranger.get("/login")
    stranger.csrf_token = token
    for server in instances.both:
        same(stranger.at(server).add("Emma"), 400, "nor with one of another browser")


def session_data(instances):
    first, second = instances.both
    browser = instances.browser()
    browser.at(first).get("/login")
    browser.add("Emma")
    said = (["Emma"], ["Emma is on your list."])
    same(browser.at(second).list(), said, "what the first was told to say once, the second says")
    for server in instances.both:
        same(browser.at(server).list(), (["Emma"], []), "and nobody says it again")
    browser.at(second).add("Ulysses")
    both = ["Emma", "Ulysses"]
    same(browser.at(first).list()[0], both, "what is put on a list at both is there")
    same(browser.at(second).log_in(PASSWORD), 200, "a login with a list that is filled")
    for server in instances.both:
        same(browser.at(server).list()[0], both, "the list is there after the login")
    browser.at(first).post("/logout")
    same(browser.at(second).list()[0], [], "and gone after the logout")


def roles(instances):
    browser = instances.logged_in()
    lacks = lambda claim: instances.answers(browser, "/drafts", 403, claim)
    has = lambda claim: instances.answers(browser, "/drafts", 200, claim)
    lacks("who has no role sees no drafts")
    instances.command("roles", "grant", ANN, "editor")
    has("who was made an editor sees them with the next request")
    instances.command("roles", "revoke", ANN, "editor")
    lacks("who was one sees them no more")
    instances.command("roles", "create", "chief")
    instances.command("roles", "grant", ANN, "chief")
    lacks("a chief is no editor")
    instances.command("roles", "include", "chief", "editor")
    has("until that role includes it")
    instances.command("roles", "exclude", "chief", "editor")
    lacks("and no longer")


def sessions_that_are_ended(instances):
    first, second = instances.both
    mine, other = instances.logged_in(first), instances.logged_in(second)
    current = lambda browser: next(it["id"] for it in browser.sessions() if it["is_current"])
    ended = mine.at(first).post("/sessions/end", session=current(other))
    same(ended.status, 200, "one session ends another")
    instances.is_out(other, "whose browser is out")
    others = [instances.logged_in(server) for server in instances.both]
    same(mine.at(second).post("/sessions/end-others").status, 200, "one session ends all others")
    for browser in others:
        instances.is_out(browser, "whose browsers are out")
    instances.is_in(mine, "the one who asked is in")
    instances.command("sessions", "end", ANN, current(mine))
    instances.is_out(mine, "one that an operator ended is out")
    others = [instances.logged_in(server) for server in instances.both]
    instances.command("sessions", "end", ANN, "--all")
    for browser in others:
        instances.is_out(browser, "so are all of them, when all were ended")


def a_new_password(instances):
    first, second = instances.both
    mine, other = instances.logged_in(first), instances.logged_in(second)
    held = mine.twin()
    fields = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = mine.at(first).post("/change", **fields, new_password_confirm=NEW_PASSWORD)
    same(changed.status, 200, "the password is changed")
    instances.is_out(other, "another session of the account is out")
    instances.is_out(held, "so is the number that the one who changed it had")
    instances.is_in(mine, "who changed it is in")
    for server in instances.both:
        status = instances.browser().at(server).log_in(PASSWORD)
        same(status, 400, "the old password opens nothing")
        instances.logged_in(server, NEW_PASSWORD)


def a_locked_account(instances):
    browsers = [instances.logged_in(server, NEW_PASSWORD) for server in instances.both]
    instances.command("users", "deactivate", ANN)
    for browser in browsers:
        instances.is_out(browser, "who is locked out is out")
    for server in instances.both:
        same(instances.browser().at(server).log_in(NEW_PASSWORD), 400, "and does not get in")
    instances.command("users", "activate", ANN)
    for server in instances.both:
        instances.logged_in(server, NEW_PASSWORD)


def new_keys(instances):
    """First every process learns the new key, then each begins to use it."""
    first, second = instances.both
    old, new = first.security["keys"], new_key()
    browsers = [instances.logged_in(server, NEW_PASSWORD) for server in instances.both]
    titles = []

    def restart(server, keys, what):
        server.stop()
        server.configure({"keys": keys})
        server.start()
        for browser in browsers:
            instances.is_in(browser, f"{what}: who was in is in")
        titles.append(f"Volume {len(titles) + 1}")
        same(browsers[0].at(server).add(titles[-1]), 303, "their token counts")
        for either in instances.both:
            same(browsers[0].at(either).list()[0], titles, "their list is there")
        browsers.append(instances.logged_in(server, NEW_PASSWORD))
        instances.is_in(browsers[-1], "who logs in now is in")

    restart(second, [old, new], "the second knows the new key")
    restart(first, [new, old], "the first uses it, and has the old one behind it")
    restart(second, [new, old], "the second uses it, too")


def one_journal(instances):
    told = instances.command("audit", "verify").strip()
    check(told.startswith("The journal is intact"), f"what both wrote down is one chain: {told}")


def new_key():
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return f"k4.local.{key}"


if __name__ == "__main__":
    run(main)
