"""Signs a person in and out: the test sends the person's browser where it is told, and says where that ended."""

import os

import requests

PUBLIC_URL, ADMIN_URL, PERSON_URL = (os.environ[name] for name in ("PUBLIC_URL", "ADMIN_URL", "PERSON_URL"))
# Nobody serves these; the browser's way ends there.
REDIRECT_URI, LOGGED_OUT_URI = "http://127.0.0.1:9/callback", "http://127.0.0.1:9/goodbye"
SUBJECT = "person-1"
SCOPE = "openid offline_access profile"


def register_app(**client):
    """Registers an application that signs people in."""
    client = {
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [LOGGED_OUT_URI],
        "scope": SCOPE,
        **client,
    }
    response = requests.post(f"{ADMIN_URL}/admin/clients", json=client)
    assert response.status_code == 201, response.text


def follow(url):
    """Follows the way to its end; the person says yes to everything."""
    return _send("follow", url)


def walk(url):
    """Follows the way up to its end or the first question."""
    return _send("walk", url)


def _send(how, url):
    response = requests.get(f"{PERSON_URL}/{how}", params={"url": url})
    assert response.status_code == 200, response.text
    return response.json()
