from app import app


@app.entrypoint
def invoke(payload):
    return payload["prompt"].upper()
