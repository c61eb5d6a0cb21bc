#!/usr/bin/env python3
"""refresh.py SOURCE: write the recordings of this folder anew from a folder of raw ones.

SOURCE holds `http/`, `cli/`, `keys.json` and `for_tests.py`, which strips raw answers, prose and token forms. On top of that this
script keeps only what is replayed, and reduces command output to what is contract: sentences become "any text", tokens any word.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
AREAS = (
    "authorize clients cors hooks introspection logout refresh revocation sessions system token userinfo walk"
).split()
CLI = (
    "clients tokens create_client get_list_delete_clients import_clients update_client endpoint_errors version "
    "migrate_and_janitor keys jwks serve_errors"
).split()
# Scenarios of these areas that are about grants which are not there yet.
NOT_BUILT = ("jwt_bearer_hook",)
# The local listener, where the recorder wrote its port.
SINK = re.compile(r"http://127\.0\.0\.1:2[14]446")
TEXT = {"$match": "text"}
# Forms of tokens and of generated secrets, as they stand in recorded patterns.
TOKEN_FORMS = (r"ory_[a-z]+_[\w-]{20,}\.[\w-]{20,}", r"[\w-]{43}\.[\w-]{43}")
SECRET = re.compile(r"(?<![\w~.-])(?=[\w~.-]*[A-Z])(?=[\w~.-]*[a-z])[\w~.-]{26,27}(?![\w~-])")
PROSE = ("Usage:", "Available Commands", "Thank you", "migration is planned", "migration plan", "unknown ", "Unable to parse")
SECRET_WARNING = "You should not provide secrets"


def pattern(text):
    return {"$match": "regex", "pattern": text}


def error_code(text):
    """The OAuth error code inside printed JSON, if there is one."""
    found = re.search(r'"error": ?"([a-z_]+)"', text)
    return found.group(1) if found else None


def stderr(value, exit_code):
    kind, text = next(iter(value.items()))
    if kind == "empty":
        return value
    if exit_code == 0 and "level=info" in str(text):
        return {"any": True}
    code = error_code(text if isinstance(text, str) else text.get("pattern", ""))
    return {kind: pattern(r"\b" + code + r"\b") if code and kind == "text" else TEXT}


def stdout(value):
    kind, text = next(iter(value.items()))
    if kind not in ("text", "first_line"):
        return value
    plain = text if isinstance(text, str) else text.get("pattern", "")
    if kind == "first_line" and plain.startswith("Version\t"):
        return {kind: pattern("^Version\\s+Name\\s+Status\\s*$")}
    if any(word in plain for word in PROSE):
        return {kind: TEXT}
    if isinstance(text, dict):
        return {kind: pattern(without_forms(plain))} if text["$match"] == "regex" else value
    if plain.startswith(SECRET_WARNING):
        rest = plain.split("\n", 1)[1]
        return {kind: pattern("^[^\n]+\n" + escaped(rest) + "$")}
    if SECRET.search(plain) or re.search(r"^(exp|iat|nbf): \d+$", plain, re.M):
        loose = SECRET.sub("\0", plain)
        loose = re.sub(r"^(exp|iat|nbf): \d+$", "\\1: \1", loose, flags=re.M)
        return {kind: pattern("^" + escaped(loose).replace("\0", "[\\w~.-]+").replace("\1", "\\d+") + "$")}
    return value


def escaped(text):
    """re.escape, with placeholders left as they are."""
    return "".join(part if part.startswith("${") else re.escape(part).replace("\\\0", "\0").replace("\\\1", "\1")
                   for part in re.split(r"(\$\{[^}]+\})", text))


def without_forms(text):
    tabs = any(form in text for form in TOKEN_FORMS)
    for form in TOKEN_FORMS:
        text = text.replace(form, r"\S+")
    # A generated secret that was not recognised as one when it was recorded.
    text = re.sub(r"(Client\\ Secret:\\ )(?:\\.|[^\\\n])+(\\\n)", r"\1\\S+\2", text)
    # Columns are as wide as the token.
    return re.sub(r"(?:\\\t)+", r"\\t+", text) if tabs else text


def main(source):
    source = pathlib.Path(source)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, source / "for_tests.py", scratch], check=True, stdout=subprocess.DEVNULL)
        scratch = pathlib.Path(scratch)
        for part in ("http", "cli"):
            shutil.rmtree(HERE / part, ignore_errors=True)
        count = 0
        for path in sorted(scratch.glob("http/*/*/*.json")):
            if path.parent.name in AREAS and path.stem not in NOT_BUILT:
                count += write(path, scratch, json.loads(SINK.sub("${sink}", path.read_text())))
        for path in sorted(scratch.glob("cli/*/*.json")):
            if path.stem not in CLI:
                continue
            doc = json.loads(path.read_text())
            for step in doc["steps"]:
                step["stdout"], step["stderr"] = stdout(step["stdout"]), stderr(step["stderr"], step["exit_code"])
            count += write(path, scratch, doc)
    shutil.copyfile(source / "keys.json", HERE / "keys.json")
    print(f"{count} recordings written")


def write(path, scratch, doc):
    out = HERE / path.relative_to(scratch)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(doc, indent=1, ensure_ascii=False) + "\n")
    return 1


if __name__ == "__main__":
    main(*sys.argv[1:])
