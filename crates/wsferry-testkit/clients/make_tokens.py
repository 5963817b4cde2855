"""Makes signed and encrypted tokens by jwcrypto: make_tokens.py KEY_FILE TOKENS

KEY_FILE is PEM, or a secret in base64url. TOKENS is a JSON list of {"alg", "claims"} and, for a token
that is encrypted around the signed one, "encrypt": [algorithm of the key, of the content]; without
"alg" the claims themselves are encrypted. One token is printed per line.
"""
import json
import sys

from jwcrypto import jwk, jwt

data = open(sys.argv[1], "rb").read()
if data.startswith(b"-----"):
    key = jwk.JWK.from_pem(data)
else:
    key = jwk.JWK(kty="oct", k=data.decode())

for wanted in json.loads(sys.argv[2]):
    claims = wanted["claims"]
    if "alg" in wanted:
        token = jwt.JWT(header={"alg": wanted["alg"], "typ": "JWT"}, claims=claims)
        token.make_signed_token(key)
        claims = token.serialize()
    if "encrypt" in wanted:
        algorithm, content = wanted["encrypt"]
        token = jwt.JWT(header={"alg": algorithm, "enc": content}, claims=claims)
        token.make_encrypted_token(key)
    print(token.serialize())
