"""Serves a small real model with llama.cpp: llama_server.py MODEL.gguf PORT, until it is ended. Needs xllamacpp."""
import sys
import time

import xllamacpp


def main():
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[2])
    parameters.n_ctx = 8192
    server = xllamacpp.Server(parameters)
    print("serving", server, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
