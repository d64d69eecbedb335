#!/usr/bin/python3
"""Takes a picture of a program on a real terminal: xterm under Xvfb, keys sent, PNG written.

    tests/tools/shot.py -s 100x30 -o out.png -k "3 wait:1 j j : 'predict 12 87' Enter wait:1" -- build/seqlab --seed 7

Keys, separated by blanks: names (Enter Esc Tab S-Tab Space Backspace Up Down Left Right Home End PgUp PgDn
F1..F12 C-x M-x), text (quoted when it has blanks; sent as it stands), wait:SECONDS, see:TEXT (until the
program has written TEXT, at most 20 s), shot:FILE (a picture in between), size:COLSxROWS (resize).
Needs Xvfb, xterm and ImageMagick's import.  --ansi FILE shows a file instead of running a program.
"""
import argparse, fcntl, os, pty, select, shlex, shutil, signal, struct, subprocess, sys, tempfile, termios, time, tty

NAMES = {"Enter": "\r", "Esc": "\033", "Tab": "\t", "S-Tab": "\033[Z", "Space": " ", "Backspace": "\177",
         "Up": "\033[A", "Down": "\033[B", "Right": "\033[C", "Left": "\033[D", "Home": "\033[H", "End": "\033[F",
         "PgUp": "\033[5~", "PgDn": "\033[6~", "Delete": "\033[3~", "F1": "\033OP", "F2": "\033OQ", "F3": "\033OR",
         "F4": "\033OS", "F5": "\033[15~", "F6": "\033[17~", "F7": "\033[18~", "F8": "\033[19~", "F9": "\033[20~",
         "F10": "\033[21~", "F11": "\033[23~", "F12": "\033[24~"}


def key_bytes(word):
    if word in NAMES:
        return NAMES[word].encode()
    if len(word) == 3 and word.startswith("C-"):
        return bytes([ord(word[2].upper()) & 0x1F])
    if word.startswith("M-") and len(word) > 2:
        return b"\033" + key_bytes(word[2:])
    return word.encode()


def inner(folder, keys, command):
    """Inside xterm: runs the program on a pseudo-terminal of its own, passes everything on, sends the keys."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execvp(command[0], command)
        except OSError as e:
            print(f"{command[0]}: {e.strerror}")
            os._exit(127)
    size = lambda *_: fcntl.ioctl(fd, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))
    size()
    signal.signal(signal.SIGWINCH, size)
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    seen = bytearray()

    def pump(until, text=None):
        start = len(seen)
        while time.monotonic() < until:
            try:
                ready, _, _ = select.select([fd, 0], [], [], max(0, min(0.05, until - time.monotonic())))
            except InterruptedError:
                continue
            if 0 in ready:
                os.write(fd, os.read(0, 4096))
            if fd in ready:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    return False
                if not data:
                    return False
                seen.extend(data)
                view = memoryview(data)
                while view:
                    view = view[os.write(1, view):]
            if text is not None and text in seen[max(0, start - 4096):]:
                return True
        return True

    def ask(what):
        """One request to the outer process at a time, answered by the file going away."""
        path = os.path.join(folder, "request")
        with open(path + ".new", "w") as f:
            f.write(what)
        os.rename(path + ".new", path)
        limit = time.monotonic() + 20
        while os.path.exists(path) and time.monotonic() < limit:
            pump(time.monotonic() + 0.05)

    pump(time.monotonic() + 0.6)
    for word in keys:
        kind, _, rest = word.partition(":")
        if kind == "wait" and rest:
            pump(time.monotonic() + float(rest))
        elif kind == "see" and rest:
            pump(time.monotonic() + 20, rest.encode())
        elif kind == "size" and rest:
            cols, rows = rest.split("x")
            os.write(1, f"\033[8;{rows};{cols}t".encode())
            pump(time.monotonic() + 0.5)
        elif kind == "shot" and rest:
            pump(time.monotonic() + 0.2)
            ask(word)
            pump(time.monotonic() + 0.2)
        else:
            os.write(fd, key_bytes(word))
            pump(time.monotonic() + 0.06)
    pump(time.monotonic() + 0.3)
    ask("done")
    termios.tcsetattr(0, termios.TCSANOW, saved)
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.2)
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--inner":
        at = sys.argv.index("--")
        return inner(sys.argv[2], sys.argv[3:at], sys.argv[at + 1:])
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-s", "--size", default="100x30", help="COLSxROWS (100x30)")
    ap.add_argument("-o", "--out", default="shot.png")
    ap.add_argument("-k", "--keys", default="")
    ap.add_argument("--light", action="store_true", help="black on white")
    ap.add_argument("--font-size", default="11")
    ap.add_argument("--font", default="DejaVu Sans Mono")
    ap.add_argument("--term", default="xterm-256color")
    ap.add_argument("--ansi", help="show this file of text and escape sequences")
    ap.add_argument("command", nargs=argparse.REMAINDER)
    args = ap.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if args.ansi:
        command = ["sh", "-c", 'printf "\\033[?25l\\033[H"; head -c -1 -- "$0"; sleep 60', args.ansi]
    if not command:
        ap.error("no program to run")
    for tool in ("Xvfb", "xterm", "import"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    folder = tempfile.mkdtemp()
    read, write = os.pipe()
    xvfb = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "3840x2160x24", "-nolisten", "tcp"],
                            pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    display = ":" + os.read(read, 16).decode().strip()
    env = dict(os.environ, DISPLAY=display, LC_ALL=os.environ.get("LC_ALL", "C.UTF-8"))
    fg, bg = ("#1f2328", "#ffffff") if args.light else ("#d6d9dd", "#14171c")
    xterm = subprocess.Popen(
        ["xterm", "-fa", args.font, "-fs", args.font_size, "-geometry", args.size + "+0+0", "-fg", fg, "-bg", bg, "-cr", fg,
         "-tn", args.term, "-b", "6", "-bw", "0", "+sb", "-xrm", "XTerm*allowWindowOps: true", "-xrm", "XTerm*boldColors: false",
         "-e", sys.executable, os.path.abspath(__file__), "--inner", folder, *shlex.split(args.keys), "--", *command],
        env=env, stderr=subprocess.DEVNULL)

    def shoot(path):
        subprocess.run(["import", "-window", "root", "-trim", "+repage", path + ".tmp.png"], env=env, check=True)
        os.replace(path + ".tmp.png", path)

    request = os.path.join(folder, "request")
    limit, ok = time.monotonic() + 300, False
    try:
        while time.monotonic() < limit and xterm.poll() is None:
            if not os.path.exists(request):
                time.sleep(0.03)
                continue
            with open(request) as f:
                kind, _, rest = f.read().partition(":")
            if kind in ("shot", "done"):
                shoot(rest if kind == "shot" else args.out)
            os.unlink(request)
            if kind == "done":
                ok = True
                break
    finally:
        for p in (xterm, xvfb):
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
        shutil.rmtree(folder, ignore_errors=True)
    if not ok:
        sys.exit("no picture: the program or the terminal ended early")
    print(args.out)


if __name__ == "__main__":
    main()
