"""`RDD.pipe`: a partition's records through an external command, one a line."""


def piped(records, command, environment, check_code):
    import shlex
    from subprocess import PIPE, Popen
    from threading import Thread

    process = Popen(shlex.split(command), env=environment, stdin=PIPE, stdout=PIPE)

    def feed(stream):
        try:
            with stream:
                for record in records:
                    stream.write((str(record).rstrip("\n") + "\n").encode("utf-8"))
        except BrokenPipeError:
            # The command wants no more.
            pass

    feeder = Thread(target=feed, args=[process.stdin])
    feeder.start()
    try:
        for line in iter(process.stdout.readline, b""):
            yield line.rstrip(b"\n").decode("utf-8")
        process.wait()
        if check_code and process.returncode:
            from pyspark.errors import PySparkRuntimeError

            raise PySparkRuntimeError(
                errorClass="PIPE_FUNCTION_EXITED",
                messageParameters={"func_name": command, "error_code": str(process.returncode)},
            )
    finally:
        # Nobody else may read the records while the thread does.
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        feeder.join()
