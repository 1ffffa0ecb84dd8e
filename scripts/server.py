"""What the scripts of this folder share: a server of their own, its mail, and a client for it.

Not a program. `Server` starts an example on a free loopback port in a temporary folder, configured
by ROCKET_* variables alone, and ends no process but the one it started. `Client` is a program that
speaks JSON and keeps its cookies. `run` turns a claim that does not hold into exit code 1.
"""

import argparse
import base64
import email
import email.policy
import http.cookiejar
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 30
SECONDS_TO_STOP = 10


class Failed(Exception):
    """Something that a script is to show does not hold."""


def check(holds, claim):
    """Notes a claim that holds; ends the script at one that does not."""
    if not holds:
        raise Failed(claim)
    print(f"  ok   {claim}", flush=True)


def wait_for(what, look, seconds):
    """Looks until there is something, and gives it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise Failed(f"{what} within {seconds} s")


def run(main):
    """Runs a script: exit code 0 when everything holds, 1 when not, also when it is terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    try:
        main()
    except Failed as failure:
        sys.exit(f"  FAIL {failure}")


def parser(docstring):
    """Makes the parser of a script's arguments, with the one that all have."""
    made = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "binary",
        nargs="?",
        type=binary,
        default="target/debug/examples/showcase",
        help="the server, relative to the repository (default: %(default)s)",
    )
    return made


def binary(text):
    path = ROOT / text
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{path} is not there: cargo build --example {path.name}")
    return path


class Server:
    """A server in a folder of its own; `with Server(…) as server` starts and ends it.

    Its configuration is complete, so that builds for debugging and for release start alike. Without
    the URL of a database it keeps one in its folder.
    """

    def __init__(self, binary, security=None, log_level="normal", database_url=None):
        self.binary = binary
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="rocket-security-"))
        self.database = self.folder / "security.sqlite"
        self.log = self.folder / "server.log"
        self.process = None
        self.read = {}
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self.security = {
            "base_url": self.url,
            "keys": f"k4.local.{key}",
            "site_name": "Harbour Library",
            "roles": "create",
            "mail": {"url": "file:security-mail", "from": "library@example.org"},
            "allow_insecure": ["mail.url", "throttle.scale", "throttle.enabled"],
        }
        database = {"security": {"url": database_url or f"sqlite:{self.database}"}}
        own = {name: text for name, text in os.environ.items() if not name.startswith("ROCKET_")}
        self.environment = own | {
            "ROCKET_ADDRESS": "127.0.0.1",
            "ROCKET_PORT": str(self.port),
            "ROCKET_CLI_COLORS": "false",
            "ROCKET_LOG_LEVEL": log_level,
            "ROCKET_DATABASES": setting(database),
        }
        self.configure(security or {})

    def configure(self, security):
        """Sets what the next start finds in `[default.security]`."""
        self.security |= security
        self.environment["ROCKET_SECURITY"] = setting(self.security)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind and self.log.exists():
            lines = self.log.read_text(errors="replace").splitlines()
            print("the end of the server's log:", *lines[-15:], sep="\n    ", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Starts it, and waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary], cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        wait_for("the server answers", self.answers, SECONDS_TO_START)

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"the server starts (it ended with {self.process.returncode})")
        try:
            return Client(self.url).get("/").status
        except OSError:
            return None

    def stop(self):
        """Ends it as an operator would; by force when it does not listen."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """Ends it at once, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def command(self, *arguments):
        """Runs `rocket-security` on its database, as its operator would."""
        program = self.binary.parent.parent / "rocket-security"
        if not program.is_file():
            raise Failed(f"{program} is there: cargo build --features cli --bin {program.name}")
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failed(f"{program.name} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def resident_mib(self):
        """Gives the memory it holds, and the most it ever held, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        held = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
        return int(held["VmRSS"]) / 1024, int(held["VmHWM"]) / 1024

    def mail(self, to=None):
        """Gives the mails that lie in its folder, the oldest first."""
        paths = (self.folder / "security-mail").glob("*.eml")
        found = [self.read.get(path) or read_mail(path) for path in paths]
        # One that is whole does not change any more.
        self.read.update({mail.path: mail for mail in found if mail.is_whole})
        found = [mail for mail in found if to in (None, mail.to)]
        return sorted(found, key=lambda mail: mail.written_at)

    def wait_for_mail(self, to, subject=None, seconds=10):
        """Waits for a mail with a link, of that subject if there is one, and gives the newest."""
        wanted = lambda mail: mail.link and subject in (None, mail.subject)
        look = lambda: next(filter(wanted, reversed(self.mail(to))), None)
        return wait_for(f"the mail {subject or 'with a link'!r} reaches {to}", look, seconds)

    def wait_for_link(self, to, subject=None, seconds=10):
        """Waits for a mail, and gives the link it carries."""
        return self.wait_for_mail(to, subject, seconds).link

    def make_account(self, email, password):
        """Registers and confirms an account."""
        client = Client(self.url)
        answers = [client.post("/register", email=email, password=password)]
        answers.append(client.post(path_of(self.wait_for_link(email))))
        if [answer.status for answer in answers] != [200, 200]:
            raise Failed(f"an account can be made: {answers}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def setting(value):
    """Writes a value as Rocket reads it from a variable."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={setting(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


@dataclass
class Mail:
    path: Path
    to: str
    subject: str
    link: str | None
    text: str
    message_id: str
    written_at: float
    is_whole: bool


def read_mail(path):
    """Reads a mail; one whose writer died has no end, and its link is not to be trusted."""
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    is_whole = message.is_multipart() and raw.rstrip().endswith(b"--")
    body = message.get_body(("plain",)) if is_whole else None
    text = body.get_content() if body else ""
    found = re.search(r"https?://\S+", text)
    return Mail(
        path=path,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        link=found.group() if found else None,
        text=text,
        message_id=str(message["Message-ID"]),
        written_at=path.stat().st_mtime,
        is_whole=is_whole,
    )


def path_of(link):
    """Gives the path of a link to the server."""
    return urllib.parse.urlsplit(link).path


@dataclass
class Answer:
    status: int
    response: dict

    @property
    def reasons(self):
        return self.response.get("reasons", [])


class Client:
    """A program that speaks JSON, keeps its cookies and follows no redirect."""

    def __init__(self, url):
        self.url = url
        self.csrf_token = None
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies),
            NoRedirect,
        )

    def get(self, path):
        return self.send(urllib.request.Request(self.url + path))

    def post(self, path, **fields):
        body = json.dumps(fields).encode()
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        if self.csrf_token:
            request.add_header("X-XSRF-Token", self.csrf_token)
        return self.send(request)

    def send(self, request):
        request.add_header("Accept", "application/json")
        try:
            with self.opener.open(request, timeout=20) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                status, body = refusal.code, refusal.read()
        try:
            read = json.loads(body)
        except ValueError:
            return Answer(status, {})
        response = read.get("response", read) if isinstance(read, dict) else {}
        self.csrf_token = response.get("csrf_token", self.csrf_token)
        return Answer(status, response)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
