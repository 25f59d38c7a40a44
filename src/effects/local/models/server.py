"""Asks an OpenAI-compatible server for chat completions.

`server.py`, `converse.py`, `invoke.py` and `answering.py` are one program: they run one after the other in one
namespace, in ministack's process, if such a server answers for Bedrock's models.
"""

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.pop("CARGO_AGENTCORE_MODELS")
CONNECTING = 10
# In seconds. A model on a laptop may take minutes to answer its first word.
ANSWERING = 600


class Failed(Exception):
    """The server did not answer correctly."""


def patient(kind):
    """Returns a connection class with a short timeout to connect and a long one to answer."""

    class Connection(kind):
        def connect(self):
            super().connect()
            self.sock.settimeout(ANSWERING)

    return Connection


class Plain(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(patient(http.client.HTTPConnection), request)


class Secure(urllib.request.HTTPSHandler):
    def https_open(self, request):
        return self.do_open(patient(http.client.HTTPSConnection), request)


HOST = urllib.parse.urlsplit(URL).hostname or ""
PROXIES = {} if HOST == "localhost" or HOST == "::1" or HOST.startswith("127.") else urllib.request.getproxies()
OPENER = urllib.request.build_opener(Plain, Secure, urllib.request.ProxyHandler(PROXIES))


def words(error):
    """Returns the message in an error's body."""
    text = error.read(1 << 16).decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
        found = found.get("error", found)
        text = found if isinstance(found, str) else found["message"]
    except (ValueError, AttributeError, KeyError, TypeError):
        pass
    return " ".join(str(text).split())[:1000]


def ask(payload):
    """Sends a request. Returns the answer once its head has arrived."""
    request = urllib.request.Request(
        URL + "/chat/completions",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    try:
        return OPENER.open(request, timeout=CONNECTING)
    except urllib.error.HTTPError as error:
        raise Failed(f"the model server at {URL} answered with {error.code}: {words(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise Failed(f"the model server at {URL} does not answer: {reason}") from error


def document(response):
    """Returns the complete answer and its message."""
    try:
        with response:
            found = json.load(response)
        message = found["choices"][0]["message"]
        message.get("content")
        return found, message
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the model server at {URL} cut off its answer: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Failed(f"the model server at {URL} did not answer with a chat completion") from error


def counted(usage):
    """Returns the tokens of the question and the answer, if the server counts them."""
    counts = [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")]
    return tuple(counts) if all(isinstance(count, int) for count in counts) else None


def pieces(response):
    """Yields the pieces of a streamed answer. An answer that is not streamed is one piece."""
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        yield document(response)[0]
        return
    ended = False
    try:
        with response:
            for line in response:
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                chunk = json.loads(data)
                if "error" in chunk:
                    error = chunk["error"]
                    error = error.get("message", error) if isinstance(error, dict) else error
                    raise Failed(f"the model server at {URL} cut off its answer: {error}")
                ended = ended or any(choice.get("finish_reason") for choice in chunk.get("choices") or [])
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the model server at {URL} cut off its answer: {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Failed(f"the model server at {URL} streams something else than chat completions") from error
    if not ended:
        raise Failed(f"the model server at {URL} cut off its answer")
