import { expect, test } from "vitest";
import { get16 } from "../../../src/wire/layout.ts";
import { CHECKSUM } from "../../../src/wire/tcp.ts";
import { bytes, connectTo, discard, ip, MSEC, readAll, SEC, server, sleep, streamSock, twoHosts } from "./tcp-lab.ts";

// RFC 9293 section 3.5 and RFC 7323; tcp_connect, tcp_v4_conn_request, tcp_select_initial_window
test("a handshake offers MSS, SACK, timestamps and a scale of 10, and a window of 64240, then 65160, then 63 KiB", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* sleep(SEC);
      socket.release();
    })(),
  );
  lab.run(0.5);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
  ]);
  expect([a.states(), b.states()]).toEqual([["ESTABLISHED"], ["LISTEN", "ESTABLISHED"]]);
});

// tcp_options_write: MSS, SACK permitted with timestamps, NOP and window scale
test("options lie in Linux's order: MSS, SACK permitted, timestamps, NOP, window scale", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      yield* connectTo(a, 80);
    })(),
  );
  lab.run(0.5);
  const kinds = wire.raw.map(({ bytes: frame }) => {
    const out: number[] = [];
    for (let at = 40; at < 20 + (frame[32]! >> 4) * 4; ) {
      out.push(frame[at]!);
      at += frame[at]! < 2 ? 1 : frame[at + 1]!;
    }
    return out;
  });
  expect(kinds).toEqual([
    [2, 4, 8, 1, 3],
    [2, 4, 8, 1, 3],
    [1, 1, 8],
  ]);
});

// __ip_select_ident: a connection counts its own packets; a SYN-ACK (ip_build_and_send_pkt) has 0
test("IP identifications count up within a connection, a SYN-ACK's and a reset's are 0", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(3));
      yield* sleep(SEC);
      socket.release();
    })(),
  );
  a.run(
    "refused",
    (function* () {
      yield* connectTo(a, 81);
    })(),
  );
  lab.run(0.5);
  const ids = wire.raw.map(({ bytes: frame }) => get16(frame, 4));
  const mine = wire.raw.flatMap(({ from, bytes: frame }, i) =>
    from === "a" && get16(frame, 22) === 80 ? [ids[i]!] : [],
  );
  expect(mine.map((id) => (id - mine[0]! + 65536) % 65536)).toEqual([0, 1, 2]);
  expect(wire.lines.filter((_, i) => ids[i] === 0)).toEqual([
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "b [R.] 0:0 ack 1 win 0",
  ]);
  expect(wire.raw.every(({ bytes: frame }) => (frame[6]! & 0x40) !== 0)).toBe(true);
});

// tcp_v4_send_check against tcp_v4_send_reset: CHECKSUM_PARTIAL is for packets of sockets
test("a device that computes checksums gets a connection's segments with the pseudo-header's sum, a reset's whole one", () => {
  const { lab, a, wire } = twoHosts();
  a.run(
    "refused",
    (function* () {
      yield* connectTo(a, 81);
    })(),
  );
  lab.run(0.1);
  const folded = wire.raw.map(({ bytes: frame }) => {
    const length = frame.length - 20;
    let sum = 6 + length;
    for (let i = 12; i < 20; i += 2) sum += get16(frame, i);
    let pseudo = sum;
    while (pseudo > 0xffff) pseudo = (pseudo & 0xffff) + (pseudo >>> 16);
    for (let i = 20; i < frame.length; i += 2) sum += get16(frame, i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return sum === 0xffff ? "whole" : get16(frame, 20 + CHECKSUM) === pseudo ? "partial" : "wrong";
  });
  expect(folded).toEqual(["partial", "whole"]);
});

// RFC 9293 section 3.5.2; tcp_v4_send_reset, tcp_reset
test("a port without a listener answers a SYN with a reset, and connect fails at once", () => {
  const { lab, a, wire } = twoHosts();
  a.run(
    "client",
    (function* () {
      yield* connectTo(a, 81);
    })(),
  );
  lab.run(1);
  expect(wire.lines).toEqual(["a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>", "b [R.] 0:0 ack 1 win 0"]);
  expect([a.errors, a.states()]).toEqual([["Connection refused"], []]);
});

// RFC 6298; tcp_syn_retries and tcp_syn_linear_timeouts, retransmits_timed_out
test("a SYN without an answer is sent again four times a second apart, then ever later, and connect times out", () => {
  const { lab, a, b, wire } = twoHosts();
  b.loseIncoming(() => true);
  a.run(
    "client",
    (function* () {
      yield* connectTo(a, 80);
    })(),
  );
  lab.run(200);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "1.02 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "2.05 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "3.07 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "4.10 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "5.12 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "7.14 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "11.26 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "19.46 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "35.58 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "69.63 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
  ]);
  expect([a.errors, a.states()]).toEqual([["Connection timed out"], []]);
});

test("fewer SYN retries may be asked for (TCP_SYNCNT), and none in a row (tcp_syn_linear_timeouts)", () => {
  const { lab, a, b, wire } = twoHosts();
  b.loseIncoming(() => true);
  a.sysctl("tcp_syn_linear_timeouts", 0);
  a.run(
    "client",
    (function* () {
      const socket = a.socket();
      socket.setOption("TCP_SYNCNT", 2);
      yield* socket.connect({ addr: ip("10.0.0.2"), port: 80 });
    })(),
  );
  lab.run(200);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "1.02 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "3.04 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
  ]);
  expect(a.errors).toEqual(["Connection timed out"]);
});

// reqsk_timer_handler, inet_rtx_syn_ack: tcp_synack_retries doubling from one second; repeated SYNs are answered too
test("a SYN-ACK without an answer is sent five times more, and the request is forgotten", () => {
  const { lab, a, b, wire } = twoHosts();
  a.loseIncoming(() => true);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = a.socket();
      socket.setOption("TCP_SYNCNT", 1);
      yield* socket.connect({ addr: ip("10.0.0.2"), port: 80 });
    })(),
  );
  lab.run(5);
  expect(b.states()).toEqual(["LISTEN", "SYN_RECV"]);
  lab.run(70);
  expect(wire.timed(2)).toEqual([
    "0.00 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "0.00 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "1.02 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "1.02 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "1.02 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "2.05 a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "2.05 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "4.06 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "8.19 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "16.38 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "32.51 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
  ]);
  expect(b.states()).toEqual(["LISTEN"]);
});

/** A client, then two whose handshakes cross on the way; a server with room for two connections, which accepts after 1.5 s. */
function overflow(abort: number): ReturnType<typeof twoHosts> {
  const world = twoHosts();
  const { lab, a, b } = world;
  b.tcp.sysctl.abortOnOverflow = abort;
  for (const host of [a, b]) host.delayOutgoing(10 * MSEC);
  b.run(
    "server",
    (function* () {
      const socket = b.socket();
      socket.bind({ addr: 0, port: 80 });
      socket.listen(1);
      yield* sleep(1.5 * SEC);
      for (;;) yield* socket.accept();
    })(),
  );
  for (const [name, ms] of [
    ["one", 0],
    ["two", 100],
    ["three", 100],
  ] as const)
    a.run(
      name,
      (function* () {
        yield* sleep(ms * MSEC);
        const socket = a.socket();
        yield* socket.connect({ addr: ip("10.0.0.2"), port: 80 });
        yield* socket.recv();
      })(),
    );
  lab.run(1.2);
  return world;
}

// tcp_v4_syn_recv_sock, tcp_check_req (listen_overflow); what a handshake is to wait for, RFC 9293 section 3.10.7.4 leaves to the implementation
test("a full accept queue drops the last ACK of a handshake, and the SYN-ACK goes again until there is room", () => {
  const { lab, a, b, wire } = overflow(0);
  expect(a.states()).toEqual(["ESTABLISHED", "ESTABLISHED", "ESTABLISHED"]);
  expect(b.states().sort()).toEqual(["ESTABLISHED", "ESTABLISHED", "LISTEN", "SYN_RECV"]);
  lab.run(5);
  expect(b.states().sort()).toEqual(["ESTABLISHED", "ESTABLISHED", "ESTABLISHED", "LISTEN"]);
  expect(b.counters("ListenOverflows", "ListenDrops", "EmbryonicRsts")).toEqual({
    ListenOverflows: 2,
    ListenDrops: 2,
    EmbryonicRsts: 0,
  });
  expect(wire.timed(2).slice(-5)).toEqual([
    "0.12 a [.] ack 1 win 63",
    "1.13 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "1.13 a [.] ack 1 win 63",
    "3.15 b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "3.15 a [.] ack 1 win 63",
  ]);
});

// tcp_check_req (embryonic_reset), net.ipv4.tcp_abort_on_overflow
test("with tcp_abort_on_overflow the ACK that finds the accept queue full is answered with a reset", () => {
  const { a, b, wire } = overflow(1);
  expect(a.states()).toEqual(["ESTABLISHED", "ESTABLISHED"]);
  expect(a.errors).toEqual(["Connection reset by peer"]);
  expect(b.counters("ListenOverflows", "ListenDrops", "EmbryonicRsts")).toEqual({
    ListenOverflows: 1,
    ListenDrops: 1,
    EmbryonicRsts: 1,
  });
  expect(wire.timed(2).slice(-2)).toEqual(["0.12 a [.] ack 1 win 63", "0.14 b [R] 1:1 win 0"]);
});

// RFC 9293 section 3.5 figure 7; tcp_rcv_synsent_state_process
test("two ends that connect to each other at the same time make one connection", () => {
  const { lab, a, b, wire } = twoHosts();
  b.loseIncoming((_, n) => n === 1);
  const got: number[] = [];
  for (const [host, port, peer, to] of [
    [a, 1000, "10.0.0.2", 2000],
    [b, 2000, "10.0.0.1", 1000],
  ] as const)
    host.run(
      "peer",
      (function* () {
        const socket = host.socket();
        socket.bind({ addr: 0, port });
        yield* socket.connect({ addr: ip(peer), port: to });
        yield* socket.send(bytes(port));
        yield* socket.shutdown(1);
        got.push(yield* readAll(socket));
      })(),
    );
  lab.run(1);
  expect(wire.lines.slice(0, 6)).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "a [S.] 0:0 ack 1 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [.] ack 1 win 63",
    "b [P.] 1:2001 ack 1 win 63 len 2000",
    "a [.] ack 2001 win 67",
  ]);
  expect([a.errors, b.errors, got.sort()]).toEqual([[], [], [1000, 2000]]);
});

// tcp_parse_options, tcp_syn_build_options: what a side does not offer is not used
test("options that one side has switched off are not used by either", () => {
  const { lab, a, b, wire } = twoHosts();
  b.sysctl("tcp_timestamps", 0);
  b.sysctl("tcp_window_scaling", 0);
  b.sysctl("tcp_sack", 0);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(5000));
      yield* sleep(SEC);
      socket.release();
    })(),
  );
  lab.run(0.5);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [S.] 0:0 ack 1 win 64240 <mss 1460>",
    "a [.] ack 1 win 64240",
    "a [P.] 1:5001 ack 1 win 64240 len 5000",
    "b [.] ack 5001 win 65535",
  ]);
});

// RFC 3168 section 6.1.1; tcp_ecn_send_syn, tcp_ecn_create_request
test("ECN is asked for when told to, and granted by default", () => {
  const { lab, a, b, wire } = twoHosts();
  a.sysctl("tcp_ecn", 1);
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = yield* connectTo(a, 80);
      yield* socket.send(bytes(100));
    })(),
  );
  lab.run(0.5);
  expect(wire.lines).toEqual([
    "a [SEW] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>",
    "b [SE.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 63",
    "a [P.] 1:101 ack 1 win 63 len 100",
    "b [.] ack 101 win 64",
  ]);
  // ECT(0) on data only
  expect(wire.raw.map(({ bytes: frame }) => frame[1]! & 3)).toEqual([0, 0, 0, 2, 0]);
});

// tcp_connect_init: the first window comes from the receive buffer; SO_RCVBUF fixes it
test("a small receive buffer makes a small window and a small scale", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const socket = a.socket();
      socket.setOption("SO_RCVBUF", 4096);
      yield* socket.connect({ addr: ip("10.0.0.2"), port: 80 });
      expect(streamSock(socket).rcvBuf).toBe(8192);
    })(),
  );
  lab.run(0.5);
  expect(wire.lines).toEqual([
    "a [S] 0:0 win 2920 <mss 1460,sackOK,TS,wscale 0>",
    "b [S.] 0:0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>",
    "a [.] ack 1 win 2920",
  ]);
});

// secure_tcp_ts_off: one offset for all connections from one host to another
test("timestamps of all connections from one host to another run on one clock, which begins at random", () => {
  const { lab, a, b, wire } = twoHosts();
  b.run("server", server(b, 80, discard));
  a.run(
    "client",
    (function* () {
      const one = yield* connectTo(a, 80);
      const two = yield* connectTo(a, 80);
      yield* sleep(SEC);
      one.release();
      two.release();
    })(),
  );
  lab.run(0.5);
  const [syn, , , again] = wire.raw;
  expect(wire.lines[3]).toBe("a [S] 0:0 win 64240 <mss 1460,sackOK,TS,wscale 10>");
  expect(again!.options.tsVal - syn!.options.tsVal).toBe(0);
  expect(syn!.options.tsVal).not.toBe(wire.raw[1]!.options.tsVal);
});
