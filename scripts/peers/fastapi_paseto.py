"""What fastapi-paseto-auth and fastapi-paseto do for scripts/interoperability.py, each in an
environment of its own."""

import inspect
import json
import secrets
import sys

# The folder of this file stands first in the path, and the file has the name of a package.
sys.path.pop(0)

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from fastapi import Depends
from fastapi import FastAPI
from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

try:
    from fastapi_paseto_auth import AuthPASETO
    from fastapi_paseto_auth.exceptions import AuthPASETOException
except ImportError:
    from fastapi_paseto import AuthPASETO
    from fastapi_paseto.exceptions import AuthPASETOException


def keys():
    """Makes a key of each purpose. Local ones are text, of which the bytes are the key."""
    text = secrets.token_urlsafe(24)
    pair = ed25519.Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    return {
        "text": text,
        "raw": text.encode().hex(),
        "private": pair.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "public": pair.public_key()
        .public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    }


def application(keys, **settings):
    """Makes an application with a route that issues and one that is guarded."""
    settings = {
        "authpaseto_secret_key": keys["text"],
        "authpaseto_private_key": keys["private"],
        "authpaseto_public_key": keys["public"],
        **settings,
    }
    AuthPASETO.load_config(lambda: list(settings.items()))
    app = FastAPI()

    @app.exception_handler(AuthPASETOException)
    def refused(request: Request, fault: AuthPASETOException):
        return JSONResponse(status_code=fault.status_code, content={"detail": fault.message})

    @app.get("/issue")
    def issue(subject: int, purpose: str, audience: str, footer: str = "", auth: AuthPASETO = Depends()):
        wish = {"subject": subject, "purpose": purpose, "audience": audience}
        if footer:
            wish["footer"] = json.loads(footer)
        return {"access": auth.create_access_token(**wish), "refresh": auth.create_refresh_token(**wish)}

    @app.get("/guarded")
    def guarded(auth: AuthPASETO = Depends()):
        auth.paseto_required()
        return auth.get_token_payload()

    return TestClient(app)


def has_footers():
    return "footer" in inspect.signature(AuthPASETO.create_access_token).parameters


def issue(keys, purpose, subject, issuer, audience, footer):
    client = application(keys, authpaseto_encode_issuer=issuer)
    wish = {"subject": subject, "purpose": purpose, "audience": audience, "footer": footer}
    return client.get("/issue", params=wish).json()


def verify(keys, token, issuer, audience):
    client = application(keys, authpaseto_decode_issuer=issuer, authpaseto_decode_audience=audience)
    answer = client.get("/guarded", headers={"Authorization": f"Bearer {token}"})
    return {"status": answer.status_code, "payload": answer.json()}


wish = json.load(sys.stdin)
print(json.dumps({"keys": keys, "has_footers": has_footers, "issue": issue, "verify": verify}[wish.pop("do")](**wish)))
