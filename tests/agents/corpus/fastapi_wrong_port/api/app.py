import os

import uvicorn
from fastapi import FastAPI

PORT = int(os.environ.get("API_PORT", "8000"))
app = FastAPI()


@app.get("/ping")
def ping():
    return {"status": "Healthy"}


@app.post("/invocations")
def invoke(request: dict):
    return {"answer": request["prompt"].upper()}


def main():
    uvicorn.run(app, host="127.0.0.1", port=PORT)


if __name__ == "__main__":
    main()
