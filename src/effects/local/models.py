"""Lets an OpenAI-compatible server answer for Bedrock's models, behind ministack.

ministack translates between the two APIs. But if the server fails, ministack answers with canned text, and it
sends a stream in one piece. Here a failure is an error that names the server, and a stream is forwarded as it
arrives.
"""

import asyncio
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request

from ministack.services import bedrock_runtime as bedrock

URL = os.environ.pop("CARGO_AGENTCORE_MODELS")
CONNECTING = 10
# In seconds. A model on a laptop may take minutes to answer its first word.
ANSWERING = 600
LONGEST_REQUEST = 32 << 20
STREAMED = re.compile(r"^/model/([^/]+)/converse-stream$")
STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
}


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
        raise Failed(f"the model server at {URL} broke off its answer: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Failed(f"the model server at {URL} did not answer with a chat completion") from error


def counted(usage):
    """Returns the tokens of the question and the answer, if the server counts them."""
    counts = [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")]
    return tuple(counts) if all(isinstance(count, int) for count in counts) else None


def asked(model, messages, system, inference, tools):
    """Translates a Converse request to one for chat completions."""
    payload = {"model": model, "messages": bedrock._openai_messages(messages, system), "stream": False}
    functions, choice = bedrock._openai_tools(tools)
    if functions:
        payload["tools"] = functions
        if choice is not None:
            payload["tool_choice"] = choice
    for name, other in (
        ("maxTokens", "max_tokens"),
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop"),
    ):
        if name in (inference or {}):
            payload[other] = inference[name]
    return payload


def message_of(model, messages, system, inference, tools=None):
    found, message = document(ask(asked(model, messages, system, inference, tools)))
    return message, counted(found.get("usage"))


def text_of(payload):
    _, message = document(ask({**payload, "stream": False}))
    return message.get("content") or ""


def refused(model, body):
    """Returns why an InvokeModel call cannot be translated, or None."""
    try:
        if "tools" in json.loads(body or b"{}"):
            return "tools are passed on to a model server by Converse and ConverseStream, and not by InvokeModel"
    except (ValueError, TypeError):
        pass
    return None


def guarded(handle):
    """Turns failures into errors that SDKs do not retry."""

    async def guard(method, path, headers, body, query):
        if path.endswith(("/invoke", "/invoke-with-response-stream")):
            why = refused(path, body)
            if why is not None:
                return bedrock._error("ValidationException", why, 400)
        try:
            return await handle(method, path, headers, body, query)
        except Failed as error:
            if path == "/v1/chat/completions":
                return bedrock._openai_error(str(error), code="server_error", status=424)
            return bedrock._error("ModelErrorException", str(error), 424)

    return guard


bedrock._proxy_openai_chat_message = message_of
bedrock._proxy_openai_passthrough = text_of
bedrock.handle_request = guarded(bedrock.handle_request)


class Stream:
    """Translates a streamed answer to events of ConverseStream."""

    def __init__(self):
        self.index = -1
        self.open = None
        self.stop = None
        self.tools = False
        self.usage = None
        self.started = time.monotonic()

    def begin(self, kind):
        """Ends the open block and begins one of this kind, unless it is already open."""
        if self.open == kind:
            return b""
        events = self.end()
        self.index += 1
        self.open = kind
        return events

    def end(self):
        if self.open is None:
            return b""
        self.open = None
        return bedrock._es_event("contentBlockStop", {"contentBlockIndex": self.index})

    def delta(self, content):
        return bedrock._es_event("contentBlockDelta", {"contentBlockIndex": self.index, "delta": content})

    def events(self, chunk):
        """Returns the events for a piece of the answer."""
        self.usage = counted(chunk.get("usage")) or self.usage
        events = b""
        for choice in (chunk.get("choices") or [])[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            if delta.get("content"):
                events += self.begin("text") + self.delta({"text": delta["content"]})
            for place, call in enumerate(delta.get("tool_calls") or []):
                events += self.tool(call.get("index", place), call)
            self.stop = choice.get("finish_reason") or self.stop
        return events

    def tool(self, number, call):
        function = call.get("function") or {}
        kind = ("tool", number)
        events = b""
        if self.open != kind:
            events += self.begin(kind)
            self.tools = True
            start = {"toolUseId": call.get("id") or f"tooluse_{number}", "name": function.get("name") or ""}
            events += bedrock._es_event(
                "contentBlockStart", {"contentBlockIndex": self.index, "start": {"toolUse": start}}
            )
        if function.get("arguments"):
            events += self.delta({"toolUse": {"input": function["arguments"]}})
        return events

    def finish(self, question):
        stop = "tool_use" if self.tools and self.stop != "length" else STOP_REASONS.get(self.stop, "end_turn")
        counts = self.usage or (bedrock._estimate_tokens(question), 0)
        latency = max(1, round((time.monotonic() - self.started) * 1000))
        usage = {"inputTokens": counts[0], "outputTokens": counts[1], "totalTokens": sum(counts)}
        return (
            self.end()
            + bedrock._es_event("messageStop", {"stopReason": stop})
            + bedrock._es_event("metadata", {"usage": usage, "metrics": {"latencyMs": latency}})
        )


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
                    raise Failed(f"the model server at {URL} broke off its answer: {error}")
                ended = ended or any(choice.get("finish_reason") for choice in chunk.get("choices") or [])
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the model server at {URL} broke off its answer: {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Failed(f"the model server at {URL} streams something else than chat completions") from error
    if not ended:
        raise Failed(f"the model server at {URL} broke off its answer")


async def received(receive):
    """Returns the complete body of a request, or None if it is too long or the client is gone."""
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if len(body) > LONGEST_REQUEST:
            return None
        if not event.get("more_body"):
            return body


async def whole(send, status, headers, body):
    head = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    head.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def converse_stream(model, body, receive, send):
    try:
        question = json.loads(body)
    except ValueError:
        return await whole(send, *bedrock._error("ValidationException", "Body is not valid JSON.", 400))
    error = bedrock._validate_converse_request(question)
    if error:
        return await whole(send, *error)
    payload = asked(
        model,
        question.get("messages", []),
        question.get("system", []),
        question.get("inferenceConfig"),
        question.get("toolConfig"),
    )
    payload.update(stream=True, stream_options={"include_usage": True})
    try:
        response = await asyncio.to_thread(ask, payload)
    except Failed as error:
        return await whole(send, *bedrock._error("ModelErrorException", str(error), 424))

    gone = asyncio.ensure_future(receive())
    head = [(b"content-type", b"application/vnd.amazon.eventstream")]
    await send({"type": "http.response.start", "status": 200, "headers": head})

    async def emit(events):
        if events:
            await send({"type": "http.response.body", "body": events, "more_body": True})

    stream, chunks = Stream(), pieces(response)
    await emit(bedrock._es_event("messageStart", {"role": "assistant"}))
    try:
        while not gone.done():
            chunk = await asyncio.to_thread(next, chunks, None)
            if chunk is None:
                await emit(stream.finish(body.decode("utf-8", "replace")))
                break
            await emit(stream.events(chunk))
    except Failed as error:
        await emit(
            bedrock._es_encode_message(
                {
                    ":message-type": "exception",
                    ":exception-type": "modelStreamErrorException",
                    ":content-type": "application/json",
                },
                json.dumps({"message": str(error)}).encode(),
            )
        )
    finally:
        gone.cancel()
        # Closes the connection to the server if the reader disconnected early.
        await asyncio.to_thread(chunks.close)
    await send({"type": "http.response.body", "body": b""})


def answering(app):
    """Wraps ministack so that streams are sent as they arrive."""

    async def answer(scope, receive, send):
        found = STREAMED.match(scope.get("raw_path", b"").decode("latin-1").split("?")[0]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST":
            return await app(scope, receive, send)
        body = await received(receive)
        if body is None:
            return None
        if b'"guardrailConfig"' in body:
            # Only ministack supports guardrails.
            given = [{"type": "http.request", "body": body, "more_body": False}]

            async def again():
                return given.pop() if given else await receive()

            return await app(scope, again, send)
        return await converse_stream(urllib.parse.unquote(found[1]), body, receive, send)

    return answer
