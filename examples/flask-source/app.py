# SPDX-License-Identifier: Apache-2.0
"""A Flask application as its tutorial would write it; nothing in it knows of Shallop."""
from flask import Blueprint, Flask, jsonify, request, url_for

app = Flask(__name__)
notes = Blueprint("notes", __name__, url_prefix="/notes")


@app.get("/")
def index():
    return f"notes are at {url_for('notes.show', number=1)}\n"


@notes.get("/<int:number>")
def show(number):
    return jsonify(number=number, text=f"note {number}")


@notes.post("/")
def echo():
    return jsonify(text=request.get_json()["text"].upper()), 201


app.register_blueprint(notes)

if __name__ == "__main__":
    app.run()
