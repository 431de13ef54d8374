"""ONNX Runtime sessions as this project runs them."""

from __future__ import annotations

import os

import onnxruntime as ort


def cpu_session(model: str | bytes, threads: int = 0) -> ort.InferenceSession:
    """A CPU session for a file's path or a graph's bytes. `threads` 0 takes what `cpu_count` says.

    Worker threads do not spin: on a machine shared by two inferring processes spinning costs half the speed
    (SORTYARD_ORT_SPIN=1 turns it on for a machine of one's own).
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cpu_count()
    options.inter_op_num_threads = 1
    if os.environ.get("SORTYARD_ORT_SPIN", "0") != "1":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def cpu_count() -> int:
    """Processors this process may use, or what OMP_NUM_THREADS allows if that is less."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(allowed, int(wanted))) if wanted.isdigit() and int(wanted) else max(1, allowed)
