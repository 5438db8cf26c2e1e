import { expect, test } from "vitest";
import type { Task } from "../../../src/sim/task.ts";
import { ACK, FIN, RST, SYN } from "../../../src/wire/tcp.ts";
import {
  bytes,
  connectTo,
  discard,
  inject,
  ip,
  MSEC,
  readAll,
  SEC,
  server,
  sleep,
  streamSock,
  twoHosts,
} from "./tcp-lab.ts";

// RFC 9293 section 3.6; tcp_shutdown, tcp_fin, tcp_time_wait
test("the end that closes first keeps the connection in TIME_WAIT for a minute, the other forgets it at once", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.release();
    })(),
  );
  lab.run(1);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
    "a [F.] 1:1 ack 1 win 63",
    "b [F.] 1:1 ack 2 win 64",
    "a [.] ack 2 win 63",
  ]);
  expect([a.states(), b.states()]).toEqual([["TIME_WAIT"], ["LISTEN"]]);
  lab.run(58);
  expect(a.states()).toEqual(["TIME_WAIT"]);
  lab.run(7);
  expect(a.states()).toEqual([]);
});

// tcp_rcv_state_process: the other end of a half-closed connection may go on sending
test("a side that has sent its FIN still receives", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* readAll(socket);
      yield* sleep(500 * MSEC);
      yield* socket.send(bytes(10));
      socket.release();
    }),
  );
  let got = 0;
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(5));
      yield* socket.shutdown(1);
      got = yield* readAll(socket);
      socket.release();
    })(),
  );
  lab.run(0.4);
  expect([a.states(), b.states()]).toEqual([["FIN_WAIT2"], ["LISTEN", "CLOSE_WAIT"]]);
  lab.run(1);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 a [.] ack 1 win 63",
    "0.00 a [P.] 1:6 ack 1 win 63 len 5",
    "0.00 b [.] ack 6 win 64",
    "0.00 a [F.] 6:6 ack 1 win 63",
    "0.04 b [.] ack 7 win 64",
    "0.50 b [P.] 1:11 ack 7 win 64 len 10",
    "0.50 a [.] ack 11 win 63",
    "0.50 b [F.] 11:11 ack 7 win 64",
    "0.50 a [.] ack 12 win 63",
  ]);
  expect(got).toBe(10);
});

// RFC 9293 section 3.6 figure 13; TCP_CLOSING in tcp_rcv_state_process
test("both sides may close at the same time, and both wait", () => {
  const { lab, a, b, wire } = twoHosts();
  let lost = false;
  b.loseIncoming(({ flags }) => {
    if (lost || !(flags & FIN)) return false;
    lost = true;
    return true;
  });
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(150 * MSEC);
      socket.release();
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* sleep(150 * MSEC);
      socket.release();
    })(),
  );
  lab.run(0.152);
  expect([a.states(), b.states()]).toEqual([["CLOSING"], ["LISTEN", "FIN_WAIT2"]]);
  lab.run(1);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 a [.] ack 1 win 63",
    "0.15 a [F.] 1:1 ack 1 win 63",
    "0.15 b [F.] 1:1 ack 1 win 64",
    "0.15 a [.] ack 2 win 63",
    "0.36 a [F.] 1:1 ack 2 win 63",
    "0.36 b [.] ack 2 win 64",
  ]);
  expect([a.states(), b.states()]).toEqual([["TIME_WAIT"], ["LISTEN", "TIME_WAIT"]]);
});

// RFC 2525 section 2.17; __tcp_close
test("a close that throws away unread bytes is a reset", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* sleep(10 * MSEC);
      socket.release();
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(5));
      yield* socket.recv();
    })(),
  );
  lab.run(1);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
    "a [P.] 1:6 ack 1 win 63 len 5",
    "b [.] ack 6 win 64",
    "b [R.] 1:1 ack 6 win 64",
  ]);
  expect([a.errors, a.states(), b.states()]).toEqual([["Connection reset by peer"], [], ["LISTEN"]]);
});

// RFC 1122 section 4.2.2.13; tcp_rcv_state_process with RCV_SHUTDOWN, TCPAbortOnData
test("bytes for a side that has closed are answered with a reset", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* socket.recv();
      yield* sleep(SEC);
      yield* socket.send(bytes(7));
      yield* sleep(SEC);
      yield* socket.send(bytes(7));
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(5));
      socket.release();
    })(),
  );
  lab.run(5);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 a [.] ack 1 win 63",
    "0.00 a [P.] 1:6 ack 1 win 63 len 5",
    "0.00 b [.] ack 6 win 64",
    "0.00 a [F.] 6:6 ack 1 win 63",
    "0.04 b [.] ack 7 win 64",
    "1.00 b [P.] 1:8 ack 7 win 64 len 7",
    "1.00 a [R] 7:7 win 0",
  ]);
  expect([b.errors, b.states()]).toEqual([["Broken pipe"], ["LISTEN"]]);
});

// SO_LINGER of 0 seconds: tcp_disconnect, tcp_send_active_reset
test("a close that does not linger resets", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      yield* socket.recv();
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.setOption("SO_LINGER", 0);
      yield* sleep(MSEC);
      socket.release();
    })(),
  );
  lab.run(1);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
    "a [R.] 1:1 ack 1 win 63",
  ]);
  expect([b.errors, a.states(), b.states()]).toEqual([["Connection reset by peer"], [], ["LISTEN"]]);
});

// tcp_fin_timeout: tcp_time_wait(sk, TCP_FIN_WAIT2, tmo)
test("an orphan whose peer never closes is forgotten a minute after its FIN was acknowledged", () => {
  const { lab, a, b } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* () {
      yield* sleep(1000 * SEC);
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      socket.release();
    })(),
  );
  lab.run(50);
  expect([a.states(), b.states()]).toEqual([["FIN_WAIT2"], ["LISTEN", "CLOSE_WAIT"]]);
  lab.run(15);
  expect([a.states(), b.states()]).toEqual([[], ["LISTEN", "CLOSE_WAIT"]]);
});

// RFC 9293 section 3.10.7.1; tcp_v4_send_reset
test("a segment for no connection is answered with a reset whose numbers it accepts", () => {
  const { lab, a, wire } = twoHosts();
  const segment = { from: "10.0.0.2", to: "10.0.0.1", sport: 5000, dport: 99 };
  inject(a, { ...segment, seq: 1000, flags: SYN, payload: bytes(3) });
  inject(a, { ...segment, seq: 1000, ack: 4000, flags: ACK });
  inject(a, { ...segment, seq: 1000, ack: 4000, flags: ACK | FIN });
  inject(a, { ...segment, seq: 1000, flags: RST });
  lab.run(0.1);
  const resets = wire.raw.filter(({ from }) => from === "a").map(({ bytes: frame }) => [...frame.slice(24, 34)]);
  expect(wire.lines.filter((line) => line.startsWith("a"))).toEqual([
    "a [R.] 0:0 ack 4 win 0",
    "a [R] 0:0 win 0",
    "a [R] 0:0 win 0",
  ]);
  expect(resets).toEqual([
    [0, 0, 0, 0, 0, 0, 3, 236, 80, 20],
    [0, 0, 15, 160, 0, 0, 0, 0, 80, 4],
    [0, 0, 15, 160, 0, 0, 0, 0, 80, 4],
  ]);
});

// RFC 6191; tcp_timewait_state_process, TCP_TW_SYN in tcp_v4_rcv
test("a SYN beyond what a connection in TIME_WAIT had makes a new connection", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      socket.release();
      yield* sleep(0);
    }),
  );
  const client = function* (): Task<void> {
    const socket = a.socket();
    socket.setOption("SO_REUSEADDR", 1);
    socket.bind({ addr: 0, port: 1234 });
    yield* socket.connect({ addr: ip("10.0.0.2"), port: 80 });
    yield* readAll(socket);
    socket.release();
  };
  a.run("client", client());
  lab.run(1);
  expect(b.states()).toEqual(["LISTEN", "TIME_WAIT"]);
  wire.forget();
  a.run("again", client());
  lab.run(1);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
    "b [F.] 1:1 ack 1 win 64",
    "a [F.] 1:1 ack 2 win 63",
    "b [.] ack 2 win 64",
  ]);
  expect(a.errors).toEqual([]);
  expect(b.states()).toEqual(["LISTEN", "TIME_WAIT"]);
});

// tcp_fin, tcp_send_ack: a FIN is acknowledged at once only out of pingpong mode
test("after an answer, a FIN waits for the delayed ACK or for this side's own FIN", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* (socket) {
      for (;;) {
        const { bytes: request } = yield* socket.recv();
        if (request.length === 0) break;
        yield* socket.send(bytes(20));
      }
      yield* sleep(SEC);
      socket.release();
    }),
  );
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      for (let i = 0; i < 4; i++) {
        yield* socket.send(bytes(10));
        yield* socket.recv();
      }
      socket.release();
    })(),
  );
  lab.run(3);
  expect(wire.timed(3)).toEqual([
    "0.000 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.000 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "0.000 a [.] ack 1 win 63",
    "0.000 a [P.] 1:11 ack 1 win 63 len 10",
    "0.000 b [.] ack 11 win 64",
    "0.000 b [P.] 1:21 ack 11 win 64 len 20",
    "0.000 a [.] ack 21 win 63",
    "0.000 a [P.] 11:21 ack 21 win 63 len 10",
    "0.000 b [P.] 21:41 ack 21 win 64 len 20",
    "0.000 a [P.] 21:31 ack 41 win 63 len 10",
    "0.000 b [P.] 41:61 ack 31 win 64 len 20",
    "0.000 a [P.] 31:41 ack 61 win 63 len 10",
    "0.000 b [P.] 61:81 ack 41 win 64 len 20",
    "0.000 a [F.] 41:41 ack 81 win 63",
    "0.044 b [.] ack 42 win 64",
    "1.000 b [F.] 81:81 ack 42 win 64",
    "1.000 a [.] ack 82 win 63",
  ]);
});

// RFC 9293 section 3.10.7.4 and tcp_reset: what each state makes of a reset
test("a reset ends a connection: ECONNRESET, and EPIPE where the peer had already closed", () => {
  const { lab, a, b } = twoHosts();
  b.run(
    "server",
    server(b, 80, function* () {
      yield* sleep(0);
    }),
  );
  const tell = function* (closing: boolean): Task<void> {
    const socket = yield* connectTo(a, 80);
    yield* sleep(10 * MSEC);
    const sk = streamSock(socket);
    const peer = { from: "10.0.0.2", to: "10.0.0.1", sport: 80, dport: sk.sport };
    let seq = sk.rcvNxt;
    if (closing) inject(a, { ...peer, seq: seq++, ack: sk.sndNxt, flags: FIN | ACK });
    inject(a, { ...peer, seq, flags: RST });
    yield* sleep(MSEC);
    a.errors.push(String(streamSock(socket).takeError()));
  };
  a.run("reset", tell(false));
  lab.run(1);
  a.run("reset after FIN", tell(true));
  lab.run(1);
  expect(a.errors).toEqual(["104", "32"]);
});
