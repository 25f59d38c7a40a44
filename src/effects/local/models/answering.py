"""Answers calls of Bedrock's models in ministack's place.

If the server fails, ministack would answer with canned text, and it sends a stream in one piece. Here a failure is
an error that names the server, and a stream is forwarded as it arrives.
"""

import asyncio
import re

LONGEST_REQUEST = 32 << 20
CALL = re.compile(r"^/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream)$")


def message_of(model, messages, system, inference, tools=None):
    question = {"messages": messages, "system": system, "inferenceConfig": inference, "toolConfig": tools}
    found, message = document(ask(chat(model, question)))
    return message, counted(found.get("usage"))


def text_of(payload):
    _, message = document(ask({**payload, "stream": False}))
    return message.get("content") or ""


def guarded(handle):
    """Turns failures of calls that ministack answers itself into errors that SDKs do not retry."""

    async def guard(method, path, headers, body, query):
        try:
            return await handle(method, path, headers, body, query)
        except Refused as error:
            return bedrock._error("ValidationException", str(error), 400)
        except Failed as error:
            if path == "/v1/chat/completions":
                return bedrock._openai_error(str(error), code="server_error", status=424)
            return bedrock._error("ModelErrorException", str(error), 424)

    return guard


bedrock._proxy_openai_chat_message = message_of
bedrock._proxy_openai_passthrough = text_of
bedrock.handle_request = guarded(bedrock.handle_request)


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
    head.append((b"x-amzn-requestid", str(uuid.uuid4()).encode()))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def request_of(model, operation, body):
    try:
        body = json.loads(body)
    except ValueError:
        raise Refused("the body", "must be valid JSON") from None
    body = need(body, dict, "the body")
    return Converse(model, body) if operation.startswith("converse") else invocation(model, body)


async def answer_whole(request, send):
    def work():
        found, message = document(ask(request.payload))
        return request.answer(found, message), counted(found.get("usage"))

    response, counts = await asyncio.to_thread(work)
    headers = {"Content-Type": "application/json"}
    for name, count in zip(("input", "output"), counts or ()):
        headers[f"x-amzn-bedrock-{name}-token-count"] = str(count)
    await whole(send, 200, headers, json.dumps(response).encode())


async def answer_in_pieces(request, receive, send):
    payload = {**request.payload, "stream": True, "stream_options": {"include_usage": True}}
    response = await asyncio.to_thread(ask, payload)
    gone = asyncio.ensure_future(receive())
    head = [
        (b"content-type", b"application/vnd.amazon.eventstream"),
        (b"x-amzn-bedrock-content-type", b"application/json"),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": head})

    async def emit(events):
        if events:
            await send({"type": "http.response.body", "body": events, "more_body": True})

    stream, chunks = request.stream(), pieces(response)
    await emit(stream.begin())
    try:
        while not gone.done():
            chunk = await asyncio.to_thread(next, chunks, None)
            if chunk is None:
                await emit(stream.finish())
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
    """Wraps ministack."""

    async def answer(scope, receive, send):
        path = scope.get("raw_path", b"").decode("latin-1").split("?")[0]
        found = CALL.match(path) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            return await app(scope, receive, send)
        body = await received(receive)
        if body is None:
            return None
        model, operation = urllib.parse.unquote(found[1]), found[2]
        if operation.startswith("converse") and b'"guardrailConfig"' in body:
            # Only ministack supports guardrails.
            given = [{"type": "http.request", "body": body, "more_body": False}]

            async def again():
                return given.pop() if given else await receive()

            return await app(scope, again, send)
        try:
            request = request_of(model, operation, body)
            if operation.endswith("stream"):
                return await answer_in_pieces(request, receive, send)
            return await answer_whole(request, send)
        except Refused as error:
            return await whole(send, *bedrock._error("ValidationException", str(error), 400))
        except Failed as error:
            return await whole(send, *bedrock._error("ModelErrorException", str(error), 424))

    return answer
