"""Translates Converse and ConverseStream to chat completions and back.

The formats of InvokeModel are translated to Converse first, see `invoke.py`.
"""

import time

from ministack.services import bedrock_runtime as bedrock

STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
}
KINDS = {dict: "an object", list: "an array", str: "a string"}


class Refused(Exception):
    """The request is invalid or cannot be translated."""

    def __init__(self, place, why):
        super().__init__(f"{place}: {why}")


def untranslated(place, value=None):
    what = "it" if value is None else f"`{value}`"
    return Refused(
        place,
        f"{what} has no equivalent in chat completions, which the model server at {URL} answers; "
        'with `models = "aws"` the call goes to Bedrock',
    )


def need(value, kind, place):
    """Returns the value if it has this type."""
    if not isinstance(value, kind):
        raise Refused(place, f"must be {KINDS[kind]}")
    return value


def each(value, kind, place):
    """Yields the items of an optional array, each with its place."""
    for number, item in enumerate(need([] if value is None else value, list, place)):
        yield need(item, kind, f"{place}.{number}"), f"{place}.{number}"


def text_and_images(parts):
    """Returns a message's content: a string, unless it contains an image."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def image(block, place):
    source = need(block.get("source"), dict, f"{place}.source")
    for other in source.keys() - {"bytes"}:
        raise untranslated(f"{place}.source.{other}")
    content = need(source.get("bytes"), str, f"{place}.source.bytes")
    kind = need(block.get("format"), str, f"{place}.format")
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{content}"}}


def tool_result(block, place):
    texts = []
    for item, where in each(block.get("content"), dict, f"{place}.content"):
        for name, value in item.items():
            if name == "text":
                texts.append(need(value, str, f"{where}.text"))
            elif name == "json":
                texts.append(json.dumps(value))
            elif name != "cachePoint":
                raise untranslated(f"{where}.{name}")
    return {"role": "tool", "tool_call_id": block.get("toolUseId", ""), "content": "\n".join(texts)}


def tool_call(block):
    function = {"name": block.get("name", ""), "arguments": json.dumps(block.get("input") or {})}
    return {"id": block.get("toolUseId", ""), "type": "function", "function": function}


def chat_messages(message, place):
    """Returns the messages for one of Converse."""
    parts, calls, results = [], [], []
    for block, where in each(message.get("content"), dict, f"{place}.content"):
        for name, value in block.items():
            where_value = f"{where}.{name}"
            if name == "text":
                parts.append({"type": "text", "text": need(value, str, where_value)})
            elif name == "image":
                parts.append(image(need(value, dict, where_value), where_value))
            elif name == "toolUse":
                calls.append(tool_call(need(value, dict, where_value)))
            elif name == "toolResult":
                results.append(tool_result(need(value, dict, where_value), where_value))
            elif name == "guardContent":
                text = need(value, dict, where_value).get("text")
                text = need(text, dict, f"{where_value}.text").get("text")
                parts.append({"type": "text", "text": need(text, str, f"{where_value}.text.text")})
            elif name not in ("cachePoint", "reasoningContent"):
                raise untranslated(where_value)
    # Results must directly follow the calls that they belong to.
    messages = results
    if calls:
        content = text_and_images(parts) or None
        messages.append({"role": "assistant", "content": content, "tool_calls": calls})
    elif parts:
        messages.append({"role": message.get("role", "user"), "content": text_and_images(parts)})
    return messages


def chat(model, question):
    """Translates a Converse request to one for chat completions."""
    messages = [
        {"role": "system", "content": need(block["text"], str, f"{place}.text")}
        for block, place in each(question.get("system"), dict, "system")
        if "text" in block
    ]
    for message, place in each(question.get("messages"), dict, "messages"):
        messages += chat_messages(message, place)
    payload = {"model": model, "messages": messages, "stream": False}
    functions, choice = bedrock._openai_tools(need(question.get("toolConfig") or {}, dict, "toolConfig"))
    if functions:
        payload["tools"] = functions
        if choice is not None:
            payload["tool_choice"] = choice
    inference = need(question.get("inferenceConfig") or {}, dict, "inferenceConfig")
    for name, other in (
        ("maxTokens", "max_tokens"),
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop"),
    ):
        if name in inference:
            payload[other] = inference[name]
    return payload


def stop_reason(finish, has_tools):
    return "tool_use" if has_tools and finish != "length" else STOP_REASONS.get(finish, "end_turn")


class Converse:
    """A Converse or ConverseStream request."""

    def __init__(self, model, question):
        error = bedrock._validate_converse_request(question)
        if error:
            raise Refused("the request", json.loads(error[2])["message"])
        self.model = model
        self.question = question
        self.payload = chat(model, question)
        self.started = time.time()

    def answer(self, found, message):
        """Returns the response for a complete answer."""
        blocks, stop = bedrock._converse_blocks_from_message(message)
        if stop != "malformed_tool_use":
            stop = stop_reason(found["choices"][0].get("finish_reason"), stop == "tool_use")
        text = "".join(block["text"] for block in blocks if "text" in block)
        counts = counted(found.get("usage")) or (None, None)
        return bedrock._build_converse_response(
            self.model,
            self.question.get("messages") or [],
            self.question.get("system") or [],
            int(self.started * 1000),
            text,
            input_tokens=counts[0],
            output_tokens=counts[1],
            content_blocks=blocks or None,
            stop_reason=stop,
        )

    def stream(self):
        return Stream(json.dumps(self.question), bedrock._es_event)


class Stream:
    """Translates a streamed answer to events of ConverseStream, which `encode` turns into bytes."""

    def __init__(self, question, encode):
        self.question = question
        self.encode = encode
        self.index = -1
        self.open = None
        self.stop = None
        self.tools = False
        self.usage = None
        self.length = 0
        self.started = time.monotonic()

    def begin(self):
        return self.encode("messageStart", {"role": "assistant"})

    def open_block(self, kind):
        """Ends the open block and begins one of this kind, unless it is already open."""
        if self.open == kind:
            return b""
        events = self.close_block()
        self.index += 1
        self.open = kind
        return events

    def close_block(self):
        if self.open is None:
            return b""
        self.open = None
        return self.encode("contentBlockStop", {"contentBlockIndex": self.index})

    def delta(self, content):
        return self.encode("contentBlockDelta", {"contentBlockIndex": self.index, "delta": content})

    def events(self, chunk):
        """Returns the events for a piece of the answer."""
        self.usage = counted(chunk.get("usage")) or self.usage
        events = b""
        for choice in (chunk.get("choices") or [])[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            if delta.get("content"):
                self.length += len(delta["content"])
                events += self.open_block("text") + self.delta({"text": delta["content"]})
            for place, call in enumerate(delta.get("tool_calls") or []):
                events += self.tool(call.get("index", place), call)
            self.stop = choice.get("finish_reason") or self.stop
        return events

    def tool(self, number, call):
        function = call.get("function") or {}
        kind = ("tool", number)
        events = b""
        if self.open != kind:
            events += self.open_block(kind)
            self.tools = True
            start = {"toolUseId": call.get("id") or f"tooluse_{number}", "name": function.get("name") or ""}
            events += self.encode("contentBlockStart", {"contentBlockIndex": self.index, "start": {"toolUse": start}})
        if function.get("arguments"):
            self.length += len(function["arguments"])
            events += self.delta({"toolUse": {"input": function["arguments"]}})
        return events

    def finish(self):
        counts = self.usage or (bedrock._estimate_tokens(self.question), self.length // 4)
        latency = max(1, round((time.monotonic() - self.started) * 1000))
        usage = {"inputTokens": counts[0], "outputTokens": counts[1], "totalTokens": sum(counts)}
        return (
            self.close_block()
            + self.encode("messageStop", {"stopReason": stop_reason(self.stop, self.tools)})
            + self.encode("metadata", {"usage": usage, "metrics": {"latencyMs": latency}})
        )
