"""Serves a small real model with llama.cpp, until it is ended: llama_server.py MODEL.gguf PORT [TEMPLATE].

TEMPLATE: a file with a chat template instead of the model's own. Needs xllamacpp.
"""
import pathlib
import sys
import time

import xllamacpp


def main():
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[2])
    parameters.n_ctx = 8192
    # several threads wait for each other in busy loops: beside other work on the machine they take minutes for a word
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    if len(sys.argv) > 3:
        parameters.chat_template = pathlib.Path(sys.argv[3]).read_text()
    server = xllamacpp.Server(parameters)
    print("serving", server, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
