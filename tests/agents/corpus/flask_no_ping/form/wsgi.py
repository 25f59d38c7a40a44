from flask import Flask, jsonify, request

application = Flask(__name__)


@application.route("/invocations", methods=["POST"])
def invoke():
    return jsonify({"answer": request.get_json()["prompt"].upper()})
