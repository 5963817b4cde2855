"""Prints keys, and tokens that jwcrypto (which websockify uses) makes with them, as JSON:

{"keys": {name: contents of a key file}, "tokens": [{"name", "key", "token", "is_good"}]}

A good token says host vnc.example and port 5900. Those that are not good are wrong in one thing.
"""

import base64
import datetime
import hashlib
import hmac
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from jwcrypto import jwe, jwk, jws

CLAIMS = json.dumps({"host": "vnc.example", "port": 5900})
CONTENTS = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32,
            "A128CBC-HS256": 32, "A192CBC-HS384": 48, "A256CBC-HS512": 64}

keys = {}
tokens = []


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def add(name, key, token, is_good=True):
    tokens.append({"name": name, "key": key, "token": token, "is_good": is_good})


def sign(key, alg, claims=CLAIMS, **header):
    token = jws.JWS(claims)
    token.add_signature(key, alg, json.dumps({"alg": alg, **header}))
    return token.serialize(compact=True)


def sign_hmac(secret, text=CLAIMS, digest=hashlib.sha256, **header):
    """By hand: jwcrypto does not sign with secrets that are shorter than the hash."""
    head = json.dumps({"alg": "HS256", **header})
    signed = encode(head.encode()) + "." + encode(text.encode())
    return signed + "." + encode(hmac.new(secret, signed.encode(), digest).digest())


def seal(key, alg, enc, content, **header):
    token = jwe.JWE(content, json.dumps({"alg": alg, "enc": enc, **header}))
    token.add_recipient(key)
    return token.serialize(compact=True)


def traditional(key):
    private = serialization.load_pem_private_key(key.export_to_pem(True, None), None)
    return private.private_bytes(serialization.Encoding.PEM,
                                 serialization.PrivateFormat.TraditionalOpenSSL,
                                 serialization.NoEncryption()).decode()


def certificate(key):
    private = serialization.load_pem_private_key(key.export_to_pem(True, None), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
    today = datetime.datetime(2026, 1, 1)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(private.public_key()).serial_number(1)
            .not_valid_before(today).not_valid_after(today + datetime.timedelta(days=1)))
    return made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def add_pair(name, key, algorithms):
    """A key pair in all the ways it can stand in a file, and tokens of all its algorithms."""
    keys[name] = key.export_to_pem(True, None).decode()
    keys[name + " public"] = key.export_to_pem().decode()
    keys[name + " jwk"] = key.export_public()
    ways = [name, name + " public", name + " jwk"]
    if name != "Ed25519":
        keys[name + " traditional"] = traditional(key)
        keys[name + " certificate"] = certificate(key)
        ways += [name + " traditional", name + " certificate"]
    for alg in algorithms:
        for way in ways:
            add(f"{alg} {way}", way, sign(key, alg))


def add_sealed(name, key, algorithms, signed):
    for alg in algorithms:
        for enc in CONTENTS:
            add(f"{alg} {enc} {name}", name, seal(key, alg, enc, signed))


# --- Secrets

for length in (16, 24, 32, 48, 64):
    secret = bytes(range(length))
    key = jwk.JWK(kty="oct", k=encode(secret))
    name = f"secret {length}"
    keys[name] = encode(secret)
    signed = sign_hmac(secret)
    add(f"HS256 {name}", name, signed)
    wraps = {16: ["A128KW"], 24: ["A192KW"], 32: ["A256KW"]}
    add_sealed(name, key, wraps.get(length, []), signed)
    for enc, needed in CONTENTS.items():
        if needed == length:
            add(f"dir {enc} {name}", name, seal(key, "dir", enc, signed))
secret = bytes(range(64))
key = jwk.JWK(kty="oct", k=encode(secret))
for alg in ("HS256", "HS384", "HS512"):
    add(f"{alg} secret 64", "secret 64", sign(key, alg))
keys["secret jwk"] = key.export()
keys["secret with padding and line break"] = encode(secret) + "==\n"
for way in ("secret jwk", "secret with padding and line break"):
    add(way, way, sign(key, "HS256"))

# --- Key pairs

rsa = jwk.JWK.generate(kty="RSA", size=2048)
p256 = jwk.JWK.generate(kty="EC", crv="P-256")
p384 = jwk.JWK.generate(kty="EC", crv="P-384")
ed = jwk.JWK.generate(kty="OKP", crv="Ed25519")
add_pair("RSA", rsa, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
add_pair("P-256", p256, ["ES256"])
add_pair("P-384", p384, ["ES384"])
add_pair("Ed25519", ed, ["EdDSA"])
add_sealed("RSA", rsa, ["RSA-OAEP", "RSA-OAEP-256"], sign(rsa, "RS256"))
add_sealed("RSA traditional", rsa, ["RSA-OAEP"], sign(rsa, "RS256"))
agreements = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]
add_sealed("P-256", p256, agreements, sign(p256, "ES256"))
add_sealed("P-256 traditional", p256, ["ECDH-ES"], sign(p256, "ES256"))
add_sealed("P-384", p384, agreements, sign(p384, "ES384"))
add("names of both sides", "P-256",
    seal(p256, "ECDH-ES", "A256GCM", sign(p256, "ES256"), apu=encode(b"Alice"), apv=encode(b"Bob")))

# --- Wrong in one thing

other = jwk.JWK(kty="oct", k=encode(bytes(64)))
none = encode(b'{"alg":"none"}') + "." + encode(CLAIMS.encode()) + "."
NONE = encode(b'{"alg":"None"}') + "." + encode(CLAIMS.encode()) + "."
for name in ("secret 64", "RSA", "RSA public", "P-256", "Ed25519 public", "P-384 certificate"):
    add("none", name, none, False)
    add("None", name, NONE, False)
    add("none, but signed", name, none + encode(bytes(32)), False)
for name in ("RSA public", "P-256 public", "Ed25519 public", "RSA certificate", "RSA", "RSA jwk"):
    add("an HMAC with the text of the key", name, sign_hmac(keys[name].encode()), False)
    add("an HMAC without a secret", name, sign_hmac(b""), False)
add("another secret", "secret 64", sign(other, "HS256"), False)
add("another digest", "secret 64", sign_hmac(secret, digest=hashlib.sha512), False)
add("another RSA key", "RSA public", sign(jwk.JWK.generate(kty="RSA", size=2048), "RS256"), False)
add("another EC key", "P-256", sign(jwk.JWK.generate(kty="EC", crv="P-256"), "ES256"), False)
add("another curve", "P-256", sign(p384, "ES384"), False)
add("another kind of key", "P-256", sign(rsa, "RS256"), False)
add("a secret for an RSA key", "secret 64", sign(rsa, "RS256"), False)
head, text, signature = sign(key, "HS256").split(".")
add("other claims", "secret 64", ".".join([head, encode(b'{"host":"a","port":1}'), signature]), False)
add("no signature", "secret 64", f"{head}.{text}.", False)
add("two parts", "secret 64", f"{head}.{text}", False)
add("a fourth part", "secret 64", f"{head}.{text}.{signature}.", False)
add("critical", "secret 64", sign_hmac(secret, crit=["x"], x=1), False)
add("no JSON", "secret 64", sign_hmac(secret, text="host"), False)
add("no object", "secret 64", sign_hmac(secret, text="[1]"), False)

key32 = jwk.JWK(kty="oct", k=encode(bytes(range(32))))
signed = sign_hmac(bytes(range(32)))
for alg in ("A256KW", "dir"):
    for enc in ("A256GCM", "A128CBC-HS256"):
        sealed = seal(key32, alg, enc, signed)
        parts = sealed.split(".")
        for at in range(5):
            raw = bytearray(base64.urlsafe_b64decode(parts[at] + "=="))
            if raw:
                raw[0] ^= 1
            else:
                raw = bytes(40)
            changed = parts[:at] + [encode(bytes(raw))] + parts[at + 1:]
            add(f"{alg} {enc}, part {at} changed", "secret 32", ".".join(changed), False)
        add(f"{alg} {enc}, tag cut", "secret 32", ".".join(parts[:4] + [parts[4][:8]]), False)
        add(f"{alg} {enc}, no tag", "secret 32", ".".join(parts[:4] + [""]), False)
        add(f"{alg} {enc}, no text", "secret 32", ".".join(parts[:3] + ["", parts[4]]), False)
        add(f"{alg} {enc}, two letters", "secret 32", ".".join(parts[:2] + ["AA"] + parts[3:]), False)
add("sealed, but not signed", "secret 32", seal(key32, "A256KW", "A256GCM", CLAIMS), False)
add("sealed with the public key, not signed", "RSA", seal(rsa, "RSA-OAEP", "A256GCM", CLAIMS), False)
add("sealed with the public key, none", "RSA", seal(rsa, "RSA-OAEP", "A256GCM", none), False)
add("sealed with the public key, HMAC with it", "RSA",
    seal(rsa, "RSA-OAEP", "A256GCM", sign_hmac(keys["RSA public"].encode())), False)
add("sealed twice", "secret 32",
    seal(key32, "A256KW", "A256GCM", seal(key32, "A256KW", "A256GCM", signed)), False)
add("compressed", "secret 32", seal(key32, "A256KW", "A256GCM", signed, zip="DEF"), False)
add("sealed for another RSA key", "RSA",
    seal(jwk.JWK.generate(kty="RSA", size=2048), "RSA-OAEP", "A256GCM", sign(rsa, "RS256")), False)
add("sealed for another EC key", "P-256",
    seal(jwk.JWK.generate(kty="EC", crv="P-256"), "ECDH-ES", "A256GCM", sign(p256, "ES256")), False)
add("sealed for another curve", "P-256", seal(p384, "ECDH-ES", "A256GCM", sign(p256, "ES256")), False)
add("sealed for a secret", "RSA", seal(key32, "A256KW", "A256GCM", signed), False)
add("sealed, for a public key", "RSA public",
    seal(rsa, "RSA-OAEP", "A256GCM", sign(rsa, "RS256")), False)

print(json.dumps({"keys": keys, "tokens": tokens}))
