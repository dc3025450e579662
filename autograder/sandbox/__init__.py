"""Runs untrusted answers where they can do no harm: Linux namespaces, Landlock, seccomp, and sealed operators.

The trusted side is `SandboxWorker`. Everything in `zygote` and `child` runs on the other side and imports nothing
that holds an answer: no spec, no reference, no registry.
"""
