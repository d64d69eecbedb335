#!/usr/bin/python3
"""The screen through a pseudo-terminal: start, keys while training (each of six models), bytes, idle, training speed beside headless.

    tests/bench/screen.py build/seqlab [COLSxROWS] [KEYS] [screen,keys,speed[,model...]]

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


def keys_of_models(program, cols, rows, keys, models):
    for model in models:
        s = Screen([program], cols, rows, f"{DATA}\nmodel new {model} seed=7\ntrain steps=10000000\n")
        s.until(rb"RUN", 20)
        s.drain(1)
        s.send(":")
        s.drain(0.3)
        took = key_times(s, keys)
        print(f"key to output, {model:8} training      p95 {1000 * quantile(took, .95):6.2f}  p99 {1000 * quantile(took, .99):6.2f} ms", flush=True)
        s.end()


def busy(pid, thread):
    """Processor seconds of a thread so far: "first" is the screen's; "others" all but it and the two that train."""
    used = {t: int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) / 1e9 for t in os.listdir(f"/proc/{pid}/task")}
    first = used.pop(str(pid))
    return first if thread == "first" else sum(sorted(used.values())[:-2])


def speed_of_models(program, cols, rows, models, rounds, seconds=3.0):
    """A `train` headless and with the screen on, in turns; nobody types.  What is compared is what the run itself says that its steps took
    (`show run`: validations, pictures and start are not part of it, whatever takes a core from a step is).  Two figures: the fastest of each
    side against each other, which other programs on the machine disturb least, and the median of the pairs.  Beside it the processor time, in
    percent of a core, of the screen, of the answers and ceilings, and of the reader of the terminal here, which competes with the run as any
    terminal on the same machine does."""
    def headless(begin, steps):
        out = subprocess.run([program, "--json", "-e", f"{begin}; train steps={steps}"], capture_output=True, text=True,
                             env=dict(os.environ, SEQLAB_HOME=tempfile.mkdtemp())).stdout
        return json.loads(out.strip().splitlines()[-1])["seconds"]

    def on_screen(begin, steps):
        s = Screen([program], cols, rows, (f"{begin}; train steps={steps}").replace("; ", "\n") + "\n")
        began = s.until(rb"RUN", 20)
        mine, screen, others = time.process_time(), busy(s.pid, "first"), busy(s.pid, "others")
        took = s.until(rb"DONE", 60) - began
        shares = [100 * (x - y) / took for x, y in ((busy(s.pid, "first"), screen), (busy(s.pid, "others"), others), (time.process_time(), mine))]
        s.drain(0.3)
        s.send(":show run\r")
        s.out = b""
        s.drain(0.3)
        said = float(re.search(rb"spent +([0-9.]+) s training", s.out).group(1))
        s.end()
        return said, shares

    for model in models:
        begin = f"{DATA}; model new {model} seed=7"
        steps = int(100 * seconds / headless(begin, 100))
        alone, shown, shares = [], [], []
        for _ in range(rounds):
            alone.append(headless(begin, steps))
            took, share = on_screen(begin, steps)
            shown.append(took)
            shares.append(share)
        pairs = [x / y for x, y in zip(alone, shown)]
        screen, others, reader = (quantile(x, .5) for x in zip(*shares))
        print(f"speed with the screen on, {model:8}    {100 * min(alone) / min(shown):6.1f} % of headless (fastest), {100 * quantile(pairs, .5):.1f} % (median of "
              f"{rounds} pairs of {steps} steps); of a core: screen {screen:.2f}, answers {others:.2f}, terminal {reader:.2f} %", flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def screen_itself(program, cols, rows, keys):
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


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "build/seqlab"
    cols, rows = map(int, (sys.argv[2] if len(sys.argv) > 2 else "200x50").split("x"))
    keys = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    parts = sys.argv[4].split(",") if len(sys.argv) > 4 else ["screen", "keys", "speed"]
    models = [m for m in MODELS if m in parts] or MODELS
    if "screen" in parts:
        screen_itself(program, cols, rows, keys)
    if "keys" in parts:
        keys_of_models(program, cols, rows, keys, models)
    if "speed" in parts:
        speed_of_models(program, cols, rows, models, 5)


main()
