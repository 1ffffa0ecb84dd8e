"""What flask-paseto-extended does for scripts/interoperability.py, in an environment of its own."""

import json
import sys

# The folder of this file stands first in the path, and the file has the name of the package.
sys.path.pop(0)

import flask
from flask_paseto_extended import PasetoIssuer
from flask_paseto_extended import PasetoVerifier
from flask_paseto_extended import current_paseto
from flask_paseto_extended import paseto_required
from pyseto import Key


def issue(key, iss, use_kid, payload):
    """Issues a token as its documentation does."""
    app = flask.Flask("issuer")
    app.config.update(PASETO_ISS=iss, PASETO_USE_KID=use_kid, PASETO_PRIVATE_KEYS=[{"paserk": key}])
    token = PasetoIssuer(app).issue(payload=payload)
    return {"token": token.decode(), "kid": Key.from_paserk(key).to_paserk_id()}


def verify(key, iss, token):
    """Asks a guarded route, as its documentation has it."""
    app = flask.Flask("verifier")
    app.config["PASETO_PUBLIC_KEYS"] = [{"iss": iss, "paserk": key}]
    verifier = PasetoVerifier(app)
    verifier.token_loader(lambda request: request.headers.get("X-Token"))
    verifier.verification_error_handler(lambda: flask.jsonify(None))

    @app.route("/")
    @paseto_required()
    def guarded():
        return flask.jsonify(current_paseto.payload)

    return {"payload": app.test_client().get("/", headers={"X-Token": token}).get_json()}


wish = json.load(sys.stdin)
print(json.dumps({"issue": issue, "verify": verify}[wish.pop("do")](**wish)))
