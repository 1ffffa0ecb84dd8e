"""What pyseto does for scripts/interoperability.py, in an environment of its own."""

import json
import sys

# The folder of this file stands first in the path, and the file has the name of the package.
sys.path.pop(0)

import pyseto
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from pyseto import Key


def keys(purpose, passphrase):
    """Makes a key, and gives it in every form."""
    if purpose == "local":
        raw = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
        key = Key.new(4, "local", raw)
        forms = {"paserk": key.to_paserk(), "raw": raw.hex(), "wrapped": key.to_paserk(password=passphrase)}
        return {"id": key.to_paserk_id(), "issuing": key.to_paserk(), "verifying": forms, "issuing_forms": forms}
    pair = ed25519.Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    pkcs8 = pair.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    spki = pair.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    secret, public = Key.new(4, "public", pkcs8), Key.new(4, "public", spki)
    return {
        "id": public.to_paserk_id(),
        "issuing": secret.to_paserk(),
        "verifying": {"paserk": public.to_paserk(), "pem": spki},
        "issuing_forms": {
            "paserk": secret.to_paserk(),
            "pem": pkcs8,
            "wrapped": secret.to_paserk(password=passphrase),
        },
    }


def issue(key, claims, footer, assertion, exp=300):
    """Issues a token with the times that pyseto writes."""
    now = pyseto.Paseto.new(include_iat=True)
    claims = {**claims, "nbf": "2026-01-01T00:00:00+00:00"}
    token = now.encode(Key.from_paserk(key), claims, footer, assertion.encode(), exp=exp, serializer=json)
    return token.decode()


def verify(token, assertion, document, key):
    """Verifies a token with the document of public keys, or with a key that both have."""
    texts = [entry["key"] for entry in document["keys"]] or [key]
    keys = [Key.from_paserk(text) for text in texts]
    decoded = pyseto.decode(keys, token, assertion.encode(), deserializer=json, aud="https://app.example")
    if decoded.footer["kid"] not in [key.to_paserk_id() for key in keys]:
        raise ValueError("the id in the footer is none that pyseto gives the key")
    return {"payload": decoded.payload, "footer": decoded.footer}


wish = json.load(sys.stdin)
print(json.dumps({"keys": keys, "issue": issue, "verify": verify}[wish.pop("do")](**wish)))
