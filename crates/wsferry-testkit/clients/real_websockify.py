"""The real websockify, as its own start script runs it: real_websockify.py ARGUMENTS

From Python 3.14 on multiprocessing does not fork by default, and websockify relies on it.
"""
import multiprocessing
import os
import sys

from websockify.websocketproxy import websockify_init

multiprocessing.set_start_method("fork")
# From here it finds the name for its messages, and ../lib/rebind.so.
sys.argv[0] = os.path.join(sys.prefix, "bin", "websockify")
websockify_init()
