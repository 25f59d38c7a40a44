import json


class EventEncoder:
    def encode(self, text):
        event = {"type": "TEXT_MESSAGE_CONTENT", "delta": text}
        return f"data: {json.dumps(event)}\n\n"
