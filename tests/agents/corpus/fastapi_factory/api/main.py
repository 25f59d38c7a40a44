import uvicorn
from fastapi import FastAPI


def invoke(request: dict):
    return {"answer": request["prompt"].upper()}


def ping():
    return {"status": "Healthy"}


def create_app():
    app = FastAPI()
    app.add_api_route("/invocations", invoke, methods=["POST"])
    app.add_api_route("/ping", ping, methods=["GET"])
    return app


app = create_app()

if __name__ == "__main__":
    uvicorn.run("main:app", host="0.0.0.0", port=8080)
