"""A client that keeps notes: what it was answered, how soon, and whether that may be answered.

Not a program. A `Visitor` is a program or a browser; every answer it gets goes into the `Notes`,
which hold it against what nobody may ever be told.
"""

import http.client
import json
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass

SESSION_COOKIE = "security_session"
ALLOWED = {400, 429, 503}
SECONDS_TO_REFUSE = 3.0
SECONDS_TO_ANSWER = 15
SECONDS_IDLE = 2

REGISTER = "register"
CONFIRM = "use the link"
LOGIN = "log in"
WRONG = "log in, wrong password"
LOCKED = "log in, row locked"
PAGE = "own page"
LOGOUT = "log out"
FORM = "look at a form"


@dataclass
class Record:
    """One answer. The status is 0 when there was none."""

    phase: str
    kind: str
    status: int
    begun: float
    ended: float

    @property
    def seconds(self):
        return self.ended - self.begun

    @property
    def is_success(self):
        return 200 <= self.status < 400


class Notes:
    """Every answer, by the phase in which it was asked for, and every law that one broke."""

    def __init__(self):
        self.phase = ""
        self.phases = []
        self.records = []
        self.broken = {}
        self.lock = threading.Lock()

    def enter(self, phase):
        self.phase = phase
        if phase not in self.phases:
            self.phases.append(phase)

    def add(self, record):
        with self.lock:
            self.records.append(record)

    def blame(self, law, example):
        """Notes that a law was broken."""
        with self.lock:
            self.broken.setdefault(law, []).append(example)


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def is_success(self):
        return 200 <= self.status < 400

    @property
    def response(self):
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read.get("response", read) if isinstance(read, dict) else {}


NO_REPLY = Reply(0, http.client.HTTPMessage(), b"")
# The form did not come, so that there was nothing to send.
NOT_SENT = Reply(0, http.client.HTTPMessage(), b"")


class Visitor:
    """A program that speaks JSON, or a browser that sends forms; it follows no redirect."""

    def __init__(self, port, notes, is_browser=False):
        self.port = port
        self.notes = notes
        self.is_browser = is_browser
        self.cookies = {}
        self.csrf_token = None
        # What is to become of the session: "none", "alive", "unsure" or "ended".
        self.session = "none"
        self.connection = None
        self.used_at = 0

    def get(self, kind, path, expected):
        return self.ask(kind, "GET", path, None, expected)

    def post(self, kind, path, fields, expected):
        """Sends what a program or a browser sends; a browser looks at the form first."""
        if self.is_browser and not self.open_form(path):
            return NOT_SENT
        return self.ask(kind, "POST", path, fields, expected)

    def open_form(self, path):
        reply = self.get(FORM, path, {200, 503})
        found = re.search(rb'name="csrf_token" value="([^"]+)"', reply.body)
        if found:
            self.csrf_token = found.group(1).decode()
        return found is not None

    def ask(self, kind, method, path, fields, expected):
        """Sends a request, and holds the answer against the laws and what is `expected`."""
        phase, begun = self.notes.phase, time.monotonic()
        try:
            reply = self.exchange(method, path, fields)
        except (OSError, http.client.HTTPException) as fault:
            self.close()
            reply = NO_REPLY
            told = f"{type(fault).__name__}: {fault}"
        else:
            told = " ".join(reply.response.get("reasons", []))
        record = Record(phase, kind, reply.status, begun, time.monotonic())
        self.notes.add(record)
        answered = f"{reply.status} {told}".rstrip()
        example = f"{phase}: {kind}: {answered} after {record.seconds:.2f} s"
        self.judge(record, reply, example, expected)
        self.keep(reply)
        return reply

    def exchange(self, method, path, fields):
        if self.connection and time.monotonic() - self.used_at > SECONDS_IDLE:
            # The server closes connections that are idle, and may be doing so just now.
            self.close()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=SECONDS_TO_ANSWER
            )
        body, headers = self.body(fields)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        reply = Reply(answer.status, answer.headers, answer.read())
        self.used_at = time.monotonic()
        if answer.will_close:
            self.close()
        return reply

    def body(self, fields):
        headers = {"Accept": "text/html" if self.is_browser else "application/json"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={it}" for name, it in self.cookies.items())
        if fields is None:
            return None, headers
        if self.is_browser:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return urllib.parse.urlencode({"csrf_token": self.csrf_token} | fields), headers
        headers["Content-Type"] = "application/json"
        if self.csrf_token:
            headers["X-XSRF-Token"] = self.csrf_token
        return json.dumps(fields), headers

    def judge(self, record, reply, example, expected):
        blame, status = self.notes.blame, reply.status
        is_over = self.session in ("unsure", "ended")
        unsure = {400, 401} if is_over else set()
        to_login = status == 303 and "/login" in (reply.headers["Location"] or "")
        if status == 0:
            blame("every request is answered", example)
            return
        if not (record.is_success or status in ALLOWED | unsure):
            blame("nothing but 2xx, 3xx, 400, 429 and 503 is answered", example)
        elif status == 429:
            blame("nobody is throttled, for the limits are far away", example)
        elif status not in expected | unsure:
            blame("nobody is refused who is in the right, and nobody let in who is not", example)
        if record.kind == PAGE and to_login and self.session == "alive":
            blame("nobody with a live session is sent to the login page", example)
        if status == 503 and not (reply.headers["Retry-After"] or "").isdecimal():
            blame("every 503 says when to come back", example)
        if status == 503 and record.seconds > SECONDS_TO_REFUSE:
            blame(f"every 503 comes within {SECONDS_TO_REFUSE:.0f} s", example)
        is_cleared = (SESSION_COOKIE, "") in cookies_of(reply)
        may_clear = is_over or (record.kind == LOGOUT and record.is_success)
        if is_cleared and (status == 503 or not may_clear):
            blame("no answer takes the cookie of a live session away", example)

    def keep(self, reply):
        for name, value in cookies_of(reply):
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        if not self.is_browser:
            self.csrf_token = reply.response.get("csrf_token", self.csrf_token)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def cookies_of(reply):
    """Gives the cookies that an answer sets, those that it removes with an empty value."""
    found = []
    for line in reply.headers.get_all("Set-Cookie") or []:
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        is_removed = any(it.lower() == "max-age=0" for it in attributes)
        found.append((name, "" if is_removed else value))
    return found
