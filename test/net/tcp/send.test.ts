import { expect, test } from "vitest";
import type { Socket } from "../../../src/net/socket.ts";
import type { Task } from "../../../src/sim/task.ts";
import { get16 } from "../../../src/wire/layout.ts";
import { bytes, connectTo, discard, MSEC, readAll, SEC, server, sleep, streamSock, twoHosts } from "./tcp-lab.ts";

/**
 * What a's wire shows, timed, of a client whose server answers its first byte and discards the rest: it talks, so that
 * its ACKs are late. Handshake and first exchange are left out.
 */
function sent(client: (socket: Socket) => Task<void>, tso = true): string[] {
  const { lab, a, b, wire } = twoHosts(tso);
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* socket.recv();
      yield* socket.send(bytes(1));
      yield* discard(socket);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(1));
      yield* socket.recv();
      yield* sleep(100 * MSEC);
      wire.take();
      yield* client(socket);
    })(),
  );
  lab.run(3);
  expect(a.errors).toEqual([]);
  return wire.timed();
}

// RFC 9293 section 3.7.4 (Nagle); tcp_nagle_test
test("a small segment waits while another is unacknowledged, and takes the next with it", () => {
  expect(
    sent(function* (socket) {
      for (let i = 0; i < 4; i++) yield* socket.send(bytes(10));
    }),
  ).toEqual([
    "0.000 a [P.] 2:12 ack 2 win 63 len 10",
    "0.044 b [.] ack 12 win 64",
    "0.044 a [P.] 12:42 ack 2 win 63 len 30",
    "0.044 b [.] ack 42 win 64",
  ]);
});

test("TCP_NODELAY sends every small segment at once", () => {
  expect(
    sent(function* (socket) {
      socket.setOption("TCP_NODELAY", 1);
      for (let i = 0; i < 4; i++) yield* socket.send(bytes(10));
    }),
  ).toEqual([
    "0.000 a [P.] 2:12 ack 2 win 63 len 10",
    "0.000 a [P.] 12:22 ack 2 win 63 len 10",
    "0.000 a [P.] 22:32 ack 2 win 63 len 10",
    "0.000 a [P.] 32:42 ack 2 win 63 len 10",
    "0.000 b [.] ack 42 win 64",
  ]);
});

// __tcp_sock_set_cork; what is corked goes after 200 ms all the same (tcp_check_probe_timer)
test("TCP_CORK holds a part of a segment back until the cork is pulled", () => {
  expect(
    sent(function* (socket) {
      socket.setOption("TCP_CORK", 1);
      yield* socket.send(bytes(10));
      yield* sleep(50 * MSEC);
      yield* socket.send(bytes(10));
      socket.setOption("TCP_CORK", 0);
      yield* sleep(50 * MSEC);
      yield* socket.send(bytes(10), { more: true });
      yield* sleep(SEC);
    }),
  ).toEqual([
    "0.000 a [P.] 2:22 ack 2 win 63 len 20",
    "0.042 b [.] ack 22 win 64",
    "0.262 a [P.] 22:32 ack 2 win 63 len 10",
    "0.262 b [.] ack 32 win 64",
  ]);
});

// tcp_push, tcp_mark_push: PSH at the end of what a system call gave, and at half the largest window
test("with segmentation offload off, each segment is a packet and the last of a write pushes", () => {
  expect(
    sent(function* (socket) {
      yield* socket.send(bytes(4000));
    }, false),
  ).toEqual([
    "0.000 a [.] 2:1450 ack 2 win 63 len 1448",
    "0.000 a [.] 1450:2898 ack 2 win 63 len 1448",
    "0.000 a [P.] 2898:4002 ack 2 win 63 len 1104",
    "0.000 b [.] ack 2898 win 70",
    "0.044 b [.] ack 4002 win 73",
  ]);
});

// tcp_tso_autosize, tcp_tso_should_defer
test("with segmentation offload on, a write leaves in super-packets", () => {
  expect(
    sent(function* (socket) {
      yield* socket.send(bytes(40000));
    }),
  ).toEqual([
    "0.000 a [P.] 2:7242 ack 2 win 63 len 7240",
    "0.000 b [.] ack 7242 win 79",
    "0.000 a [P.] 7242:14482 ack 2 win 63 len 7240",
    // the reader holds the socket as these come: one ACK for both
    "0.000 a [P.] 14482:26066 ack 2 win 63 len 11584",
    "0.000 a [P.] 26066:30410 ack 2 win 63 len 4344",
    "0.000 b [.] ack 30410 win 86",
    "0.000 a [P.] 30410:40002 ack 2 win 63 len 9592",
    "0.000 b [.] ack 40002 win 97",
  ]);
});

// tcp_gso_segment: numbers and identifications count up, PSH stays with the last segment
test("a super-packet that leaves by a device without offload is cut into segments", () => {
  const { lab, a, b, wire } = twoHosts();
  const out = a.host.dev("eth0");
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* sleep(MSEC);
      // the socket learnt of offload when it connected
      out.features = { ...out.features, tso: false };
      wire.take();
      yield* socket.send(bytes(4000));
    })(),
  );
  lab.run(1);
  expect(wire.lines).toEqual([
    "a [.] 1:1449 ack 1 win 63 len 1448",
    "a [.] 1449:2897 ack 1 win 63 len 1448",
    "a [P.] 2897:4001 ack 1 win 63 len 1104",
    "b [.] ack 1449 win 67",
    "b [.] ack 2897 win 70",
    "b [.] ack 4001 win 73",
  ]);
  const ids = wire.raw.flatMap(({ from, bytes: frame }) => (from === "a" ? [get16(frame, 4)] : []));
  expect(ids.map((id) => (id - ids[0]! + 65536) % 65536)).toEqual([...ids.keys()]);
});

// RFC 9293 section 3.8.6.1; tcp_send_probe0, tcp_probe_timer
test("a closed window is probed with an old byte number, ever less often, and opens with the reader", () => {
  const { lab, a, b, wire } = twoHosts();
  let got = 0;
  b.sysctl("tcp_rmem", "4096 10000 10000");
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(4 * SEC);
      got = yield* readAll(socket);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* sleep(MSEC);
      yield* socket.send(bytes(100_000));
      socket.release();
    })(),
  );
  lab.run(3.9);
  const closed = wire.timed();
  lab.run(10);
  expect(closed).toEqual([
    "0.000 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.000 b [S.] 0:0 ack 1 win 4344 <mss 1460,sackOK,TS,wscale 7>",
    "0.000 a [.] ack 1 win 63",
    "0.001 a [.] 1:1449 ack 1 win 63 len 1448",
    "0.001 b [.] ack 1449 win 39",
    "0.001 a [P.] 1449:2897 ack 1 win 63 len 1448",
    "0.001 a [.] 2897:4345 ack 1 win 63 len 1448",
    "0.001 a [P.] 4345:6441 ack 1 win 63 len 2096",
    "0.008 a [.] 5793:6441 ack 1 win 63 len 648",
    "0.044 b [.] ack 6441 win 0 sack 5793-6441",
    "0.256 a [.] ack 1 win 63",
    "0.256 b [.] ack 6441 win 0",
    "0.704 a [.] ack 1 win 63",
    "1.568 a [.] ack 1 win 63",
    "1.568 b [.] ack 6441 win 0",
    "3.264 a [.] ack 1 win 63",
    "3.264 b [.] ack 6441 win 0",
  ]);
  expect(got).toBe(100_000);
});

// sk_stream_wait_memory, tcp_new_space
test("a writer waits while the send buffer is full, and is woken when a third of it is free", () => {
  const { lab, a, b } = twoHosts();
  const progress: number[] = [];
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(SEC);
      yield* discard(socket);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.setOption("SO_SNDBUF", 20_000);
      for (let i = 0; i < 30; i++) {
        yield* socket.send(bytes(10_000));
        progress.push(Math.floor(lab.sim.now / SEC));
      }
      expect(socket.writable()).toBe(true);
      socket.release();
    })(),
  );
  lab.run(0.9);
  const before = progress.length;
  expect(before).toBeGreaterThan(2);
  expect(before).toBeLessThan(20);
  lab.run(2);
  expect(progress).toEqual([...Array(before).fill(0), ...Array(30 - before).fill(1)]);
});

test("a write that must not wait takes what there is room for", () => {
  const { lab, a, b } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* () {
      yield* sleep(100 * SEC);
    }),
  );
  const results: unknown[] = [];
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.setOption("SO_SNDBUF", 20_000);
      for (let i = 0; i < 3; i++) {
        try {
          results.push((yield* socket.send(bytes(300_000), { dontWait: true })) < 300_000);
        } catch (error) {
          results.push((error as Error).message);
        }
      }
    })(),
  );
  lab.run(1);
  expect(results).toEqual([true, true, "Resource temporarily unavailable"]);
});

// RFC 9293 section 3.8.4; tcp_keepalive_timer
test("keepalive probes a silent peer and gives the connection up when none is answered", () => {
  const { lab, a, b, wire } = twoHosts();
  let dead = false;
  b.loseIncoming(() => dead);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.setOption("SO_KEEPALIVE", 1);
      socket.setOption("TCP_KEEPIDLE", 10);
      socket.setOption("TCP_KEEPINTVL", 5);
      socket.setOption("TCP_KEEPCNT", 2);
      yield* socket.recv();
    })(),
  );
  lab.run(12);
  dead = true;
  lab.run(60);
  expect(wire.timed(1).slice(3)).toEqual([
    "10.2 a [.] ack 1 win 63",
    "10.2 b [.] ack 1 win 64",
    "20.5 a [.] ack 1 win 63",
    "25.6 a [.] ack 1 win 63",
    "30.7 a [R.] 1:1 ack 1 win 63",
  ]);
  expect(a.errors).toEqual(["Connection timed out"]);
});

// RFC 5482; tcp_clamp_rto_to_user_timeout, retransmits_timed_out
test("a user timeout ends a connection whose bytes stay unacknowledged for that long", () => {
  const { lab, a, b, wire } = twoHosts();
  let dead = false;
  b.loseIncoming(() => dead);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.setOption("TCP_USER_TIMEOUT", 1500);
      yield* sleep(MSEC);
      dead = true;
      yield* socket.send(bytes(10));
      yield* socket.recv();
    })(),
  );
  lab.run(1.91);
  expect(a.errors).toEqual([]);
  lab.run(0.1);
  expect(wire.timed(2).slice(3)).toEqual([
    "0.00 a [P.] 1:11 ack 1 win 63 len 10",
    "0.21 a [P.] 1:11 ack 1 win 63 len 10",
    "0.42 a [P.] 1:11 ack 1 win 63 len 10",
    "0.83 a [P.] 1:11 ack 1 win 63 len 10",
    "1.66 a [P.] 1:11 ack 1 win 63 len 10",
  ]);
  expect([a.errors, a.states()]).toEqual([["Connection timed out"], []]);
});

// tcp_urg, tcp_recv_urg (RFC 6093)
test("an urgent byte is read on its own", () => {
  const { lab, a, b, wire } = twoHosts();
  const got: string[] = [];
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(10 * MSEC);
      got.push(`oob ${(yield* socket.recv(10, { oob: true })).bytes.length}`);
      got.push(`${(yield* socket.recv(10)).bytes.length}`);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(3), { oob: true });
    })(),
  );
  lab.run(1);
  expect([wire.lines[3], got]).toEqual(["a [PU.] 1:4 ack 1 win 63 len 3", ["oob 1", "2"]]);
});

// tcp_sendmsg_locked, sk_stream_error
test("writing after one's own shutdown, or after the peer's reset, is a broken pipe", () => {
  const { lab, a, b } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.shutdown(1);
      yield* socket.send(bytes(1));
    })(),
  );
  a.run(
    "never connected",
    (function* () {
      yield* a.socket().send(bytes(1));
    })(),
  );
  lab.run(1);
  expect(a.errors.sort()).toEqual(["Broken pipe", "Broken pipe"]);
});

// tcp_init_buffer_space, tcp_sndbuf_expand
test("the send buffer grows with the congestion window", () => {
  const { lab, a, b } = twoHosts();
  b.run("server", server(b, 80, discard));
  const sizes: number[] = [];
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      const sk = streamSock(socket);
      sizes.push(sk.sndBuf);
      yield* socket.send(bytes(2_000_000));
      sizes.push(sk.sndBuf);
      socket.release();
    })(),
  );
  lab.run(2);
  expect(sizes).toEqual([69120, 2128896]);
});
