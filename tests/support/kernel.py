"""Runs cells in a real Jupyter kernel, as a notebook's server would: `firesteel shell` starts this instead of Jupyter.

    python kernel.py CELLS OUTPUT

CELLS is a JSON list of cells, texts or {"code": text, "interrupt after": seconds}; OUTPUT becomes the list of what each
gave: its status, its streams, the forms of its result, its error.
"""

import json
import os
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(os.path.dirname(TESTS), "target", "python", "notebook", "bin", "python")


def main(cells, output):
    from jupyter_client.manager import start_new_kernel

    with open(cells, encoding="utf-8") as file:
        wanted = json.load(file)
    manager, client = start_new_kernel(startup_timeout=120)
    try:
        found = [answer(manager, client, cell if isinstance(cell, dict) else {"code": cell}) for cell in wanted]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    with open(output, "w", encoding="utf-8") as file:
        json.dump(found, file)


def answer(manager, client, cell):
    found = {"stdout": "", "stderr": "", "result": {}, "error": None}

    def keep(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            found[content["name"]] += content["text"]
        elif message["msg_type"] in ("execute_result", "display_data"):
            found["result"] = content["data"]
        elif message["msg_type"] == "error":
            found["error"] = [content["ename"], content["evalue"]]

    after = cell.get("interrupt after")
    if after is not None:
        threading.Timer(after, manager.interrupt_kernel).start()
    reply = client.execute_interactive(cell["code"], output_hook=keep, timeout=120, allow_stdin=False)
    found["status"] = reply["content"]["status"]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
