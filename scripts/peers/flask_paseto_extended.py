"""What flask-paseto-extended does for scripts/interoperability.py, in an environment of its own."""

import json
import sys

# The folder of this file stands first in the path, and the file has the name of the package.
sys.path.pop(0)

import flask
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from flask_paseto_extended import PasetoIssuer
from flask_paseto_extended import PasetoVerifier
from flask_paseto_extended import current_paseto
from flask_paseto_extended import paseto_required
from pyseto import Key


def keys():
    """Makes a key pair, each half in both forms that its documentation has."""
    pair = ed25519.Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    secret = pair.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = pair.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    halves = {"secret": secret.decode(), "public": public.decode()}
    paserk = {half: Key.new(4, "public", pem).to_paserk() for half, pem in halves.items()}
    return {"pem": halves, "paserk": paserk}


def entry(form, key):
    return {"paserk": key} if form == "paserk" else {"version": 4, "key": key}


def issue(form, key, iss, use_kid, payload):
    """Issues a token as its documentation does."""
    app = flask.Flask("issuer")
    app.config.update(PASETO_ISS=iss, PASETO_USE_KID=use_kid, PASETO_PRIVATE_KEYS=[entry(form, key)])
    token = PasetoIssuer(app).issue(payload=payload)
    loaded = Key.from_paserk(key) if form == "paserk" else Key.new(4, "public", key)
    return {"token": token.decode(), "kid": loaded.to_paserk_id()}


def verify(form, key, iss, token):
    """Asks a guarded route, as its documentation has it."""
    app = flask.Flask("verifier")
    app.config["PASETO_PUBLIC_KEYS"] = [{"iss": iss, **entry(form, key)}]
    verifier = PasetoVerifier(app)
    verifier.token_loader(lambda request: request.headers.get("X-Token"))
    verifier.verification_error_handler(lambda: flask.jsonify(None))

    @app.route("/")
    @paseto_required()
    def guarded():
        return flask.jsonify({"payload": current_paseto.payload, "footer": current_paseto.footer or None})

    return app.test_client().get("/", headers={"X-Token": token}).get_json() or {"payload": None}


wish = json.load(sys.stdin)
print(json.dumps({"keys": keys, "issue": issue, "verify": verify}[wish.pop("do")](**wish)))
