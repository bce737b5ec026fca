"""A store that speaks S3's language: moto, in an environment of its own."""

import os
import subprocess
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml

from support import servers

PROGRAM = os.path.join(servers.ROOT, "target", "python", "store", "bin", "moto_server")


class Store:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        command = [PROGRAM, "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 30
        while time.time() < end:
            try:
                self.ask("GET", "")
                break
            except urllib.error.URLError:
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def ask(self, method, path, data=None):
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{self.url}/{path}", data, signed, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def make(self, bucket):
        self.ask("PUT", bucket)
        return bucket

    def names(self, bucket):
        """The keys of a bucket and the sizes of their objects."""
        space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        found = xml.fromstring(self.ask("GET", f"{bucket}?list-type=2")).iter(f"{space}Contents")
        return {own.find(f"{space}Key").text: int(own.find(f"{space}Size").text) for own in found}

    def conf(self):
        """What Spark's users set to reach it."""
        conf = {"access.key": "a", "secret.key": "b", "endpoint": self.url, "path.style.access": "true"}
        return [part for key, value in conf.items() for part in ("--conf", f"spark.hadoop.fs.s3a.{key}={value}")]
