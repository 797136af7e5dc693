"""A GPU endpoint as docs/gpu-endpoint.md asks for, around two functions: `load` and `generate`.

Python 3.9 or newer, standard library only. Environment: PORT, API_KEY, WEBHOOK_SECRET (whsec_…), LOAD_SECONDS.
One job at a time; jobs and results live as long as the process.
"""

import base64, hashlib, hmac, json, os, queue, re, shutil, signal, subprocess, tempfile, threading, time, urllib.request, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL, BOOT_ID, OUT = "example/test-pattern", str(uuid.uuid4()), tempfile.mkdtemp()
KEY, SECRET = os.environ.get("API_KEY"), os.environ.get("WEBHOOK_SECRET")
QUEUE_MAX, GRACE_S = 8, 25
FIELDS = {"operation", "model", "prompt", "duration_seconds", "seed", "references"}


class Problem(Exception):
    def __init__(self, status, code, message, retryable=False, param=None):
        self.status = status
        self.error = {"code": code, "message": message, "retryable": retryable, **({"param": param} if param else {})}


class Cancelled(Exception):
    pass


# --- the model: these three are yours -------------------------------------------------------------------------------


def load():
    time.sleep(float(os.environ.get("LOAD_SECONDS", "0")))


def check(given):
    """Refuses what the model can't do, before the job is accepted."""
    for field in given.keys() - FIELDS:
        raise Problem(400, "INVALID_INPUT", f"{field} is not taken by this model", param=field)
    seconds = given.get("duration_seconds", 5)
    if not isinstance(seconds, (int, float)) or not 1 <= seconds <= 120:
        raise Problem(400, "INVALID_INPUT", f"duration_seconds must be 1 to 120, got {seconds}", param="duration_seconds")


def generate(given, folder, progress):
    """Makes the files in `folder`; gives their names and the warnings. `progress` raises Cancelled when the job is to end."""
    frames = round(given.get("duration_seconds", 5) * 24) + 1
    for step in range(10):
        progress(step / 10, "sampling")
        time.sleep(float(os.environ.get("STEP_SECONDS", "0.02")))
    source = ["-f", "lavfi", "-i", "testsrc=size=1280x720:rate=24", "-frames:v", str(frames)]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-preset", "ultrafast", "-pix_fmt", "yuv420p", f"{folder}/out.mp4"], check=True)
    return ["out.mp4"], [f"the clip has {frames} frames at 24 fps"]


# --- the contract: these stay ---------------------------------------------------------------------------------------

state, lock, jobs, waiting = "loading", threading.RLock(), {}, queue.Queue()
TYPES = {"mp4": "video/mp4", "webm": "video/webm", "png": "image/png", "jpg": "image/jpeg", "wav": "audio/wav", "mp3": "audio/mpeg"}


def view(job):
    shown = {k: job[k] for k in ("id", "status", "progress", "stage", "artifacts", "warnings", "error", "timings") if k in job}
    ahead = [j for j in list(jobs.values()) if j["status"] in ("queued", "running") and j["at"] < job["at"]]
    return {**shown, **({"queue_position": len(ahead)} if job["status"] == "queued" else {}), "boot_id": BOOT_ID}


def same(given):
    """The input without the links of its references, which are signed anew at each call."""
    references = [{k: v for k, v in one.items() if k != "url"} for one in given.get("references", [])]
    return json.dumps({**given, "references": references}, sort_keys=True)


def end(job, status, **more):
    with lock:
        if job["status"] in ("succeeded", "failed", "cancelled"):
            return
        job.update(status=status, **more)
        message = json.dumps(view(job)).encode()
    if job["webhook"]:
        threading.Thread(target=ring, args=(job, message), daemon=True).start()


def ring(job, message):
    headers = {"content-type": "application/json", "webhook-id": f"msg_{job['id']}", "webhook-timestamp": str(int(time.time()))}
    if SECRET:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message
        mac = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(mac).decode()
    for pause in (0, 2, 10):
        time.sleep(pause)
        try:
            return urllib.request.urlopen(urllib.request.Request(job["webhook"], message, headers), timeout=10).close()
        except OSError:
            pass


def work():
    global state
    load()
    if state == "loading":
        state = "ready"
    while True:
        job = waiting.get()
        with lock:
            if job["status"] != "queued":
                continue
            job["status"], begun = "running", time.time()

        def progress(part, stage=None):
            if job["cancel"]:
                raise Cancelled()
            if time.time() - begun > job["timeout_s"]:
                raise Problem(0, "TIMEOUT", f"longer than {job['timeout_s']} s")
            job.update(progress=part, stage=stage)

        try:
            folder = os.path.join(OUT, job["id"])
            os.mkdir(folder)
            names, warnings = generate(job["input"], folder, progress)
            files = [{"name": n, "content_type": TYPES[n.rsplit(".", 1)[-1]], "bytes": os.path.getsize(f"{folder}/{n}"),
                      "url": f"/v1/jobs/{job['id']}/artifacts/{n}"} for n in names]
            timings = {"queued_ms": int((begun - job["at"]) * 1000), "run_ms": int((time.time() - begun) * 1000)}
            end(job, "succeeded", progress=1, artifacts=files, warnings=warnings, timings=timings)
        except Cancelled:
            end(job, "cancelled")
        except Problem as problem:
            end(job, "failed", error=problem.error)
        except Exception as error:  # a torch.cuda.OutOfMemoryError says so
            oom = "out of memory" in str(error).lower()
            end(job, "failed", error={"code": "OOM" if oom else "INTERNAL", "message": str(error)[:500], "retryable": oom})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, headers=()):
        payload = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("content-type", "application/json"), ("content-length", len(payload)), *headers):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(payload)

    def not_ready(self):
        return self.answer(503, {"state": state, "eta_s": 30}, [("retry-after", 30)])

    def handle_call(self, route):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if self.path.startswith("/v1/") and KEY and self.headers.get("authorization") != f"Bearer {KEY}":
                raise Problem(401, "UNAUTHORIZED", "the key is missing or wrong")
            route(body)
        except Problem as problem:
            self.answer(problem.status, {"error": problem.error}, [("retry-after", 10)] if problem.status == 429 else ())

    def do_GET(self):
        self.handle_call(self.get)

    def do_POST(self):
        self.handle_call(self.post)

    def job(self, pattern):
        found = re.fullmatch(pattern, self.path)
        if not found or found[1] not in jobs:
            raise Problem(404, "NOT_FOUND", "no such job")
        return jobs[found[1]], found

    def get(self, _body):
        count = {s: sum(j["status"] == s for j in list(jobs.values())) for s in ("queued", "running")}
        if self.path == "/healthz":
            return self.answer(200, {"status": "ok"})
        if self.path == "/readyz":
            return self.answer(200, {"state": "ready", **count}) if state == "ready" else self.not_ready()
        if self.path == "/v1/info":
            return self.answer(200, {"model": MODEL, "version": "1", "boot_id": BOOT_ID, "capacity": 1, **count})
        if "/artifacts/" in self.path:
            job, found = self.job(r"/v1/jobs/([\w-]+)/artifacts/([\w.-]+)")
            return self.file(job, found[2])
        self.answer(200, view(self.job(r"/v1/jobs/([\w-]+)")[0]))

    def file(self, job, name):
        entry = next((a for a in job.get("artifacts", []) if a["name"] == name), None)
        if entry is None:
            raise Problem(404, "NOT_FOUND", "no such artifact")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range") or "")
        start, last = (int(wanted[1]), min(int(wanted[2] or entry["bytes"]), entry["bytes"] - 1)) if wanted else (0, entry["bytes"] - 1)
        self.send_response(416 if start > last else 206 if wanted else 200)
        if wanted:
            self.send_header("content-range", f"bytes */{entry['bytes']}" if start > last else f"bytes {start}-{last}/{entry['bytes']}")
        self.send_header("content-type", entry["content_type"])
        self.send_header("content-length", str(max(0, last - start + 1)))
        self.end_headers()
        with open(os.path.join(OUT, job["id"], name), "rb") as source:
            source.seek(start)
            left = max(0, last - start + 1)
            while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                self.wfile.write(chunk)
                left -= len(chunk)

    def post(self, body):
        if self.path.endswith("/cancel"):
            job, _ = self.job(r"/v1/jobs/([\w-]+)/cancel")
            job["cancel"] = True
            if job["status"] == "queued":
                end(job, "cancelled")
            return self.answer(202, view(job))
        if self.path != "/v1/jobs":
            raise Problem(404, "NOT_FOUND", "no such path")
        if state != "ready":
            return self.not_ready()
        key = self.headers.get("idempotency-key") or ""
        try:
            asked = json.loads(body)
        except ValueError:
            raise Problem(400, "INVALID_INPUT", "the body is not JSON") from None
        if not re.fullmatch(r"[\w-]{1,64}", key) or asked.get("id") != key or not isinstance(asked.get("input"), dict):
            raise Problem(400, "INVALID_INPUT", "id, the same Idempotency-Key and input are needed")
        with lock:
            if key in jobs:
                if same(jobs[key]["input"]) != same(asked["input"]):
                    raise Problem(409, "CONFLICT", "this key came with another input")
                return self.answer(200, view(jobs[key]))
            check(asked["input"])
            if waiting.qsize() >= QUEUE_MAX:
                raise Problem(429, "BUSY", "the queue is full", retryable=True)
            jobs[key] = job = {"id": key, "status": "queued", "progress": 0, "input": asked["input"], "webhook": asked.get("webhook"),
                               "timeout_s": asked.get("timeout_s", 3600), "cancel": False, "at": time.time()}
            waiting.put(job)
        self.answer(202, view(job))

    def log_message(self, *_):
        pass


def drain(server):
    """SIGTERM: takes nothing new, gives back what waits, finishes what runs if there is time."""
    global state
    state = "draining"
    for job in [j for j in list(jobs.values()) if j["status"] == "queued"]:
        end(job, "failed", error={"code": "DRAINING", "message": "the server is shutting down", "retryable": True})
    until = time.time() + GRACE_S
    while time.time() < until and any(j["status"] == "running" for j in list(jobs.values())):
        time.sleep(0.1)
    # The client downloads what it just finished; a pod's grace period ends this anyway.
    time.sleep(float(os.environ.get("LINGER_SECONDS", "5")))
    server.shutdown()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8000"))), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=drain, args=(server,)).start())
    threading.Thread(target=work, daemon=True).start()
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
    shutil.rmtree(OUT, ignore_errors=True)
