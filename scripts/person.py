"""A person at a browser, for `browser.py`, who notices whatever is wrong with a page.

Not a program. On every page the person looks for scripts, for the stylesheet, for what Chromium has
to complain about, and whether it fits a narrow window; the album keeps pictures of pages and mails.
"""

import email
import email.policy
import re

from server import check


# WCAG 2.2, 1.4.10: what has to do without scrolling sideways.
NARROW = 320


class Person:
    def __init__(self, browser, server, album):
        self.browser = browser
        self.server = server
        self.album = album
        self.pages = 0

    def open(self, path, status=200):
        self.browser.open(self.server.url + path)
        self.look(status)

    def press(self, label, status=200):
        self.browser.press(label)
        self.look(status)

    def fill(self, **fields):
        for field, text in fields.items():
            self.browser.type(field, text)

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
        wide = browser.width_in(NARROW)
        if wide > NARROW:
            check(False, f"{page} fits a window of {NARROW} px, and is not {wide} px wide")
        for entry in browser.console():
            if not is_expected(entry, status):
                check(False, f"{page} gives nothing to complain about: {entry}")

    def path(self):
        return self.browser.address().removeprefix(self.server.url)

    def is_at(self, path, claim):
        check(self.path() == path, claim + ("" if self.path() == path else f": {self.path()}"))

    def sees(self, text):
        check(text in self.browser.text(), f"{self.path()} says {text!r}")

    def starts_in(self, field):
        focused = self.browser.focused()
        check(focused == field, f"the cursor is in the field {field}" + differs(focused, field))

    def take(self, name, *looks):
        """Takes a picture of the page, in further looks if wanted: `dark`, `phone`."""
        self.album.take(self.browser, name)
        if "dark" in looks:
            self.album.take(self.browser, f"{name}-dark", dark=True)
        if "phone" in looks:
            self.album.take(self.browser, f"{name}-phone", width=390)


def differs(found, wanted):
    return "" if found == wanted else f", not {found}"


def is_expected(entry, status):
    """A page that is answered with an error status is mentioned in the console as such.

    Not every application has the icon that browsers ask for by themselves.
    """
    told = f"the server responded with a status of {status} "
    is_icon = "/favicon.ico" in entry["message"]
    return entry["level"] == "INFO" or is_icon or (status >= 400 and told in entry["message"])


class Album:
    """Pictures in a folder; none without one."""

    def __init__(self, folder):
        self.folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, browser, name, width=800, dark=False):
        if self.folder:
            browser.photograph(self.folder / f"{name}.png", width, dark)

    def take_mails(self, browser, server):
        """Takes a picture of each kind of mail, as a page and as text."""
        if not self.folder:
            return
        mails = [mail for mail in server.mail() if mail.is_whole]
        # Of several alike the first.
        kinds = {(mail.subject, mail.to): mail for mail in reversed(mails)}
        names = {}
        for (subject, _), mail in reversed(kinds.items()):
            name = "mail-" + re.sub(r"\W+", "-", subject.lower()).strip("-")
            names[name] = names.get(name, 0) + 1
            name += f"-{names[name]}" if names[name] > 1 else ""
            message = email.message_from_bytes(mail.path.read_bytes(), policy=email.policy.default)
            for kind, ending in (("html", "html"), ("plain", "txt")):
                file = server.folder / f"mail.{ending}"
                file.write_text(message.get_body((kind,)).get_content())
                browser.open(file.as_uri())
                self.take(browser, f"{name}-text" if kind == "plain" else name, width=640)
                if kind == "html" and len(names) == 1:
                    self.take(browser, f"{name}-dark", width=640, dark=True)
                    self.take(browser, f"{name}-phone", width=390)
