import uvicorn
from ag_ui_langgraph import LangGraphAgent, add_langgraph_fastapi_endpoint
from fastapi import FastAPI
from graph import compiled

app = FastAPI()
agent = LangGraphAgent(name="chat", graph=compiled)
add_langgraph_fastapi_endpoint(app, agent, "/invocations")


@app.get("/ping")
def ping():
    return {"status": "Healthy"}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8080)
