"""An AG-UI agent that keeps every rule."""

import json
import uuid

from . import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        try:
            run = json.loads(body)
            text = run["messages"][-1]["content"]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.answer(400, {"error": str(error)})
            return
        self.run(run, text)

    def run(self, run, text):
        self.stream(self.event(event) for event in self.events(run, text))

    def events(self, run, text):
        ids = {"threadId": run["threadId"], "runId": run["runId"]}
        message = str(uuid.uuid4())
        yield {"type": "RUN_STARTED", **ids}
        yield {"type": "TEXT_MESSAGE_START", "messageId": message, "role": "assistant"}
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": text}
        yield {"type": "TEXT_MESSAGE_END", "messageId": message}
        yield {"type": "RUN_FINISHED", **ids}

    def event(self, event):
        return b"data: %s\n\n" % json.dumps(event, ensure_ascii=False).encode()


def serve(agent=Agent):
    http_agent.serve(agent)
