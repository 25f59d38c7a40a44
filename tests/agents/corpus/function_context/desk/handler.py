async def handle(payload, context):
    return {"answer": payload["prompt"].upper(), "session": context.session_id}
