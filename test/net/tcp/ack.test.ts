import { expect, test } from "vitest";
import { ACK, PSH, RST, SYN } from "../../../src/wire/tcp.ts";
import {
  bytes,
  connectTo,
  discard,
  inject,
  MSEC,
  readAll,
  SEC,
  server,
  sleep,
  streamSock,
  type TcpHost,
  twoHosts,
} from "./tcp-lab.ts";

// tcp_incr_quickack: rcv_wnd / (2 × rcv_mss) ACKs, 16 at most and more while the window grows; then tcp_ack_snd_check's
// second segment, whose ACK waits for the reader if there is less window than before
test("a new connection acknowledges each segment for a while, then those that nobody reads late", () => {
  const { lab, a, b, wire } = twoHosts(false);
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
      yield* sleep(MSEC);
      wire.take();
      yield* socket.send(bytes(26 * 1448));
    })(),
  );
  lab.run(0.9);
  expect(wire.timed().filter((line) => line.includes(" b "))).toEqual([
    "0.000 b [.] ack 1449 win 67",
    "0.000 b [.] ack 2897 win 70",
    "0.000 b [.] ack 4345 win 73",
    "0.000 b [.] ack 5793 win 75",
    "0.000 b [.] ack 7241 win 77",
    "0.000 b [.] ack 8689 win 76",
    "0.000 b [.] ack 10137 win 75",
    "0.000 b [.] ack 11585 win 74",
    "0.000 b [.] ack 13033 win 73",
    "0.000 b [.] ack 14481 win 72",
    "0.000 b [.] ack 15929 win 71",
    "0.000 b [.] ack 17377 win 70",
    "0.000 b [.] ack 18825 win 69",
    "0.000 b [.] ack 20273 win 68",
    "0.000 b [.] ack 21721 win 68",
    "0.000 b [.] ack 23169 win 67",
    "0.000 b [.] ack 24617 win 66",
    "0.000 b [.] ack 26065 win 65",
    "0.000 b [.] ack 27513 win 64",
    "0.000 b [.] ack 28961 win 63",
    "0.000 b [.] ack 30409 win 62",
    "0.007 b [.] ack 37649 win 57 sack 36201-37649",
  ]);
});

// tcp_send_delayed_ack with ato; RFC 1122 section 4.2.3.2; TCP_DELACK_MIN
test("a host that answers leaves the ACK to its answer, or to a timer 40 ms later", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      for (let n = 0; ; n++) {
        const { bytes: request } = yield* socket.recv();
        if (request.length === 0) return;
        if (n === 3) yield* sleep(100 * MSEC);
        yield* socket.send(bytes(1));
      }
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      for (let i = 0; i < 5; i++) {
        yield* socket.send(bytes(100));
        yield* socket.recv();
        yield* sleep(200 * MSEC);
      }
    })(),
  );
  lab.run(3);
  expect(wire.timed().slice(3)).toEqual([
    "0.000 a [P.] 1:101 ack 1 win 63 len 100",
    "0.000 b [.] ack 101 win 64",
    "0.000 b [P.] 1:2 ack 101 win 64 len 1",
    "0.000 a [.] ack 2 win 63",
    "0.200 a [P.] 101:201 ack 2 win 63 len 100",
    "0.200 b [P.] 2:3 ack 201 win 64 len 1",
    "0.200 a [.] ack 3 win 63",
    "0.400 a [P.] 201:301 ack 3 win 63 len 100",
    "0.400 b [P.] 3:4 ack 301 win 64 len 1",
    "0.400 a [.] ack 4 win 63",
    "0.600 a [P.] 301:401 ack 4 win 63 len 100",
    "0.644 b [.] ack 401 win 64",
    "0.700 b [P.] 4:5 ack 401 win 64 len 1",
    "0.700 a [.] ack 5 win 63",
    "0.900 a [P.] 401:501 ack 5 win 63 len 100",
    "0.900 b [.] ack 501 win 64",
    "0.900 b [P.] 5:6 ack 501 win 64 len 1",
    "0.900 a [.] ack 6 win 63",
  ]);
});

// tcp_sock_set_quickack
test("TCP_QUICKACK ends the waiting", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* socket.recv();
      yield* socket.send(bytes(1));
      socket.setOption("TCP_QUICKACK", 1);
      yield* discard(socket);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(1));
      yield* socket.recv();
      yield* sleep(SEC);
      wire.take();
      yield* socket.send(bytes(1));
    })(),
  );
  lab.run(3);
  expect(wire.timed()).toEqual(["0.000 a [P.] 2:3 ack 2 win 63 len 1", "0.000 b [.] ack 3 win 64"]);
});

// tcp_grow_window, __tcp_grow_window, tcp_measure_rcv_mss
test("the window grows by two segments with each that arrives, until the buffer is the bound", () => {
  const { lab, a, b, wire } = twoHosts(false);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      for (let i = 0; i < 12; i++) {
        yield* socket.send(bytes(1448));
        yield* sleep(10 * MSEC);
      }
    })(),
  );
  lab.run(1);
  expect(wire.lines.filter((line) => line.startsWith("b [.]"))).toEqual([
    "b [.] ack 1449 win 67",
    "b [.] ack 2897 win 70",
    "b [.] ack 4345 win 73",
    "b [.] ack 5793 win 75",
    "b [.] ack 7241 win 78",
    "b [.] ack 8689 win 80",
    "b [.] ack 10137 win 80",
    "b [.] ack 11585 win 80",
    "b [.] ack 13033 win 80",
    "b [.] ack 14481 win 80",
    "b [.] ack 15929 win 80",
    "b [.] ack 17377 win 80",
  ]);
});

// tcp_rcv_space_adjust, tcp_rcvbuf_grow
test("a reader that keeps up gets a larger receive buffer", () => {
  const { lab, a, b } = twoHosts();
  const sizes: number[] = [];
  b.run(
    "server",
    server(b, 80, function* (socket) {
      sizes.push(streamSock(socket).rcvBuf);
      yield* readAll(socket);
      sizes.push(streamSock(socket).rcvBuf);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      for (let i = 0; i < 400; i++) {
        yield* socket.send(bytes(50_000));
        yield* sleep(MSEC);
      }
      socket.release();
    })(),
  );
  lab.run(4);
  expect(sizes[0]).toBe(131_072);
  expect(sizes[1]).toBeGreaterThan(500_000);
});

// __tcp_cleanup_rbuf: the window at least doubles
test("a reader that empties a full buffer tells the sender", () => {
  const { lab, a, b, wire } = twoHosts();
  b.sysctl("tcp_rmem", "4096 30000 30000");
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(SEC);
      yield* socket.recv(100_000);
      yield* sleep(100 * SEC);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* sleep(MSEC);
      yield* socket.send(bytes(26_000));
    })(),
  );
  lab.run(2);
  expect(wire.timed(2).slice(-4)).toEqual([
    "0.00 a [P.] 24617:26001 ack 1 win 63 len 1384",
    "0.01 a [P.] 24617:26001 ack 1 win 63 len 1384",
    "0.04 b [.] ack 26001 win 8 sack 24617-26001",
    "1.00 b [.] ack 26001 win 154",
  ]);
});

/** A connection of a to b's port 80, and b's end as `inject` wants it. */
function established(): {
  lab: ReturnType<typeof twoHosts>["lab"];
  a: TcpHost;
  wire: ReturnType<typeof twoHosts>["wire"];
  peer: { from: string; to: string; sport: number; dport: number; seq: number; ack: number };
} {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* () {
      yield* sleep(1000 * SEC);
    }),
  );
  let dport = 0;
  let seq = 0;
  let ack = 0;
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      const sk = streamSock(socket);
      dport = sk.sport;
      seq = sk.rcvNxt;
      ack = sk.sndNxt;
      yield* socket.recv();
    })(),
  );
  lab.run(1);
  wire.take();
  return { lab, a, wire, peer: { from: "10.0.0.2", to: "10.0.0.1", sport: 80, dport, seq, ack } };
}

/** What a says to one segment (b resets what it did not expect: only a's first answer counts). */
function answer(segment: (peer: ReturnType<typeof established>["peer"]) => Parameters<typeof inject>[1]): string[] {
  const { lab, a, wire, peer } = established();
  inject(a, segment(peer));
  lab.run(0.3);
  return [...wire.lines, ...a.states(), ...a.errors];
}

// RFC 5961 section 3.2; tcp_validate_incoming, tcp_reset_check, tcp_send_challenge_ack
test("a reset is believed only at exactly the expected number, elsewhere in the window it is challenged", () => {
  expect(answer((peer) => ({ ...peer, flags: RST }))).toEqual(["b [R] 1:1 win 64240", "Connection reset by peer"]);
  expect(answer((peer) => ({ ...peer, seq: peer.seq + 100, flags: RST }))).toEqual([
    "b [R] 101:101 win 64240",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
  expect(answer((peer) => ({ ...peer, seq: peer.seq + 10_000_000, flags: RST }))).toEqual([
    "b [R] 10000001:10000001 win 64240",
    "ESTABLISHED",
  ]);
});

// RFC 5961 section 4.2
test("a SYN on a connection is challenged, whatever its number", () => {
  expect(answer((peer) => ({ ...peer, flags: SYN }))).toEqual([
    "b [S] 0:0 win 64240 <>",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
  expect(answer((peer) => ({ ...peer, seq: peer.seq + 99, flags: SYN | ACK }))).toEqual([
    "b [S.] 0:0 ack 1 win 64240 <>",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
});

// RFC 5961 section 5.2, RFC 9293 section 3.10.7.4; tcp_ack with snd_nxt and snd_una − max_window
test("an ACK of something never sent is challenged, and so is one of long ago", () => {
  expect(answer((peer) => ({ ...peer, ack: peer.ack + 1, flags: ACK | PSH, payload: bytes(3) }))).toEqual([
    "b [P.] 1:4 ack 2 win 64240 len 3",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
  expect(answer((peer) => ({ ...peer, ack: peer.ack - 1_000_000, flags: ACK | PSH, payload: bytes(3) }))).toEqual([
    "b [P.] 1:4 ack 4293967297 win 64240 len 3",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
});

// tcp_validate_incoming: outside the window, or older by its timestamp (RFC 7323 PAWS)
test("a segment outside the window is answered with an ACK, and with a DSACK when it came before", () => {
  expect(answer((peer) => ({ ...peer, seq: peer.seq - 10, flags: ACK | PSH, payload: bytes(10) }))).toEqual([
    "b [P.] 4294967287:4294967297 ack 1 win 64240 len 10",
    "a [.] ack 1 win 63 sack 4294967287-1",
    "ESTABLISHED",
  ]);
  expect(answer((peer) => ({ ...peer, seq: peer.seq + 1_000_000, flags: ACK | PSH, payload: bytes(10) }))).toEqual([
    "b [P.] 1000001:1000011 ack 1 win 64240 len 10",
    "a [.] ack 1 win 63",
    "ESTABLISHED",
  ]);
});

// RFC 5961 section 7: net.ipv4.tcp_invalid_ratelimit, half a second
test("the same nonsense is answered once in half a second", () => {
  const { lab, a, wire, peer } = established();
  for (let i = 0; i < 5; i++) inject(a, { ...peer, flags: SYN });
  lab.run(0.45);
  for (let i = 0; i < 5; i++) inject(a, { ...peer, flags: SYN });
  lab.run(0.2);
  for (let i = 0; i < 5; i++) inject(a, { ...peer, flags: SYN });
  lab.run(0.2);
  expect(wire.timed(1).filter((line) => line.includes(" a "))).toEqual([
    "0.0 a [.] ack 1 win 63",
    "0.7 a [.] ack 1 win 63",
  ]);
});

// tcp_send_fin: the FIN goes with what is still unsent; tcp_data_queue, tcp_fin
test("a FIN travels with the last unsent bytes, and they are read before the end", () => {
  const { lab, a, b, wire } = twoHosts();
  const got: number[] = [];
  b.run(
    "server",
    server(b, 80, function* (socket) {
      socket.setOption("TCP_CORK", 1);
      yield* socket.send(bytes(30));
      socket.release();
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      for (;;) {
        const { bytes: part } = yield* socket.recv(20);
        got.push(part.length);
        if (part.length === 0) return;
      }
    })(),
  );
  lab.run(1);
  expect(wire.lines[3]).toBe("b [FP.] 1:31 ack 1 win 64 len 30");
  expect(got).toEqual([20, 10, 0]);
});
