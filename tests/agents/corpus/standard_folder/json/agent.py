import json


def answer(payload):
    return json.loads(json.dumps(payload))["prompt"].upper()
