#!/usr/bin/env python3
"""Shows that tokens are understood between the framework and the Python packages that others use.

Both directions, with the packages as they are published: one issues and the other verifies.

- pyseto: `v4.local` and `v4.public`, keys as PASERK, PEM and bare bytes, footers with `kid`, the
  implicit assertion, wrapped keys, and the document of public keys;
- flask-paseto-extended: its issuer and its verifier, keys as PASERK and PEM, footers with `kid`;
- fastapi-paseto-auth and fastapi-paseto: their issuer and their guard, `v4.local` and `v4.public`, and the
  newer one's footers.

The packages are installed from PyPI into virtual environments under target/, once.

    cargo build --features cli --bin rocket-security
    scripts/interoperability.py
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from server import Failed
from server import ROOT
from server import check
from server import run

PROGRAM = ROOT / "target" / "debug" / "rocket-security"
ENVIRONMENTS = ROOT / "target" / "interoperability"
PEERS = Path(__file__).parent / "peers"
US = "https://app.example"
THEM = "https://peer.example"
ASSERTION = "rocket-security:access"
PASSWORD = "a ferry leaves at seven"
PASSPHRASE = "correct horse battery staple"

# What is installed for each peer. fastapi-paseto-auth holds its dependencies at the versions of
# 2022, and its test client wants an older anyio than it asks for.
PACKAGES = {
    "pyseto": ["pyseto==1.10.0"],
    "flask_paseto_extended": ["flask-paseto-extended==0.6.4"],
    "fastapi_paseto_auth": ["fastapi-paseto-auth==0.6.0", "requests", "anyio<4"],
    "fastapi_paseto": ["fastapi-paseto==0.7.1", "pyseto==1.10.0", "fastapi==0.165.0", "pydantic-settings==2.16.3", "httpx<0.28"],
}


class Peer:
    """Another implementation, in an environment of its own."""

    def __init__(self, name):
        self.name = name
        self.python = ENVIRONMENTS / name / "bin" / "python"
        done = ENVIRONMENTS / name / "installed"
        wanted = " ".join(PACKAGES[name])
        if done.exists() and done.read_text() == wanted:
            return
        venv.create(ENVIRONMENTS / name, with_pip=True, clear=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES[name]], check=True)
        done.write_text(wanted)

    def ask(self, what, **wish):
        """Has the peer do something; gives its answer."""
        script = PEERS / f"{self.name}.py"
        if not script.exists():
            script = PEERS / "fastapi_paseto.py"
        answer = subprocess.run(
            [self.python, script], input=json.dumps({"do": what, **wish}), text=True, capture_output=True
        )
        if answer.returncode != 0:
            raise Failed(f"{self.name} could not {what}: {answer.stderr.strip().splitlines()[-1:]}")
        return json.loads(answer.stdout.splitlines()[-1])


class Application:
    """An application in a folder of its own, with one account, reached by the command line."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.configure("")
        self.run("users", "create", "ann@example.org", "--confirmed", typed=PASSWORD)

    def configure(self, tokens):
        """Sets `[default.security.tokens]`."""
        (self.folder / "Rocket.toml").write_text(
            f'[default.security]\nbase_url = "{US}"\n'
            "[default.security.password]\nmemory = 8\niterations = 1\n"
            f"[default.security.tokens]\n{tokens}\n"
        )

    def run(self, *arguments, typed=""):
        """Runs the command line, and gives what it printed."""
        done = self.try_run(*arguments, typed=typed)
        if done.returncode != 0:
            raise Failed(f"rocket-security {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout.strip()

    def try_run(self, *arguments, typed=""):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ROCKET_")}
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={**clean, "ROCKET_PROFILE": "debug"},
            input=f"{typed}\n",
            text=True,
            capture_output=True,
        )

    def issue(self, *arguments):
        return self.run("tokens", "issue", "ann@example.org", *arguments)

    def verify(self, token):
        return json.loads(self.run("tokens", "verify", typed=token))

    def refuses(self, token, reason):
        done = self.try_run("tokens", "verify", typed=token)
        return done.returncode == 1 and f"({reason})" in done.stderr


def claims(**more):
    """The claims of a peer's token."""
    return {"iss": THEM, "sub": "bob", "aud": [US, "https://other.example"], "typ": "access", "jti": "1", **more}


def with_pyseto(app):
    peer = Peer("pyseto")
    for purpose in ("local", "public"):
        made = peer.ask("keys", purpose=purpose, passphrase=PASSPHRASE)
        for form in ("paserk", "pem", "raw", "wrapped"):
            if form not in made["verifying"]:
                continue
            name = f"v4.{purpose}, key as {form}"
            app.configure(
                f'passphrase = "{PASSPHRASE}"\n[[default.security.tokens.trusted]]\n'
                f'iss = "{THEM}"\nkey = """{made["verifying"][form]}"""'
            )
            for footer in ("", json.dumps({"kid": made["id"], "note": "n"})):
                token = peer.ask(
                    "issue", key=made["issuing"], claims=claims(city="Zürich"), footer=footer, assertion=ASSERTION
                )
                read = app.verify(token)
                good = read["claims"] == {"city": "Zürich"} and read["key"] == made["id"] and read["is_foreign"]
                check(good, f"{name}: pyseto issues, {'with kid' if footer else 'no footer'}, and we verify")
            token = peer.ask("issue", key=made["issuing"], claims=claims(), footer='{"kid":"k4.pid.x"}', assertion=ASSERTION)
            check(app.refuses(token, "token_key_unknown"), f"{name}: an unknown kid is refused")
            token = peer.ask("issue", key=made["issuing"], claims=claims(), footer="", assertion="rocket-security:download")
            check(app.refuses(token, "token_forged"), f"{name}: another kind is refused")
            token = peer.ask("issue", key=made["issuing"], claims=claims(), footer="", assertion=ASSERTION, exp=-600)
            check(app.refuses(token, "token_claim_missing"), f"{name}: a token without an end is refused")

        for form, key in made["issuing_forms"].items():
            app.configure(f'passphrase = "{PASSPHRASE}"\nkeys = """{key}"""')
            token = app.issue("--claims", '{"city":"Zürich"}', "--footer", '{"note":"n"}')
            keys = {"document": json.loads(app.run("keys", "public")), "key": made["verifying"]["paserk"]}
            read = peer.ask("verify", token=token, assertion=ASSERTION, **keys)
            good = read["payload"]["city"] == "Zürich" and read["payload"]["iss"] == US
            good = good and read["footer"] == {"note": "n", "kid": made["id"]}
            check(good, f"v4.{purpose}, key as {form}: we issue and pyseto verifies, with our id of the key")


def with_flask(app):
    peer = Peer("flask_paseto_extended")
    name = "flask-paseto-extended"
    made = peer.ask("keys")
    claims = {"user": {"email": "a@b.example"}}
    for form, key in made.items():
        for use_kid in (False, True):
            issued = peer.ask("issue", form=form, key=key["secret"], iss=THEM, use_kid=use_kid, payload=claims)
            app.configure(
                f'[[default.security.tokens.trusted]]\niss = "{THEM}"\nkey = """{key["public"]}"""\n'
                'allow = ["unbound", "no-sub", "no-aud", "no-iat", "no-nbf", "no-jti"]\n'
                + (f'kid = "{issued["kid"]}"' if use_kid else "")
            )
            read = app.verify(issued["token"])
            how = "with its id" if use_kid else "as it comes"
            check(read["claims"] == claims, f"{name}, key as {form}: it issues, {how}, and we verify")
        app.configure(f'[[default.security.tokens.trusted]]\niss = "{THEM}"\nkey = """{key["public"]}"""')
        check(app.refuses(issued["token"], "token_key_unknown"), "and not where nothing is allowed to it")
        app.configure(f'keys = """{key["secret"]}"""')
        wish = ["--claims", json.dumps(claims), "--footer", '{"note":"n"}']
        read = peer.ask("verify", form=form, key=key["public"], iss=US, token=app.issue(*wish, "--plain"))
        good = read["payload"] and read["payload"]["user"] == claims["user"] and read["footer"] == {"note": "n"}
        check(good, f"{name}, key as {form}: we issue, with a footer, and it verifies")
        # It knows no implicit assertion: a token that has one is not its business.
        read = peer.ask("verify", form=form, key=key["public"], iss=US, token=app.issue(*wish))
        check(read["payload"] is None, "and it refuses a token that is bound to its kind")
        # What it configures is in our document, as PASERK.
        document = json.loads(app.run("keys", "public"))
        read = peer.ask("verify", form="paserk", key=document["keys"][0]["key"], iss=US, token=app.issue(*wish, "--plain"))
        check(read["payload"] is not None, "and verifies with the key of our document")


def with_fastapi(app, name):
    peer = Peer(name)
    made = peer.ask("keys")
    # The older one refuses every token with a footer, and makes none.
    has_footers = peer.ask("has_footers")
    for purpose, theirs in (("local", made["raw"]), ("public", made["public"])):
        footers = ["", '{"kid":"blue","note":"n"}'] if has_footers else [""]
        for footer in footers:
            wish = {"purpose": purpose, "subject": 7, "issuer": THEM, "audience": US, "footer": footer}
            token = peer.ask("issue", keys=made, **wish)
            app.configure(
                f'[[default.security.tokens.trusted]]\niss = "{THEM}"\nkey = """{theirs}"""\n'
                'allow = ["unbound", "integer-sub"]\n' + ('kid = "blue"' if footer else "")
            )
            read = app.verify(token["access"])
            good = read["subject"] == "7" and read["claims"]["fresh"] is False
            check(good, f"{name} issues v4.{purpose}, {'with a kid' if footer else 'no footer'}, and we verify")
            check(app.refuses(token["refresh"], "token_kind_wrong"), "and its refresh token is no access token")
        ours = made["raw"] if purpose == "local" else made["private"]
        app.configure(f'keys = """{ours}"""')
        wish = ["--plain", "--claims", '{"type":"access","fresh":false}']
        read = peer.ask("verify", keys=made, token=app.issue(*wish), issuer=US, audience=US)
        check(read["status"] == 200 and read["payload"]["iss"] == US, f"we issue v4.{purpose}, and {name} verifies")
        token = app.issue(*wish, "--footer", '{"note":"n"}')
        read = peer.ask("verify", keys=made, token=token, issuer=US, audience=US)
        check((read["status"] == 200) == has_footers, f"and {'takes' if has_footers else 'refuses'} one with a footer")


def main():
    if not PROGRAM.exists():
        raise Failed("build it first: cargo build --features cli --bin rocket-security")
    with tempfile.TemporaryDirectory() as folder:
        app = Application(folder)
        with_pyseto(app)
        with_flask(app)
        with_fastapi(app, "fastapi_paseto_auth")
        with_fastapi(app, "fastapi_paseto")


if __name__ == "__main__":
    sys.exit(run(main))
