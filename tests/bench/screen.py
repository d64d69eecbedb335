#!/usr/bin/python3
"""The screen through a pseudo-terminal: start, keys while training (each of six models), bytes, idle, training speed beside headless.

    tests/bench/screen.py build/seqlab [COLSxROWS] [KEYS]

Prints one figure a line: name, value, unit.  `Z` never stands on these screens, so its echo in the command line is
unmistakable: a key's time is from its byte written to its echo read.
"""
import fcntl, json, os, pty, re, select, signal, struct, subprocess, sys, tempfile, termios, time

MODELS = ["gru4rec", "caser", "svae", "sasrec", "bert4rec", "pen4rec"]
DATA = "data plant bazaar seed=7"


class Screen:
    def __init__(self, command, cols, rows, rc=None):
        home = tempfile.mkdtemp()
        if rc:
            os.mkdir(home + "/config")
            with open(home + "/config/rc", "w") as f:
                f.write(rc)
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(SEQLAB_HOME=home, TERM="xterm-256color", LANG="C.UTF-8", LC_ALL="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.out = b""
        self.total = 0

    def read(self, timeout):
        if select.select([self.fd], [], [], timeout)[0]:
            try:
                got = os.read(self.fd, 1 << 16)
            except OSError:
                return b""
            self.total += len(got)
            self.out = (self.out + got)[-200000:]
            return got
        return b""

    def until(self, pattern, limit):
        end = time.perf_counter() + limit
        self.out = b""
        while time.perf_counter() < end:
            if self.read(0.1) and re.search(pattern, self.out):
                return time.perf_counter()
            self.out = self.out[-64:]  # what was looked at need not be again: looking costs the cores that train
        raise SystemExit(f"never saw {pattern!r}")

    def drain(self, seconds):
        end, before = time.perf_counter() + seconds, self.total
        while time.perf_counter() < end:
            self.read(0.05)
        return self.total - before

    def send(self, s):
        os.write(self.fd, s.encode())


    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def key_times(s, keys):
    took = []
    for _ in range(keys):
        s.drain(0.02)
        t = time.perf_counter()
        s.out = b""
        s.send("Z")
        took.append(s.until(rb"Z", 5) - t)
        s.send("\x7f")
        s.drain(0.01)
    return took


def keys_of_models(program, cols, rows, keys):
    for model in MODELS:
        s = Screen([program], cols, rows, f"{DATA}\nmodel new {model} seed=7\ntrain steps=10000000\n")
        s.until(rb"RUN", 20)
        s.drain(1)
        s.send(":")
        s.drain(0.3)
        took = key_times(s, keys)
        print(f"key to output, {model:8} training      p95 {1000 * quantile(took, .95):6.2f}  p99 {1000 * quantile(took, .99):6.2f} ms", flush=True)
        s.end()


def speed_of_models(program, cols, rows, rounds, seconds=4.0):
    """Training time headless over that with the screen on, interleaved.  On the screen the clock runs from RUN to DONE as they are seen, up to
    a picture late; a short run's time is taken off a long one's, on both sides, which takes that lateness off too."""
    for model in MODELS:
        start = f"{DATA}; model new {model} seed=7; train steps="

        def headless(steps):
            out = subprocess.run([program, "--json", "-e", start + str(steps)], capture_output=True, text=True,
                                 env=dict(os.environ, SEQLAB_HOME=tempfile.mkdtemp())).stdout
            return json.loads(out.strip().splitlines()[-1])["seconds"]

        def on_screen(steps):
            s = Screen([program], cols, rows, (start + str(steps)).replace("; ", "\n") + "\n")
            began = s.until(rb"RUN", 20)
            took = s.until(rb"DONE", 60) - began
            s.end()
            return took

        steps = int(200 * seconds / headless(200))
        ratio = [(headless(steps) - headless(steps // 4)) / (on_screen(steps) - on_screen(steps // 4)) for _ in range(rounds)]
        print(f"speed with the screen on, {model:8}    {100 * quantile(ratio, .5):6.1f} % of headless ({steps} steps, median of {rounds})", flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "build/seqlab"
    cols, rows = map(int, (sys.argv[2] if len(sys.argv) > 2 else "200x50").split("x"))
    keys = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    first, curve = [], []
    for _ in range(5):
        s = Screen([program], cols, rows)
        first.append(s.until(rb"1:Train", 10) - s.began)
        curve.append(s.until(rb"\xe2[\xa0-\xa3]", 20) - s.began)  # the first braille dots
        s.end()
    print(f"start to first screen, median of 5   {1000 * quantile(first, .5):8.1f} ms")
    print(f"start to a moving curve, median of 5 {1000 * quantile(curve, .5):8.1f} ms")
    s = Screen([program], cols, rows)
    s.until(rb"RUN", 20)
    s.send(":stop\r")
    s.drain(1)
    s.send(":train steps=1000000\r")  # to outlast the measurement
    s.until(rb"RUN", 20)
    s.drain(1)
    s.send("\033")
    s.drain(0.5)
    print(f"bytes a second while training        {s.drain(5) / 5 / 1000:8.1f} KB")
    s.send(":")
    s.drain(0.3)
    took = key_times(s, keys)
    print(f"key to output while training, p50    {1000 * quantile(took, .5):8.2f} ms")
    print(f"key to output while training, p95    {1000 * quantile(took, .95):8.2f} ms")
    print(f"key to output while training, p99    {1000 * quantile(took, .99):8.2f} ms")
    s.send("\033")
    s.drain(0.3)
    s.send(" ")  # pause
    s.until(rb"PAUSED", 10)
    s.drain(4)
    print(f"idle screen, bytes in 5 s            {s.drain(5):8d}")
    s.send("q")
    s.drain(0.3)
    s.send("y")
    s.drain(1)
    s.end()
    keys_of_models(program, cols, rows, keys)
    speed_of_models(program, cols, rows, 3)


main()
