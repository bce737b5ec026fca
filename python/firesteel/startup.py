"""What Jupyter's kernels, IPython and prompts run first (`PYTHONSTARTUP`) when `firesteel shell` starts them by
`PYSPARK_DRIVER_PYTHON` and `PYSPARK_DRIVER_PYTHON_OPTS`, as PySpark's shell does: `spark`, `sc` and `%%sql` are ready.
"""


def _start(namespace):
    import os
    import sys

    from firesteel import hook, run

    reason = run.client_is_missing()
    if reason is not None and run.use_kept_client(os.path.dirname(os.path.dirname(run.__file__))):
        reason = run.client_is_missing()
    if reason is not None:
        sys.stderr.write("firesteel: %s cannot run PySpark programs: %s\n" % (sys.executable, reason))
        return
    hook.install()
    run.unpack_archives()
    from firesteel import shell

    namespace.update(shell.names())
    try:
        prompt = get_ipython()
    except NameError:
        sys.stderr.write(shell.banner(namespace["spark"], namespace["sc"]))
    else:
        prompt.extension_manager.load_extension("firesteel.notebook")


_start(globals())
del _start
