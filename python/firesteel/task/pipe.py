"""`RDD.pipe`: a partition's records through an external command, one a line."""


def piped(records, command, environment, check_code):
    import shlex
    from itertools import chain
    from subprocess import PIPE, Popen
    from threading import Thread

    process = Popen(shlex.split(command), env=environment, stdin=PIPE, stdout=PIPE)

    def feed(stream):
        for record in records:
            stream.write((str(record).rstrip("\n") + "\n").encode("utf-8"))
        stream.close()

    Thread(target=feed, args=[process.stdin]).start()

    def finished():
        process.wait()
        if check_code and process.returncode:
            from pyspark.errors import PySparkRuntimeError

            raise PySparkRuntimeError(
                errorClass="PIPE_FUNCTION_EXITED",
                messageParameters={"func_name": command, "error_code": str(process.returncode)},
            )
        yield from ()

    lines = chain(iter(process.stdout.readline, b""), finished())
    return (line.rstrip(b"\n").decode("utf-8") for line in lines)
