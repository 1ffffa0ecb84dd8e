#!/usr/bin/env python3
"""Makes tests/vectors/tokens.json: keys and tokens of another implementation, pyseto.

Run it in an environment that has pyseto 1.10 and cryptography, and commit what it writes. Keys and
nonces are new each time.
"""

import json
import secrets
import sys
from pathlib import Path

import pyseto
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pyseto import Key

ISSUER = "https://vectors.example"
ASSERTION = "rocket-security:access"
PASSPHRASE = "correct horse battery staple"
CLAIMS = {
    "iss": ISSUER,
    "sub": "somebody",
    "aud": ["https://other.example", "https://app.example"],
    "exp": "2999-12-31T23:59:59+00:00",
    "nbf": "2026-01-01T00:00:00+00:00",
    "iat": "2026-01-01T00:00:00Z",
    "jti": "1",
    "typ": "access",
    "city": "Zürich",
}


def pair(version):
    """Gives a key pair of a version as PEM: the secret half and the public one."""
    secret = ec.generate_private_key(ec.SECP384R1()) if version == 3 else ed25519.Ed25519PrivateKey.generate()
    pkcs8 = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spki = secret.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pkcs8.decode(), spki.decode()


def keys():
    """Gives keys: a version, what issues, and the texts that verify, which all stand for one key."""
    for version in (4, 3, 2):
        raw = secrets.token_bytes(32)
        local = Key.new(version, "local", raw)
        texts = [local.to_paserk()] + ([raw.hex()] if version == 4 else [])
        wrapped = [local.to_paserk(password=PASSPHRASE)] if version == 4 else []
        yield version, local, local.to_paserk_id(), texts, wrapped
        pkcs8, spki = pair(version)
        secret, public = Key.new(version, "public", pkcs8), Key.new(version, "public", spki)
        texts = [public.to_paserk(), secret.to_paserk(), spki, pkcs8]
        wrapped = [secret.to_paserk(password=PASSPHRASE)] if version == 4 else []
        yield version, secret, public.to_paserk_id(), texts, wrapped


def tokens(version, key, kid):
    """Gives tokens of a key: with and without a footer, with ids that are known and one that is not."""
    assertion = "" if version == 2 else ASSERTION
    payload = json.dumps(CLAIMS, ensure_ascii=False).encode()
    for footer in ("", json.dumps({"kid": kid}), json.dumps({"kid": kid, "note": "n"}), "a text"):
        token = pyseto.encode(key, payload, footer.encode(), assertion.encode())
        yield {"token": token.decode(), "footer": footer}


def main():
    """Writes the file."""
    vectors = [
        {
            "version": version,
            "id": kid,
            "keys": texts,
            "wrapped": wrapped,
            "tokens": list(tokens(version, key, kid)),
        }
        for version, key, kid, texts, wrapped in keys()
    ]
    path = Path(__file__).parent.parent / "tests" / "vectors" / "tokens.json"
    document = {
        "made_by": f"pyseto {pyseto.__version__}, scripts/vectors.py",
        "issuer": ISSUER,
        "assertion": ASSERTION,
        "passphrase": PASSPHRASE,
        "payload": CLAIMS,
        "vectors": vectors,
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(path)


if __name__ == "__main__":
    sys.exit(main())
