"""The whole token flow of a client built on Authlib and PyJWT, without code specific to this server."""

import json
import sys
import time
import uuid

import jwt
import requests
from authlib.integrations.requests_client import AssertionSession
from authlib.oauth2 import OAuth2Error

URL, KEY_FILE, BODY_FILE, CLIENT_ID = sys.argv[1:]
KEY = open(KEY_FILE, encoding="utf-8").read()
BODY = json.load(open(BODY_FILE, encoding="utf-8"))
TOKEN_URL = f"{URL}/oauth2/v2/token"
CREATE_URL = f"{URL}/api/v1/agent-sessions/create"
JWKS_URL = f"{URL}/oauth2/v2/.well-known/jwks.json"
AUDIENCE = "https://api.docendorse.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
USER = {"email": "sam@example.com", "given_name": "Sam", "family_name": "Doe"}
SCOPE = "openid agent_sessions:create"


def handoff(number):
    # The actor must be the user of the assertion.
    actor = {"external_user_id": "usr_123", "display_name": "Sam", "email": USER["email"]}
    return {**BODY, "handoff_id": f"py-{number}", "actor": actor}


def session(audience=AUDIENCE):
    # Authlib sets iss, sub, aud, iat and exp; the contract requires the other claims.
    return AssertionSession(
        token_endpoint=TOKEN_URL,
        issuer=CLIENT_ID,
        subject="usr_123",
        audience=audience,
        grant_type=AssertionSession.JWT_BEARER_GRANT_TYPE,
        claims={**USER, "scope": SCOPE, "jti": str(uuid.uuid4())},
        key=KEY,
        header={"alg": "RS256"},
        expires_at=int(time.time()) + 300,
    )


def authlib_hands_off_and_fetches_a_new_token():
    client = session()
    answer = client.post(CREATE_URL, json=handoff(1))
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    seen = {client.token["access_token"]}
    requests.delete(f"{URL}/__admin/tokens", timeout=10).raise_for_status()
    answer = client.post(CREATE_URL, json=handoff(2))
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    # Authlib reuses the jti in its claims, but every assertion needs a new one.
    client.claims["jti"] = str(uuid.uuid4())
    client.refresh_token()
    seen.add(client.token["access_token"])
    answer = client.post(CREATE_URL, json=handoff(2))
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    # Authlib renews a token whose expires_at has passed, without an explicit refresh.
    requests.delete(f"{URL}/__admin/tokens", timeout=10).raise_for_status()
    client.claims["jti"] = str(uuid.uuid4())
    client.token["expires_at"] = int(time.time()) - 1
    answer = client.post(CREATE_URL, json=handoff(3))
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    seen.add(client.token["access_token"])
    assert len(seen) == 3, "a token was issued twice"


def authlib_raises_our_error():
    try:
        session(audience="https://other.test").refresh_token()
    except OAuth2Error as error:
        assert error.error == "invalid_grant", error
        assert "aud" in error.description and AUDIENCE in error.description, error
    else:
        raise AssertionError("a wrong audience passed")


def claims(**changes):
    now = int(time.time())
    return {
        "iss": CLIENT_ID, "sub": "usr_123", "aud": [AUDIENCE], "iat": now, "exp": now + 60,
        "jti": str(uuid.uuid4()), "scope": SCOPE, **USER, **changes,
    }


def exchange(assertion):
    return requests.post(TOKEN_URL, data={"grant_type": GRANT, "assertion": assertion}, timeout=10)


def pyjwt_signs_and_verifies():
    answer = exchange(jwt.encode(claims(), KEY, algorithm="RS256"))
    assert answer.status_code == 200, answer.text
    places = ("/.well-known/oauth-authorization-server/oauth2/v2", "/oauth2/v2/.well-known/oauth-authorization-server")
    metadata, same = (requests.get(URL + place, timeout=10).json() for place in places)
    assert metadata == same, same
    assert (metadata["token_endpoint"], metadata["jwks_uri"]) == (TOKEN_URL, JWKS_URL), metadata
    token = answer.json()["access_token"]
    key = jwt.PyJWKClient(JWKS_URL).get_signing_key_from_jwt(token)
    said = jwt.decode(token, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=metadata["issuer"])
    assert (said["sub"], said["email"], said["client_id"]) == ("usr_123", "sam@example.com", CLIENT_ID), said
    now = int(time.time())
    late = exchange(jwt.encode(claims(iat=now - 400, exp=now - 100), KEY, algorithm="RS256"))
    assert late.status_code == 400 and late.json()["error"] == "invalid_grant", late.text


for step in (authlib_hands_off_and_fetches_a_new_token, authlib_raises_our_error, pyjwt_signs_and_verifies):
    step()
    print(json.dumps({"passed": step.__name__}))
