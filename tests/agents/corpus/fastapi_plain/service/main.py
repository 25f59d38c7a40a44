import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/invocations")
async def invoke(request: dict):
    return {"answer": request["prompt"].upper()}


@app.get("/ping")
async def ping():
    return {"status": "Healthy"}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8080)
