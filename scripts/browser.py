#!/usr/bin/env python3
"""Shows that a person with a browser gets from the front page to their own page, and out again.

It starts the showcase and drives Chromium through registration (with mistakes first), the mailed
link, the log-in, a page that is not for them, the log-out and the way back. On every page it looks
for scripts, for the stylesheet, and for what Chromium has to complain about.

    cargo build --example showcase
    scripts/browser.py                      # the journey alone
    scripts/browser.py --screenshots docs   # and pictures, among them the README's

It needs Debian's chromium and chromium-driver, and takes a few seconds.
"""

from pathlib import Path

from server import Server
from server import check
from server import parser
from server import path_of
from server import run
from webdriver import Browser

ADDRESS = "ann@example.org"
PASSWORD = "a ferry leaves at seven"


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--screenshots", type=Path, metavar="DIR", help="take pictures as well")
    arguments = arguments.parse_args()
    album = Album(arguments.screenshots)
    with Server(arguments.binary) as server, Browser() as browser:
        visitor = Visitor(browser, server)
        take_portraits(visitor, album)
        register_with_mistakes(visitor, album)
        register(visitor)
        confirm(visitor, album)
        log_in(visitor)
        be_refused(visitor)
        log_out_and_come_back(visitor)
        print(f"{visitor.pages} pages looked at, nothing amiss")


class Visitor:
    """A person at a browser, who notices whatever is wrong with a page."""

    def __init__(self, browser, server):
        self.browser = browser
        self.server = server
        self.pages = 0

    def open(self, path, status=200):
        self.browser.open(self.server.url + path)
        self.look(status)

    def press(self, label, status=200):
        self.browser.press(label)
        self.look(status)

    def look(self, status=200):
        """Looks at the page that is shown."""
        self.pages += 1
        browser, page = self.browser, self.path()
        found = browser.status()
        check(found == status, f"{page} is answered with {status}" + differs(found, status))
        scripts, sheets = browser.count("script"), browser.count("link[rel=stylesheet]")
        if (scripts, sheets, browser.evaluate("document.styleSheets.length")) != (0, 1, 1):
            check(False, f"{page} has no script ({scripts}) and one stylesheet ({sheets})")
        font = browser.evaluate("getComputedStyle(document.body).fontFamily")
        if not font.startswith("system-ui"):
            check(False, f"{page} is shown in the stylesheet's font ({font})")
        for entry in browser.console():
            if not is_expected(entry, status):
                check(False, f"{page} gives nothing to complain about: {entry}")

    def path(self):
        return self.browser.address().removeprefix(self.server.url)

    def sees(self, text):
        check(text in self.browser.text(), f"{self.path()} says {text!r}")


def differs(found, wanted):
    return "" if found == wanted else f", not {found}"


def is_expected(entry, status):
    """A page that is answered with an error status is mentioned in the console as such."""
    told = f"the server responded with a status of {status} "
    return entry["level"] == "INFO" or (status >= 400 and told in entry["message"])


class Album:
    def __init__(self, folder):
        self.folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, browser, name, width=800, dark=False):
        if self.folder:
            browser.photograph(self.folder / f"{name}.png", width, dark)


def take_portraits(visitor, album):
    print("the forms, as they are before anything is typed")
    browser = visitor.browser
    visitor.open("/register")
    album.take(browser, "register")
    visitor.open("/login")
    album.take(browser, "login")
    album.take(browser, "login-dark", dark=True)
    album.take(browser, "login-phone", width=390)


def register_with_mistakes(visitor, album):
    print("registering, with mistakes")
    browser = visitor.browser
    visitor.open("/")
    visitor.press("register")
    check(browser.focused() == "email", "the cursor waits in the first field")

    fill(browser, email="ann at example.org", password="short", password_confirm="shorter")
    visitor.press("Create account", status=400)
    album.take(browser, "register-errors")
    check(browser.title().startswith("Error: "), "the title says that there is an error")
    check(browser.count(".security-field-wrong") == 3, "all three fields are marked at once")
    check(browser.focused() == "email", "the cursor is in the first wrong field, the address")
    check(browser.value("email") == "ann at example.org", "the address is there as it was typed")
    check(browser.value("password") == "", "the password is not")

    fill(browser, email=ADDRESS, password="short", password_confirm="short")
    visitor.press("Create account", status=400)
    check(browser.focused() == "password", "the cursor is in the first wrong field, the password")
    check(browser.value("email") == ADDRESS, "the address is there as it was typed")


def register(visitor):
    print("registering")
    fill(visitor.browser, password=PASSWORD, password_confirm=PASSWORD)
    visitor.press("Create account")
    check(visitor.path() == "/login", "that leads to the login page")
    visitor.sees("Check your mail")
    fill(visitor.browser, email=ADDRESS, password=PASSWORD)
    visitor.press("Log in", status=400)
    check(visitor.path() == "/login", "before the address is confirmed, nobody gets in")


def confirm(visitor, album):
    print("confirming")
    link = visitor.server.wait_for_link(ADDRESS)
    token = path_of(link).rpartition("/")[2]
    visitor.open(path_of(link))
    check(visitor.path() == "/confirm/link", "the link leads to a page without its token")
    check(token not in visitor.browser.address(), "the token is not in the address bar")
    check(token not in visitor.browser.evaluate("document.referrer"), "nor in the referrer")
    album.take(visitor.browser, "confirm")
    visitor.press("Confirm my address")
    check(visitor.path() == "/login", "the button leads to the login page")
    visitor.sees("Your address is confirmed")
    visitor.open(path_of(link), status=400)
    visitor.sees("This link does not work any more")
    visitor.press("Log in")


def log_in(visitor):
    print("logging in")
    fill(visitor.browser, email=ADDRESS, password="not the password I chose")
    visitor.press("Log in", status=400)
    check(visitor.browser.value("email") == ADDRESS, "after a wrong password the address is there")
    fill(visitor.browser, password=PASSWORD)
    visitor.press("Log in")
    check(visitor.path() == "/", "logging in leads to the front page")
    visitor.press("My page")
    visitor.sees(f"Hello, {ADDRESS}!")


def be_refused(visitor):
    print("going where only admins go")
    visitor.open("/")
    visitor.press("Administration", status=403)
    visitor.sees("Not for you")
    visitor.press("Go to the home page")
    check(visitor.path() == "/", "the page that refuses leads back")


def log_out_and_come_back(visitor):
    print("logging out, and back in by way of a page that asks for it")
    visitor.press("Log out")
    visitor.open("/me")
    check(visitor.path() == "/login?next=%2Fme", "/me leads to the login page")
    fill(visitor.browser, email=ADDRESS, password=PASSWORD)
    visitor.press("Log in")
    check(visitor.path() == "/me", "and the login page back to /me")
    visitor.sees(f"Hello, {ADDRESS}!")


def fill(browser, **fields):
    for field, text in fields.items():
        browser.type(field, text)


if __name__ == "__main__":
    run(main)
