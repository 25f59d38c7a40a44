"""Translates the bodies of InvokeModel and InvokeModelWithResponseStream, each in its model family's format."""

import uuid

ANTHROPIC_STOP_REASONS = {"content_filtered": "refusal"}
# Without an effect on the answer's text.
ANTHROPIC_WITHOUT_EFFECT = {"anthropic_version", "anthropic_beta", "cache_control", "metadata"}
PROMPTS = ("prompt", "inputText")
PROMPT_OPTIONS = {
    "max_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "maxTokenCount": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "p": "top_p",
    "top_k": "top_k",
    "k": "top_k",
    "stop": "stop",
    "stop_sequences": "stop",
    "stopSequences": "stop",
}


def invocation(model, body):
    """Returns the request in the format of its model family."""
    family = bedrock._family(model)
    if family == "anthropic" or "anthropic_version" in body:
        return Anthropic(model, body)
    if family == "nova":
        return Nova(model, body)
    if "messages" in body:
        return Completion(model, body)
    return Prompt(model, family, body)


def nested(name, payload):
    return bedrock._es_event_chunk({name: payload})


class Nova(Converse):
    """Amazon Nova's messages, which differ from Converse only in the names of a few options."""

    def __init__(self, model, body):
        body = dict(body)
        inference = dict(need(body.get("inferenceConfig") or {}, dict, "inferenceConfig"))
        for name, other in (("max_new_tokens", "maxTokens"), ("top_p", "topP")):
            if name in inference:
                inference[other] = inference.pop(name)
        body["inferenceConfig"] = inference
        for name in sorted(body.keys() - {"schemaVersion", "messages", "system", "inferenceConfig", "toolConfig"}):
            raise untranslated(name)
        super().__init__(model, body)

    def answer(self, found, message):
        response = super().answer(found, message)
        del response["metrics"]
        return response

    def stream(self):
        return Stream(json.dumps(self.question), nested)


def anthropic_image(block, place):
    source = need(block.get("source"), dict, f"{place}.source")
    if source.get("type") != "base64":
        raise untranslated(f"{place}.source.type", source.get("type"))
    kind = need(source.get("media_type"), str, f"{place}.source.media_type")
    content = need(source.get("data"), str, f"{place}.source.data")
    return {"image": {"format": kind.removeprefix("image/"), "source": {"bytes": content}}}


def anthropic_blocks(content, place, known):
    """Returns a content, which may be a string, as blocks of Converse."""
    if isinstance(content, str):
        return [{"text": content}]
    return [anthropic_block(block, where, known) for block, where in each(content, dict, place)]


def anthropic_block(block, place, known):
    kind = block.get("type")
    if kind not in known:
        raise untranslated(f"{place}.type", kind)
    if kind == "text":
        return {"text": need(block.get("text"), str, f"{place}.text")}
    if kind == "image":
        return anthropic_image(block, place)
    if kind == "tool_use":
        use = {"toolUseId": need(block.get("id"), str, f"{place}.id")}
        use["name"] = need(block.get("name"), str, f"{place}.name")
        use["input"] = need(block.get("input"), dict, f"{place}.input")
        return {"toolUse": use}
    identifier = need(block.get("tool_use_id"), str, f"{place}.tool_use_id")
    content = anthropic_blocks(block.get("content"), f"{place}.content", ("text",))
    return {"toolResult": {"toolUseId": identifier, "content": content}}


def anthropic_tools(body):
    """Returns the tools and the choice for Converse."""
    tools = []
    for tool, place in each(body.get("tools"), dict, "tools"):
        if tool.get("type", "custom") != "custom":
            raise untranslated(f"{place}.type", tool["type"])
        spec = {"name": need(tool.get("name"), str, f"{place}.name")}
        spec["inputSchema"] = {"json": need(tool.get("input_schema"), dict, f"{place}.input_schema")}
        if tool.get("description"):
            spec["description"] = tool["description"]
        tools.append({"toolSpec": spec})
    choice = need(body.get("tool_choice") or {}, dict, "tool_choice")
    kind = choice.get("type")
    if kind == "tool":
        return {"tools": tools, "toolChoice": {"tool": {"name": need(choice.get("name"), str, "tool_choice.name")}}}
    if kind in ("auto", "any"):
        return {"tools": tools, "toolChoice": {kind: {}}}
    if kind not in (None, "none"):
        raise untranslated("tool_choice.type", kind)
    return {"tools": tools}


class Anthropic:
    """Messages of Anthropic's models."""

    def __init__(self, model, body):
        for name in ("anthropic_version", "max_tokens", "messages"):
            if name not in body:
                raise Refused(name, "Field required")
        question, more = self.translated(dict(body))
        self.model = model
        self.converse = Converse(model, question)
        self.payload = {**self.converse.payload, **more}

    @staticmethod
    def translated(body):
        """Returns the Converse request, and what only chat completions have."""
        places = ("text",), ("text", "tool_use"), ("text", "image", "tool_result")
        system, assistant, user = places
        messages = []
        for message, place in each(body.pop("messages"), dict, "messages"):
            role = message.get("role")
            if role not in ("user", "assistant"):
                raise Refused(f"{place}.role", "must be `user` or `assistant`")
            known = user if role == "user" else assistant
            content = anthropic_blocks(message.get("content"), f"{place}.content", known)
            messages.append({"role": role, "content": content})
        question = {"messages": messages, "system": anthropic_blocks(body.pop("system", []), "system", system)}
        question["toolConfig"] = anthropic_tools(body)
        inference = question["inferenceConfig"] = {"maxTokens": body.pop("max_tokens")}
        for name, other in (("temperature", "temperature"), ("top_p", "topP"), ("stop_sequences", "stopSequences")):
            if name in body:
                inference[other] = body.pop(name)
        more = {}
        if "top_k" in body:
            # Not in OpenAI's own API, but in those of llama.cpp, vLLM and others.
            more["top_k"] = body.pop("top_k")
        choice = body.pop("tool_choice", None) or {}
        if choice.get("type") == "none":
            more["tool_choice"] = "none"
        if choice.get("disable_parallel_tool_use"):
            more["parallel_tool_calls"] = False
        if need(body.get("thinking") or {}, dict, "thinking").get("type") == "disabled":
            del body["thinking"]
        for name in sorted(body.keys() - ANTHROPIC_WITHOUT_EFFECT - {"tools"}):
            raise untranslated(name)
        return question, more

    def message(self, content, stop, usage):
        return {
            "id": f"msg_bdrk_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": usage,
        }

    def answer(self, found, message):
        response = self.converse.answer(found, message)
        if response["stopReason"] == "malformed_tool_use":
            raise Failed(f"the model server at {URL} calls a tool with arguments that are not valid JSON")
        content = []
        for block in response["output"]["message"]["content"]:
            if "toolUse" in block:
                use = block["toolUse"]
                content.append({"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": use["input"]})
            elif block["text"]:
                content.append({"type": "text", "text": block["text"]})
        usage = {"input_tokens": response["usage"]["inputTokens"], "output_tokens": response["usage"]["outputTokens"]}
        stop = response["stopReason"]
        return self.message(content, ANTHROPIC_STOP_REASONS.get(stop, stop), usage)

    def stream(self):
        question = json.dumps(self.converse.question)
        return Stream(question, AnthropicEvents(self, question).encode)


class AnthropicEvents:
    """Turns events of ConverseStream into those of Anthropic's models."""

    def __init__(self, request, question):
        self.request = request
        self.question = question
        self.begun = -1
        self.stop = None
        self.started = time.monotonic()
        self.first = None

    def encode(self, name, payload):
        if self.first is None and name == "contentBlockDelta":
            self.first = time.monotonic()
        return b"".join(bedrock._es_event_chunk(event) for event in self.events(name, payload))

    def events(self, name, payload):
        index = payload.get("contentBlockIndex")
        if name == "messageStart":
            # The server counts the tokens at the end.
            usage = {"input_tokens": bedrock._estimate_tokens(self.question), "output_tokens": 0}
            yield {"type": "message_start", "message": self.request.message([], None, usage)}
        elif name == "contentBlockStart":
            use = payload["start"]["toolUse"]
            yield self.block(index, {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": {}})
        elif name == "contentBlockDelta":
            delta = payload["delta"]
            if "text" in delta:
                if self.begun < index:
                    yield self.block(index, {"type": "text", "text": ""})
                delta = {"type": "text_delta", "text": delta["text"]}
            else:
                delta = {"type": "input_json_delta", "partial_json": delta["toolUse"]["input"]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        elif name == "contentBlockStop":
            yield {"type": "content_block_stop", "index": index}
        elif name == "messageStop":
            self.stop = ANTHROPIC_STOP_REASONS.get(payload["stopReason"], payload["stopReason"])
        elif name == "metadata":
            yield from self.end(payload["usage"])

    def block(self, index, block):
        self.begun = index
        return {"type": "content_block_start", "index": index, "content_block": block}

    def end(self, usage):
        now = time.monotonic()
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": self.stop, "stop_sequence": None},
            "usage": {"input_tokens": usage["inputTokens"], "output_tokens": usage["outputTokens"]},
        }
        metrics = {
            "inputTokenCount": usage["inputTokens"],
            "outputTokenCount": usage["outputTokens"],
            "invocationLatency": round((now - self.started) * 1000),
            "firstByteLatency": round(((self.first or now) - self.started) * 1000),
        }
        yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}


class Completion:
    """A body that is already a request for chat completions, as for OpenAI's models on Bedrock."""

    def __init__(self, model, body):
        self.payload = {**body, "model": model, "stream": False}

    def answer(self, found, message):
        return found

    def stream(self):
        return self

    def begin(self):
        return b""

    def events(self, chunk):
        return bedrock._es_event_chunk(chunk)

    def finish(self):
        return b""


class Prompt:
    """A single text, as for the older models of Amazon, Meta, Mistral, Cohere and DeepSeek."""

    def __init__(self, model, family, body):
        self.model, self.family = model, family
        options = {**body, **need(body.get("textGenerationConfig") or {}, dict, "textGenerationConfig")}
        options.pop("textGenerationConfig", None)
        name = next((name for name in PROMPTS if name in options), None)
        if name is None or "embed" in model:
            raise untranslated(name or next(iter(options), "the body"))
        self.prompt = need(options.pop(name), str, name)
        self.payload = {"model": model, "messages": [{"role": "user", "content": self.prompt}], "stream": False}
        for name, value in options.items():
            if name not in PROMPT_OPTIONS:
                raise untranslated(name)
            self.payload[PROMPT_OPTIONS[name]] = value
        self.text = ""

    def answer(self, found, message):
        return bedrock._build_invoke_response_body(self.family, self.model, self.prompt, message.get("content") or "")

    def stream(self):
        return self

    def begin(self):
        return b""

    def events(self, chunk):
        for choice in (chunk.get("choices") or [])[:1]:
            self.text += (choice.get("delta") or choice.get("message") or {}).get("content") or ""
        return b""

    def finish(self):
        """Returns all events at once, because the last ones of each family contain totals."""
        return bedrock._build_invoke_stream(self.family, self.model, self.prompt, self.text)
