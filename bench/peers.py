# SPDX-License-Identifier: Apache-2.0
"""What the daemon is compared with under the same load: nginx, and an fnserver where its program is given (FNSERVER=path)."""

import json
import os
import pathlib
import subprocess

from daemon import free_port
from engine import Connection
from measure import ANSWER, eventually


def listens(port):
    try:
        Connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


class Nginx:
    """One worker that proxies to `upstream`, an address or a unix: path, over kept connections, without a log."""

    def __init__(self, directory, upstream):
        self.port = free_port()
        self.directory = pathlib.Path(directory)
        (self.directory / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
            events {{ worker_connections 4096; }}
            http {{
              access_log off; keepalive_requests 1000000000;
              client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2; fastcgi_temp_path {directory}/t3;
              uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
              upstream function {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
              server {{
                listen 127.0.0.1:{self.port};
                location / {{ proxy_pass http://function; proxy_http_version 1.1; proxy_set_header Connection ""; }}
              }}
            }}""")

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-c", self.directory / "nginx.conf", "-p", self.directory],
                                        stderr=subprocess.DEVNULL)
        eventually("nginx answers", self.listens, 10)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def listens(self):
        if self.process.poll() is not None:
            raise SystemExit("nginx ended: " + (self.directory / "nginx.log").read_text())
        return listens(self.port)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


class Fn:
    """An fnserver with directories of its own and one function that is never paused; `with` stops it."""

    BINARY = os.environ.get("FNSERVER", "")

    def __init__(self, directory):
        if not os.access(self.BINARY, os.X_OK):
            raise SystemExit(f"FNSERVER={self.BINARY} cannot be executed")
        self.directory, self.port = pathlib.Path(directory, "fn"), free_port()
        (self.directory / "iofs").mkdir(parents=True)
        self.script = str(self.directory / "post.lua")
        pathlib.Path(self.script).write_text('wrk.method = "POST"\n')

    def __enter__(self):
        home = self.directory
        self.before = self.containers()
        self.log = open(home / "log", "wb")
        self.process = subprocess.Popen([self.BINARY], stdout=self.log, stderr=self.log, cwd=home, env={
            **os.environ, "FN_PORT": str(self.port), "FN_DB_URL": f"sqlite3://{home}/fn.db", "FN_MQ_URL": f"bolt://{home}/mq.db",
            "FN_LOG_LEVEL": "error", "FN_FREEZE_IDLE_MSECS": "-1", "FN_EJECT_IDLE_MSECS": "-1", "FN_IOFS_PATH": f"{home}/iofs",
            "FN_IOFS_DOCKER_PATH": f"{home}/iofs", "FN_GRPC_PORT": str(free_port())})
        try:
            eventually("fnserver answers", self.listens, 30)
            app = self.api("/v2/apps", {"name": "bench"})["id"]
            self.function = self.api("/v2/fns", {"name": "warm", "app_id": app, "image": ANSWER, "memory": 256, "timeout": 30,
                                                 "idle_timeout": 300})["id"]
            eventually("the function behind fnserver answers", self.answers, 60, 0.5)
        except BaseException:
            self.__exit__()
            print((home / "log").read_text(errors="replace")[-3000:])
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.log.close()
        for left in self.containers() - self.before:
            subprocess.run(["docker", "rm", "-f", left], check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def containers():
        """Those of the function's image that are not the daemon's own: fnserver leaves some when it is stopped."""
        listed = subprocess.run(["docker", "ps", "-a", "--no-trunc", "--filter", f"ancestor={ANSWER}", "--format",
                                 '{{.ID}} {{.Label "shallop.daemon"}}'], check=True, capture_output=True, text=True).stdout
        return {words[0] for words in map(str.split, listed.splitlines()) if len(words) == 1}

    def listens(self):
        if self.process.poll() is not None:
            raise SystemExit(f"fnserver ended: {(self.directory / 'log').read_text(errors='replace')[-3000:]}")
        return listens(self.port)

    def api(self, path, document):
        connection = Connection(("127.0.0.1", self.port))
        connection.send("POST", path, json.dumps(document).encode(), "Content-Type: application/json\r\n")
        status, fields = connection.head()
        body = connection.body(status, fields)
        connection.close()
        if status >= 300:
            raise SystemExit(f"fnserver: POST {path}: {status} {body!r}")
        return json.loads(body)

    def answers(self):
        return subprocess.run(["curl", "-sf", "-m", "30", "-o", "/dev/null", "-X", "POST", self.url()]).returncode == 0

    def url(self):
        return f"http://127.0.0.1:{self.port}/invoke/{self.function}"
