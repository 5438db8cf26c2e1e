#!/usr/bin/env python3
"""Goodput of the real kernel's TCP over delay and loss, as bench/goodput.ts measures the emulated one (Linux, root, iproute2).

    npm run bench:goodput-kernel [-- [--update] [--netem | --line] [CONTROL/DELAY_MS/LOSS_PERCENT ...]]

Two network namespaces, one connection, the bottleneck on the data's way: delay, random loss, 100 Mbit/s and a queue as in
bench/support/goodput.ts. The bottleneck is `tc netem` where the kernel has it; elsewhere (or with --line) a line in user
space between two TUN devices that counts as netem does. --update writes fixtures/golden/goodput-kernel.txt.
"""

import ctypes
import fcntl
import os
import platform
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque

RATE = 100e6
QUEUE = 250
FRAME_BITS = 1514 * 8
ETHERNET_HEADER = 14
PORT = 5201
SENDER, RECEIVER = "10.1.0.1", "10.1.0.2"
GOLDEN = os.path.join(os.path.dirname(__file__), "../fixtures/golden/goodput-kernel.txt")
# how many connections are measured at a time: they take little of a processor
PARALLEL = 3
POINTS = [
    (control, delay, loss)
    for control in ("cubic", "reno")
    for delay, loss in (
        (1, 2), (1, 5), (10, 0.5), (10, 1), (10, 2), (10, 5), (50, 0.1), (50, 0.5), (50, 1), (50, 2), (50, 5),
        (100, 0.1), (100, 0.5), (100, 1), (100, 5), (200, 0.1), (200, 0.5), (200, 1), (200, 2),
    )
] + [("bbr", 50, 2), ("bbr", 200, 5)]  # fmt: skip

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def quiet(words):
    """it may not be there"""
    subprocess.run(["sh", "-c", words], capture_output=True)


def sysctl(name, value):
    with open("/proc/sys/net/ipv4/" + name, "w") as file:
        file.write(value)


def new_namespace():
    checked(libc.unshare(CLONE_NEWNET))
    sysctl("tcp_wmem", "4096 16384 67108864")
    sysctl("tcp_rmem", "4096 131072 67108864")
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def tun(address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI))
    ip(f"addr add {address}/24 dev line")
    ip("link set line up")
    return fd


def limit(delay):
    return -(-int(RATE * delay) // int(1000 * FRAME_BITS)) + QUEUE


def seconds(delay):
    """measured, after as many to warm up; more than in the emulated ones, since no two runs are alike"""
    return max(30, 10 + delay / 5)


def line(data, acks, delay, loss, rng):
    """Carries packets from `data` to `acks` late, and with losses, and back as they come; as sch_netem's enqueue counts."""
    waiting = deque()
    room = limit(delay)
    chance = loss / 100
    last = 0.0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            write(acks, waiting.popleft()[1])
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready = select.select([data, acks], [], [], pause)[0]
        if acks in ready:
            for packet in packets(acks):
                write(data, packet)
        if data in ready:
            for packet in packets(data):
                if rng.random() < chance or len(waiting) >= room:
                    continue
                last = max(time.monotonic() + delay / 1000, last) + (len(packet) + ETHERNET_HEADER) * 8 / RATE
                waiting.append((last, packet))


def packets(fd):
    for _ in range(64):
        try:
            yield os.read(fd, 65536)
        except BlockingIOError:
            return


def write(fd, packet):
    try:
        os.write(fd, packet)
    except OSError:
        pass  # the device's queue is full, or it goes down


def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def measure(control, delay, loss, netem):
    """Bits per second that reach the receiver's program. Runs in a process of its own."""
    rng = random.Random(f"{control}/{delay}/{loss}")
    far = new_namespace()
    far_tun = None if netem else tun(RECEIVER)
    near = new_namespace()
    children = []
    if netem:
        ip("link add line type veth peer name far")
        subprocess.run(["ip", "link", "set", "far", "netns", f"/proc/self/fd/{far}"], check=True, pass_fds=[far])
        ip(f"addr add {SENDER}/24 dev line")
        ip("link set line up")
        checked(libc.setns(far, CLONE_NEWNET))
        ip(f"addr add {RECEIVER}/24 dev far")
        ip("link set far up")
        quiet("ethtool -K far tso off gso off gro off")
        checked(libc.setns(near, CLONE_NEWNET))
        quiet("ethtool -K line tso off gso off gro off")
        # a loss is one segment's, not that of a super-packet
        ip("link set line gso_max_segs 1")
        words = f"qdisc add dev line root netem delay {delay}ms loss {loss}% rate {RATE / 1e6:.0f}mbit limit {limit(delay)}"
        subprocess.run(["tc", *words.split()], check=True)
    else:
        near_tun = tun(SENDER)

        def carry():
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except OSError:
                pass
            line(near_tun, far_tun, delay, loss, rng)

        children.append(child(carry))
    checked(libc.setns(far, CLONE_NEWNET))
    listener = socket.create_server((RECEIVER, PORT))
    checked(libc.setns(near, CLONE_NEWNET))

    def send():
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
        sock.connect((RECEIVER, PORT))
        chunk = bytes(65536)
        while True:
            sock.send(chunk)

    children.append(child(send))
    try:
        sock, _ = listener.accept()
        buffer = bytearray(1 << 20)
        span = seconds(delay)
        began = time.monotonic()
        before = got = 0
        start = None
        while True:
            got += sock.recv_into(buffer)
            now = time.monotonic()
            if start is None and now >= began + span:
                start, before = now, got
            if start is not None and now >= start + span:
                return (got - before) * 8 / (now - start)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def has_netem():
    """asked in a namespace that is given up again"""
    command = "ip link set lo up && tc qdisc add dev lo root netem delay 1ms"
    return subprocess.run(["unshare", "-n", "sh", "-c", command], capture_output=True).returncode == 0


def main(arguments):
    if os.geteuid() != 0:
        sys.exit("bench:goodput-kernel: needs root, for namespaces")
    netem = has_netem()
    if "--netem" in arguments and not netem:
        sys.exit("bench:goodput-kernel: this kernel has no tc netem")
    if "--line" in arguments:
        netem = False
    if not netem:
        print("# tc netem is not used: the bottleneck is a line in user space between two TUN devices", file=sys.stderr)
    named = [word.split("/") for word in arguments if not word.startswith("--")]
    points = [(control, float(delay), float(loss)) for control, delay, loss in named] or POINTS
    method = "tc netem" if netem else "a line in user space between two TUN devices"
    head = [
        f"# Linux {platform.release()}, {time.strftime('%Y-%m-%d')}, by bench/goodput-kernel.py: {method}",
        "# control  delay ms  loss %  Mbit/s",
    ]
    print("\n".join(head), flush=True)
    rows = []
    for at in range(0, len(points), PARALLEL):
        pipes = []
        for point in points[at : at + PARALLEL]:
            reader, writer = os.pipe()

            def work(point=point, writer=writer):
                os.write(writer, str(measure(*point, netem)).encode())

            pipes.append((point, reader, child(work)))
            os.close(writer)
        for (control, delay, loss), reader, pid in pipes:
            bits = os.read(reader, 64)
            os.waitpid(pid, 0)
            if not bits:
                sys.exit(f"bench:goodput-kernel: {control}/{delay:g}/{loss:g} could not be measured")
            rows.append(f"{control:<6}  {delay:>8g}  {loss:>8g}  {float(bits) / 1e6:>8.3f}")
            print(rows[-1], flush=True)
    if "--update" in arguments:
        with open(GOLDEN, "w") as file:
            file.write("\n".join(head + rows) + "\n")


main(sys.argv[1:])
