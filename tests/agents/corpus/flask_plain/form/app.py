from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/invocations")
def invoke():
    return jsonify({"answer": request.get_json()["prompt"].upper()})


@app.route("/ping")
def ping():
    return jsonify({"status": "Healthy"})


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8080)
