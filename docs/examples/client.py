"""Send a recording, wait for its end, print its answers: python client.py http://127.0.0.1:8000 nc_... visit.wav"""

import sys
import time
from pathlib import Path

import requests

address, key, path = sys.argv[1:]
api = requests.Session()
api.headers["Authorization"] = f"Bearer {key}"
with Path(path).open("rb") as recording:
    taken = api.post(f"{address}/api/v1/uploads", files={"file": recording}, data={"profile": "general"})
if taken.status_code != 202:
    sys.exit(f"{taken.json()['code']}: {taken.json()['detail']}")
task = {"status": "pending"}
while task["status"] in ("pending", "processing"):
    time.sleep(1)
    task = api.get(f"{address}/api/v1/tasks/{taken.json()['task_id']}").json()
    print(f"{task['progress']:3} % {task['message']}", file=sys.stderr)
for answer in api.get(f"{address}/api/v1/uploads/{task['upload_id']}").json()["qa_results"]:
    print(f"{answer['question_id']:24} {answer['state']:16} {answer['answer_text'] or ''}")
