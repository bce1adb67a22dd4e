"""Runs a program on a terminal of its own, as a shell does: `terminal.py STEPS PROGRAM [ARGUMENT...]`.

STEPS is JSON, [[pattern, keys], ...]: once the pattern has been seen (after the one before), the keys are typed.
The program leads a process group in the foreground; its leader's death alone ends none of the others. Prints JSON:
what was on the screen, the code or signal, the milliseconds from the last keys to the end, who of the group lived on.
"""
import json
import os
import pty
import re
import select
import signal
import sys
import time


def group(pgid):
    """The living members of a process group; zombies are none."""
    members = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open(f'/proc/{name}/stat', encoding='latin1') as f:
                    state, _, pgrp = f.read().rsplit(')', 1)[1].split()[:3]
            except OSError:
                continue
            if int(pgrp) == pgid and state != 'Z':
                members.append(int(name))
    return members


def plain(text):
    """Without what moves the cursor or colours the text."""
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text).replace('\r\n', '\n')


def shell(program, report):
    """The session's leader: starts the program in the foreground and reports how it ended, and its group."""
    pid = os.fork()
    if pid == 0:
        os.close(report)
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(program[0], program)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(pid, 0)
    ended = time.monotonic()
    deadline = ended + 5
    while group(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    left = group(pid)
    for member in left:
        os.kill(member, signal.SIGKILL)
    os.write(report, json.dumps({
        'code': os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        'signal': signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None,
        'ended': ended,
        'left': len(left),
    }).encode())
    os._exit(0)


def main():
    steps = json.loads(sys.argv[1])
    reader, report = os.pipe()
    os.set_inheritable(report, True)
    pid, terminal = pty.fork()
    if pid == 0:
        os.close(reader)
        shell(sys.argv[2:], report)
    os.close(report)
    screen, seen, typed = '', 0, None
    deadline = time.monotonic() + 60
    while True:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            print(json.dumps({'screen': screen, 'gaveUp': True, 'unused': len(steps)}))
            os.close(terminal)
            os._exit(1)
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        screen = plain(screen + data.decode('utf8', 'replace'))
        while steps:
            found = re.compile(steps[0][0]).search(screen, min(seen, len(screen)))
            if not found:
                break
            seen = found.end()
            os.write(terminal, steps.pop(0)[1].encode())
            typed = time.monotonic()
    os.waitpid(pid, 0)
    result = json.loads(os.read(reader, 65536))
    ended = result.pop('ended')
    print(json.dumps({
        **result,
        'screen': screen,
        'milliseconds': None if typed is None else round((ended - typed) * 1000),
        'unused': len(steps),
    }))


main()
